//! A CloudFormation template.

use super::{AwsSetup, RETENTION_HOURS};
use crate::Access;
use crate::policy::SIMULATE;

impl AwsSetup {
    /// Returns a template that makes the stream, the role and its policy.
    #[must_use]
    pub fn cloudformation(&self) -> String {
        let Self {
            stream,
            external_id,
            ..
        } = self;
        let (role_path, role_name) = (quoted(&self.role_path), quoted(&self.role_name));
        // `${` begins a variable of `!Sub`, and `${!` stands for the characters.
        let resource = format!("{role_path}{role_name}").replace("${", "${!");
        let default = self
            .principal
            .as_ref()
            .map_or_else(String::new, |arn| format!("\n    Default: \"{arn}\""));
        let external_id = external_id.as_str();
        let encryption = self.kms_key.as_ref().map_or_else(String::new, |key| {
            format!(
                "\n      StreamEncryption:\n        EncryptionType: KMS\n        KeyId: \"{key}\""
            )
        });
        let key = self.kms_key.as_ref().map_or_else(String::new, |key| {
            format!(
                "\n              - Effect: Allow\n                Action: {}\n                Resource: \"{key}\"",
                self.access.key_action()
            )
        });
        let actions = list(self.access);
        let verb = self.verb();
        format!(
            r#"# aws cloudformation deploy --template-file FILE --stack-name {role_name} --capabilities CAPABILITY_NAMED_IAM
AWSTemplateFormatVersion: "2010-09-09"
Description: The stream {stream} and the role under which Muster {verb} it
Parameters:
  MusterPrincipal:
    Type: String
    Description: ARN of the user or role that Muster runs as{default}
  ExternalId:
    Type: String
    Description: The external_id in muster.yaml
    NoEcho: true
    Default: "{external_id}"
Resources:
  Stream:
    Type: AWS::Kinesis::Stream
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      Name: "{stream}"
      RetentionPeriodHours: {RETENTION_HOURS}
      StreamModeDetails:
        StreamMode: ON_DEMAND{encryption}
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: "{role_name}"
      Path: "{role_path}"
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal:
              AWS: !Ref MusterPrincipal
            Action: sts:AssumeRole
            Condition:
              StringEquals:
                sts:ExternalId: !Ref ExternalId
      Policies:
        - PolicyName: muster
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: {actions}
                Resource: !GetAtt Stream.Arn{key}
              - Effect: Allow
                Action: {SIMULATE}
                Resource: !Sub "arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role{resource}"
Outputs:
  RoleArn:
    Description: The role_arn in muster.yaml
    Value: !GetAtt Role.Arn
"#
        )
    }
}

/// Escapes a text that stands between quotation marks.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn list(access: Access) -> String {
    format!("[{}]", access.actions().join(", "))
}

//! The permissions of a role, and those of the assumed session.

use serde_json::{Value, json};

use crate::{RoleArn, StreamSettings};

/// The longest session policy. STS: at most 2,048 characters. Muster's has 500 at most besides
/// three ARNs: the stream's of at most about 220, the key's of about 120 and the role's. The
/// stream's ARN is `arn:` + partition + `:kinesis:` + region (32) + `:` + account (12) +
/// `:stream/` + name (128). IAM: a role's path has at most 512 characters and its name 64.
#[cfg(test)]
const POLICY_CHARACTERS: usize = 2_048;

/// The longest name of a session. STS: 2 to 64 characters.
const SESSION_NAME_CHARACTERS: usize = 64;

/// The action with which a check asks IAM what the role may do.
pub(crate) const SIMULATE: &str = "iam:SimulatePrincipalPolicy";

/// The access of a session to its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The session may put records.
    Write,
    /// The session may list shards and get records.
    Read,
}

impl Access {
    /// Returns the actions on the stream.
    #[must_use]
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Write => &["kinesis:PutRecord", "kinesis:PutRecords"],
            Self::Read => &[
                "kinesis:ListShards",
                "kinesis:GetShardIterator",
                "kinesis:GetRecords",
            ],
        }
    }

    /// Returns the action on the key of an encrypted stream (Kinesis, "Permissions to use
    /// user-generated KMS keys").
    #[must_use]
    pub fn key_action(self) -> &'static str {
        match self {
            Self::Write => "kms:GenerateDataKey",
            Self::Read => "kms:Decrypt",
        }
    }

    /// Returns the policy that allows this access. `simulate` is the ARN of a role whose
    /// permissions may be simulated as well.
    pub(crate) fn policy(self, stream: &str, key: Option<&str>, simulate: Option<&str>) -> Value {
        let mut statements = vec![allow(self.actions(), stream)];
        statements.extend(key.map(|key| allow(&[self.key_action()], key)));
        statements.extend(simulate.map(|role| allow(&[SIMULATE], role)));
        json!({ "Version": VERSION, "Statement": statements })
    }
}

/// The version of the policy language (IAM, "Policy elements: Version").
pub(crate) const VERSION: &str = "2012-10-17";

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
}

/// Returns the ARN of a stream in the role's account.
pub(crate) fn stream_arn(settings: &StreamSettings, role: &RoleArn, region: &str) -> String {
    format!(
        "arn:{}:kinesis:{region}:{}:stream/{}",
        role.partition(),
        role.account(),
        settings.stream_name
    )
}

/// Returns the policy that limits a session to one use of one stream of the role's account, even if
/// the role may do more.
pub(crate) fn session_policy(
    settings: &StreamSettings,
    role: &RoleArn,
    region: &str,
    access: Access,
) -> String {
    let key = settings.kms_key.as_ref().map(|key| key.as_str());
    let stream = stream_arn(settings, role, region);
    access.policy(&stream, key, None).to_string()
}

/// Returns the policy of the session of a check, which may also simulate the role's permissions.
pub(crate) fn check_policy(settings: &StreamSettings, role: &RoleArn, region: &str) -> String {
    let key = settings.kms_key.as_ref().map(|key| key.as_str());
    let stream = stream_arn(settings, role, region);
    Access::Write
        .policy(&stream, key, Some(role.as_str()))
        .to_string()
}

/// Returns the name of the session in the logs of the role's account: `muster-` and the name of the
/// destination or source.
pub(crate) fn session_name(destination: &str) -> String {
    // STS: letters, digits and any of `_+=,.@-`.
    let allowed = |character: char| {
        if character.is_ascii_alphanumeric() || "_+=,.@-".contains(character) {
            character
        } else {
            '-'
        }
    };
    "muster-"
        .chars()
        .chain(destination.chars().map(allowed))
        .take(SESSION_NAME_CHARACTERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyArn, StreamName};

    const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn the_policy_allows_writing_to_the_one_stream_in_the_roles_account() {
        let role = RoleArn::new("arn:aws-us-gov:iam::123456789012:role/a/muster").unwrap();
        let stream = StreamSettings::new(StreamName::new("cohorts").unwrap());
        let policy = session_policy(&stream, &role, "us-gov-west-1", Access::Write);
        assert_eq!(
            serde_json::from_str::<Value>(&policy).unwrap(),
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Action": ["kinesis:PutRecord", "kinesis:PutRecords"],
                    "Resource": "arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/cohorts",
                }],
            })
        );
    }

    #[test]
    fn a_key_adds_the_one_use_of_it_that_the_access_needs() {
        let role = RoleArn::new("arn:aws:iam::123456789012:role/muster").unwrap();
        let stream = StreamSettings {
            kms_key: Some(KeyArn::new(KEY).unwrap()),
            ..StreamSettings::new(StreamName::new("cohorts").unwrap())
        };
        for (access, action) in [
            (Access::Write, "kms:GenerateDataKey"),
            (Access::Read, "kms:Decrypt"),
        ] {
            let policy = session_policy(&stream, &role, "eu-west-1", access);
            let policy: Value = serde_json::from_str(&policy).unwrap();
            assert_eq!(
                policy["Statement"][1],
                json!({ "Effect": "Allow", "Action": [action], "Resource": KEY })
            );
        }
    }

    #[test]
    fn the_longest_policy_keeps_the_limit() {
        let partition = format!("aws-{}", "x".repeat(28));
        let path = "p".repeat(512);
        let name = "n".repeat(64);
        let role = RoleArn::new(&format!(
            "arn:{partition}:iam::123456789012:role/{path}/{name}"
        ));
        let key = format!("arn:{partition}:kms:{}:123456789012:key/", "r".repeat(32));
        let stream = StreamSettings {
            kms_key: Some(KeyArn::new(&format!("{key}{}", "k".repeat(128))).unwrap()),
            ..StreamSettings::new(StreamName::new(&"s".repeat(128)).unwrap())
        };
        let policy = check_policy(&stream, &role.unwrap(), &"r".repeat(32));
        assert!(policy.len() <= POLICY_CHARACTERS, "{}", policy.len());
    }

    #[test]
    fn a_session_is_named_after_its_destination() {
        assert_eq!(session_name("growth"), "muster-growth");
        assert_eq!(session_name("Käufer / EU"), "muster-K-ufer---EU");
        assert_eq!(session_name(""), "muster-");
        assert_eq!(
            session_name(&"a".repeat(100)).len(),
            SESSION_NAME_CHARACTERS
        );
    }
}

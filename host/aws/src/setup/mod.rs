//! The role, the policies and the stream that their owner sets up in AWS.
//!
//! | file | contents |
//! |---|---|
//! | `principal.rs` | the identity that the role trusts |
//! | `cloudformation.rs`, `terraform.rs` | stream, role and policy as a template |

mod cloudformation;
mod principal;
mod terraform;

use serde_json::{Value, json};

use crate::policy::VERSION;
use crate::settings::is_account;
use crate::{Access, ExternalId, KeyArn, RoleArn, StreamName, StreamSettings};
pub use principal::Principal;

/// The hours that the stream keeps records. It is the default of Kinesis, written out so that its
/// owner sees where to raise it.
const RETENTION_HOURS: u32 = 24;

/// IAM: the name of a role has at most 64 characters.
const ROLE_NAME_CHARACTERS: usize = 64;

/// The role and the policies that one use of a stream needs in AWS.
#[derive(Clone, Debug)]
pub struct AwsSetup {
    /// The use of the stream.
    pub access: Access,
    /// The stream.
    pub stream: StreamName,
    /// The region of the stream; `None`: any.
    pub region: Option<String>,
    /// The partition: `aws`, `aws-cn`, …
    pub partition: String,
    /// The account that owns stream and role; `None`: it is not known yet.
    pub account: Option<String>,
    /// The path of the role, with slashes at both ends.
    pub role_path: String,
    /// The name of the role.
    pub role_name: String,
    /// The identity that may assume the role; `None`: it is not known.
    pub principal: Option<Principal>,
    /// The external id that the role requires.
    pub external_id: ExternalId,
    /// The key of an encrypted stream.
    pub kms_key: Option<KeyArn>,
}

impl AwsSetup {
    /// Fills in what is known of a stream. Without `role_arn` the role gets the name
    /// `muster-NAME`. Without a principal the role trusts its own account, if that is known.
    #[must_use]
    pub fn new(
        name: &str,
        stream: &StreamSettings,
        access: Access,
        external_id: ExternalId,
        principal: Option<Principal>,
    ) -> Self {
        let role = stream.role.as_ref().map(|role| &role.arn);
        let (path, role_name) = role.map_or_else(
            || {
                let name = format!("muster-{name}");
                ("/", name.chars().take(ROLE_NAME_CHARACTERS).collect())
            },
            |arn| {
                let (path, name) = arn.path_and_name();
                (path, name.to_owned())
            },
        );
        let account = role.map(|arn| arn.account().to_owned());
        let partition = role.map_or("aws", RoleArn::partition).to_owned();
        let own = account
            .as_ref()
            .map(|account| Principal::account(&partition, account));
        Self {
            access,
            stream: stream.stream_name.clone(),
            region: stream.region.as_ref().map(ToString::to_string),
            account,
            role_path: path.to_owned(),
            role_name,
            principal: principal.or(own),
            external_id,
            kms_key: stream.kms_key.clone(),
            partition,
        }
    }

    /// Returns the policy that says who may assume the role. An unknown principal is a place that
    /// IAM refuses until it is filled in.
    #[must_use]
    pub fn trust_policy(&self) -> Value {
        let unknown = || {
            format!(
                "arn:{}:iam::{}:root",
                self.partition,
                Principal::PLACEHOLDER
            )
        };
        let principal = self.principal.as_ref();
        let principal = principal.map_or_else(unknown, ToString::to_string);
        json!({
            "Version": VERSION,
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": principal },
                "Action": "sts:AssumeRole",
                "Condition": { "StringEquals": { "sts:ExternalId": self.external_id.as_str() } },
            }],
        })
    }

    /// Returns the policy that says what the role may do. An unknown account or region is `*`:
    /// without a policy of the stream itself, a role reaches only streams of its own account.
    #[must_use]
    pub fn permission_policy(&self) -> Value {
        let any = "*".to_owned();
        let (account, region) = (
            self.account.as_ref().unwrap_or(&any),
            self.region.as_ref().unwrap_or(&any),
        );
        let partition = &self.partition;
        let stream = format!(
            "arn:{partition}:kinesis:{region}:{account}:stream/{}",
            self.stream
        );
        let role = format!(
            "arn:{partition}:iam::{account}:role{}{}",
            self.role_path, self.role_name
        );
        let key = self.kms_key.as_ref().map(KeyArn::as_str);
        self.access.policy(&stream, key, Some(&role))
    }

    /// Returns what the role does with the stream, as a word of a sentence.
    fn verb(&self) -> &'static str {
        match self.access {
            Access::Write => "writes to",
            Access::Read => "reads",
        }
    }
}

/// Returns true for the number of an account: 12 digits.
#[must_use]
pub fn is_account_number(text: &str) -> bool {
    is_account(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RegionName, Role};

    fn setup(role: Option<&str>, principal: Option<&str>) -> AwsSetup {
        let stream = StreamSettings {
            region: Some(RegionName::new("eu-west-1").unwrap()),
            role: role.map(|arn| Role {
                arn: RoleArn::new(arn).unwrap(),
                external_id: None,
            }),
            ..StreamSettings::new(StreamName::new("cohorts").unwrap())
        };
        let id = ExternalId::new("muster-1").unwrap();
        let principal = principal.map(|text| Principal::new(text).unwrap());
        AwsSetup::new("growth", &stream, Access::Write, id, principal)
    }

    #[test]
    fn the_policies_are_filled_in_for_the_destination() {
        let setup = setup(
            Some("arn:aws:iam::123456789012:role/data/muster"),
            Some("arn:aws:iam::210987654321:user/muster"),
        );
        assert_eq!(
            setup.trust_policy(),
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "AWS": "arn:aws:iam::210987654321:user/muster" },
                    "Action": "sts:AssumeRole",
                    "Condition": { "StringEquals": { "sts:ExternalId": "muster-1" } },
                }],
            })
        );
        assert_eq!(
            setup.permission_policy(),
            json!({
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["kinesis:PutRecord", "kinesis:PutRecords"],
                        "Resource": "arn:aws:kinesis:eu-west-1:123456789012:stream/cohorts",
                    },
                    {
                        "Effect": "Allow",
                        "Action": ["iam:SimulatePrincipalPolicy"],
                        "Resource": "arn:aws:iam::123456789012:role/data/muster",
                    },
                ],
            })
        );
    }

    #[test]
    fn the_role_trusts_its_own_account_by_default() {
        let principal = |setup: AwsSetup| {
            setup.trust_policy()["Statement"][0]["Principal"]["AWS"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let own = setup(Some("arn:aws-cn:iam::123456789012:role/muster"), None);
        assert_eq!(principal(own), "arn:aws-cn:iam::123456789012:root");
        assert_eq!(
            principal(setup(None, None)),
            "arn:aws:iam::MUSTER_ACCOUNT_ID:root"
        );
    }

    #[test]
    fn a_role_without_an_arn_is_named_after_the_destination() {
        let setup = setup(None, None);
        assert_eq!(setup.role_name, "muster-growth");
        let policy = setup.permission_policy().to_string();
        assert!(
            policy.contains("arn:aws:kinesis:eu-west-1:*:stream/cohorts"),
            "{policy}"
        );
        assert!(
            policy.contains("arn:aws:iam::*:role/muster-growth"),
            "{policy}"
        );
        let stream = StreamSettings::new(StreamName::new("cohorts").unwrap());
        let id = ExternalId::new("muster-1").unwrap();
        let long = AwsSetup::new(&"n".repeat(64), &stream, Access::Read, id, None);
        assert_eq!(long.role_name.len(), ROLE_NAME_CHARACTERS);
    }
}

//! The permissions of the assumed session.

use serde_json::json;

use crate::{RoleArn, StreamName};

/// The longest session policy. STS: at most 2,048 characters. Muster's has 180 and the stream's ARN
/// of at most about 220. The ARN is `arn:` + partition + `:kinesis:` + region (32) + `:` + account
/// (12) + `:stream/` + name (128).
#[cfg(test)]
const POLICY_CHARACTERS: usize = 2_048;

/// The longest name of a session. STS: 2 to 64 characters.
const SESSION_NAME_CHARACTERS: usize = 64;

/// The access of a session to its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The session may put records.
    Write,
    /// The session may list shards and get records.
    Read,
}

impl Access {
    fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Write => &["kinesis:PutRecord", "kinesis:PutRecords"],
            Self::Read => &[
                "kinesis:ListShards",
                "kinesis:GetShardIterator",
                "kinesis:GetRecords",
            ],
        }
    }
}

/// Returns the policy that limits a session to one use of one stream of the role's account, even if
/// the role may do more.
pub(crate) fn session_policy(
    role: &RoleArn,
    region: &str,
    stream: &StreamName,
    access: Access,
) -> String {
    let resource = format!(
        "arn:{}:kinesis:{region}:{}:stream/{stream}",
        role.partition(),
        role.account()
    );
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": access.actions(),
            "Resource": resource,
        }],
    })
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

    #[test]
    fn the_policy_allows_writing_to_the_one_stream_in_the_roles_account() {
        let role = RoleArn::new("arn:aws-us-gov:iam::123456789012:role/a/muster").unwrap();
        let policy = session_policy(
            &role,
            "us-gov-west-1",
            &StreamName::new("cohorts").unwrap(),
            Access::Write,
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&policy).unwrap(),
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
    fn the_longest_policy_keeps_the_limit() {
        let partition = format!("aws-{}", "x".repeat(28));
        let role = RoleArn::new(&format!("arn:{partition}:iam::123456789012:role/muster")).unwrap();
        let stream = StreamName::new(&"s".repeat(128)).unwrap();
        let policy = session_policy(&role, &"r".repeat(32), &stream, Access::Read);
        assert!(policy.len() <= POLICY_CHARACTERS / 4, "{}", policy.len());
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

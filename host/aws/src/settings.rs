//! The settings of a Kinesis stream. Each is a type that only valid text becomes.

use std::{fmt, io};

/// The error for a text that is not a valid setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {rule}")]
pub struct InvalidSetting {
    /// The text as the user wrote it.
    pub text: String,
    /// The kind of value that was expected, with its article: `a stream name`.
    pub what: &'static str,
    /// The form of a valid value.
    pub rule: &'static str,
}

impl InvalidSetting {
    pub(crate) fn new(text: &str, what: &'static str, rule: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            what,
            rule,
        }
    }
}

/// Declares a checked text.
macro_rules! setting {
    ($(#[$meta:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a text.
            ///
            /// # Errors
            /// When the text breaks the rule above.
            pub fn new(text: &str) -> Result<Self, InvalidSetting> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidSetting::new(text, $what, $rule))
                }
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

setting!(
    #[derive(Debug)]
    /// A stream's name: 1 to 128 of `A-Z a-z 0-9 _ . -` (Kinesis, CreateStream).
    StreamName,
    "a stream name",
    "use 1 to 128 letters, digits, `_`, `.` or `-`, not the stream's ARN",
    |text| (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
);

setting!(
    #[derive(Debug)]
    /// A region's name: lower-case letters, digits and `-`, such as `eu-central-1`.
    RegionName,
    "a region",
    "write it as in `eu-central-1`",
    |text| (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
);

setting!(
    /// The text that a role's trust policy asks for: 2 to 1,224 of `A-Z a-z 0-9 _ + = , . @ : / -`
    /// (STS, AssumeRole).
    ExternalId,
    "an external id",
    "use 2 to 1,224 letters, digits, or any of `_+=,.@:/-`",
    |text| (2..=1_224).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte))
);

/// Shows that there is an id. The id itself is a secret of the two accounts.
impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalId(…)")
    }
}

/// The bytes of a minted external id. 128 bits cannot be guessed.
const MINTED_BYTES: usize = 16;

impl ExternalId {
    /// Makes an external id that no one can guess: `muster-` and 32 hexadecimal digits.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn mint() -> io::Result<Self> {
        let mut bytes = [0; MINTED_BYTES];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(format!("muster-{digits}")))
    }
}

/// The ARN of a KMS key: `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`. An alias does not do: policies
/// name keys by their ids (IAM, "Using IAM policies with AWS KMS").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyArn(String);

impl KeyArn {
    /// Checks and wraps an ARN.
    ///
    /// # Errors
    /// When the text is not the ARN of a key.
    pub fn new(text: &str) -> Result<Self, InvalidSetting> {
        let parts: Vec<_> = text.split(':').collect();
        let valid = match parts.as_slice() {
            ["arn", partition, "kms", region, account, key] => {
                let id = key.strip_prefix("key/").unwrap_or_default();
                partition.starts_with("aws")
                    && RegionName::new(region).is_ok()
                    && is_account(account)
                    && (1..=128).contains(&id.len())
                    && id
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            }
            _ => false,
        };
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSetting::new(
                text,
                "the ARN of a KMS key",
                "write it as in `arn:aws:kms:eu-west-1:123456789012:key/1234abcd-…`, with the key's id and not an alias",
            ))
        }
    }

    /// Returns the ARN as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns true for the number of an account: 12 digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The ARN of a role: `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`, with an account of 12 digits
/// (IAM).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleArn {
    text: String,
    partition: String,
    account: String,
}

impl RoleArn {
    /// Checks an ARN and splits it into its parts.
    ///
    /// # Errors
    /// When the text is not the ARN of a role.
    pub fn new(text: &str) -> Result<Self, InvalidSetting> {
        let invalid = || {
            InvalidSetting::new(
                text,
                "a role's ARN",
                "write it as in `arn:aws:iam::123456789012:role/muster`",
            )
        };
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().ok_or_else(invalid);
        let (arn, partition, service, region, account, role) =
            (part()?, part()?, part()?, part()?, part()?, part()?);
        let name = role.strip_prefix("role/").unwrap_or_default();
        // IAM: a path and a name of printable ASCII; STS takes ARNs of 20 to 2,048 characters.
        let valid = arn == "arn"
            && partition.starts_with("aws")
            && partition
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            && service == "iam"
            && region.is_empty()
            && is_account(account)
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_graphic())
            && text.len() <= 2_048;
        if !valid {
            return Err(invalid());
        }
        Ok(Self {
            text: text.to_owned(),
            partition: partition.to_owned(),
            account: account.to_owned(),
        })
    }

    /// Returns the ARN as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the partition: `aws`, `aws-cn`, `aws-us-gov`, …
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Returns the path and the name of the role: `/` and `muster`, `/path/to/` and `muster`.
    #[must_use]
    pub fn path_and_name(&self) -> (&str, &str) {
        let (_, resource) = self.text.split_once(":role").unwrap_or_default();
        resource.split_at(resource.rfind('/').map_or(0, |at| at + 1))
    }

    /// Returns the 12 digits of the account that owns the role.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_contains_the_partition_and_account() {
        let role = RoleArn::new("arn:aws-cn:iam::123456789012:role/path/to/muster").unwrap();
        assert_eq!(
            (role.partition(), role.account()),
            ("aws-cn", "123456789012")
        );
        assert_eq!(role.path_and_name(), ("/path/to/", "muster"));
        let plain = RoleArn::new("arn:aws:iam::123456789012:role/muster").unwrap();
        assert_eq!(plain.path_and_name(), ("/", "muster"));
        for wrong in [
            "",
            "muster",
            "arn:aws:iam::123456789012:user/muster",
            "arn:aws:iam::1234:role/muster",
            "arn:aws:sts::123456789012:assumed-role/muster/session",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam:eu-west-1:123456789012:role/muster",
        ] {
            assert!(RoleArn::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_quotes_the_value_and_gives_the_valid_form() {
        let error = StreamName::new("arn:aws:kinesis:eu-west-1:123456789012:stream/cohorts");
        assert_eq!(
            error.unwrap_err().to_string(),
            "`arn:aws:kinesis:eu-west-1:123456789012:stream/cohorts` is not a stream name: \
             use 1 to 128 letters, digits, `_`, `.` or `-`, not the stream's ARN"
        );
    }

    #[test]
    fn a_key_is_named_by_its_id() {
        let key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(KeyArn::new(key).unwrap().as_str(), key);
        for wrong in [
            "",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/cohorts",
            "arn:aws:kms:eu-west-1:123456789012:alias/cohorts",
            "arn:aws:kms:eu-west-1:123456789012:key/",
            "arn:aws:kms:eu-west-1:123456789012:key/a:b",
            "arn:aws:kms::123456789012:key/1234abcd",
            "arn:aws:kms:eu-west-1:1234:key/1234abcd",
        ] {
            assert!(KeyArn::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn minted_ids_are_valid_and_differ() {
        let (one, other) = (ExternalId::mint().unwrap(), ExternalId::mint().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), "muster-".len() + 2 * MINTED_BYTES);
        assert!(ExternalId::new(one.as_str()).is_ok());
    }

    #[test]
    fn lengths_and_characters_are_those_of_aws() {
        assert!(StreamName::new(&"a".repeat(128)).is_ok());
        assert!(StreamName::new(&"a".repeat(129)).is_err());
        assert!(StreamName::new("").is_err());
        assert!(RegionName::new("us-gov-west-1").is_ok());
        assert!(RegionName::new("EU").is_err());
        assert!(ExternalId::new("a").is_err());
        assert!(ExternalId::new(&"a".repeat(1_224)).is_ok());
        assert!(ExternalId::new(&"a".repeat(1_225)).is_err());
        assert!(ExternalId::new("with space").is_err());
    }
}

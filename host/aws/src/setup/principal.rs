//! The identity that a role trusts.

use std::fmt;

use super::is_account_number;
use crate::InvalidSetting;

/// The identity that may assume a role: an account, a user or a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal(String);

impl Principal {
    /// The text in place of an account that is not known. IAM refuses it.
    pub const PLACEHOLDER: &'static str = "MUSTER_ACCOUNT_ID";

    /// Reads the number of an account or the ARN of an identity. A session of a role, as STS names
    /// it, stands for the role.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn new(text: &str) -> Result<Self, InvalidSetting> {
        if is_account_number(text) {
            return Ok(Self::account("aws", text));
        }
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let printable = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b":/+=,.@_-".contains(&byte));
        if let ["arn", partition, service, "", account, resource] = parts.as_slice()
            && partition.starts_with("aws")
            && is_account_number(account)
            && printable
        {
            let session = resource.strip_prefix("assumed-role/");
            let role = session.and_then(|session| session.split('/').next());
            match (*service, role) {
                ("iam", _) if *resource == "root" || resource.contains('/') => {
                    return Ok(Self(text.to_owned()));
                }
                ("sts", Some(role)) => {
                    return Ok(Self(format!("arn:{partition}:iam::{account}:role/{role}")));
                }
                _ => {}
            }
        }
        Err(InvalidSetting::new(
            text,
            "an account or the ARN of a user or role",
            "write it as in `123456789012` or `arn:aws:iam::123456789012:role/muster`; `muster destination check` shows Muster's own",
        ))
    }

    /// Returns an account as a whole: every identity of it whose own policy allows it.
    pub(super) fn account(partition: &str, account: &str) -> Self {
        Self(format!("arn:{partition}:iam::{account}:root"))
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_sts_and_iam_write_it() {
        for (text, principal) in [
            ("123456789012", "arn:aws:iam::123456789012:root"),
            (
                "arn:aws:iam::123456789012:root",
                "arn:aws:iam::123456789012:root",
            ),
            (
                "arn:aws:iam::123456789012:user/a/muster",
                "arn:aws:iam::123456789012:user/a/muster",
            ),
            (
                "arn:aws-cn:sts::123456789012:assumed-role/muster/i-1234",
                "arn:aws-cn:iam::123456789012:role/muster",
            ),
        ] {
            assert_eq!(Principal::new(text).unwrap().to_string(), principal);
        }
        for wrong in [
            "",
            "*",
            "1234",
            "arn:aws:iam::123456789012:muster",
            "arn:aws:iam::1234:user/muster",
            "arn:aws:s3:::bucket/x",
            "arn:aws:iam::123456789012:user/\"x",
        ] {
            assert!(Principal::new(wrong).is_err(), "{wrong}");
        }
    }
}

//! The api keys that requests carry.

use std::fmt;

use sha2::{Digest, Sha256};

/// An api key. Only its hash is kept, so it cannot come out in a log or an error.
#[derive(Clone)]
pub struct ApiKey([u8; 32]);

impl ApiKey {
    /// The key, as clients send it.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// Whether a key is one of those allowed. The time it takes tells nothing of them: hashes of one length are compared, each
/// to its end.
pub(super) fn is_allowed(key: &str, allowed: &[ApiKey]) -> bool {
    let ApiKey(given) = ApiKey::new(key);
    allowed.iter().fold(false, |found, ApiKey(allowed)| {
        let differing = (given.iter().zip(allowed)).fold(0, |all, (a, b)| all | (a ^ b));
        found | (std::hint::black_box(differing) == 0)
    })
}

/// The first characters of a key, to tell its sender which it was.
pub(super) fn shown(key: &str) -> String {
    const SHOWN: usize = 4;
    key.chars().take(SHOWN).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_whole_key() {
        let allowed = ["first-key", "second-key"].map(ApiKey::new);
        for (key, wanted) in [
            ("first-key", true),
            ("second-key", true),
            ("first-ke", false),
            ("first-key ", false),
            ("First-key", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(key, &allowed), wanted, "{key}");
        }
        assert!(!is_allowed("first-key", &[]));
    }

    #[test]
    fn a_key_is_never_shown_as_a_whole() {
        assert!(!format!("{:?}", ApiKey::new("first-key")).contains("first"));
        assert_eq!(shown("first-key"), "firs…");
    }
}

//! Checks the API keys of requests.

use std::fmt;

use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use sha2::{Digest, Sha256};

use super::answer::Refusal;
use super::form;

/// An API key. Only its hash is kept, so a log or an error cannot show it.
#[derive(Clone)]
pub struct ApiKey([u8; 32]);

impl ApiKey {
    /// Creates a key from the text that clients send.
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

/// Returns true if a key is allowed. The time of the check reveals nothing of the allowed keys:
/// hashes of equal length are compared, each to its end.
fn is_allowed(key: &str, allowed: &[ApiKey]) -> bool {
    let ApiKey(given) = ApiKey::new(key);
    allowed.iter().fold(false, |found, ApiKey(allowed)| {
        let differing = (given.iter().zip(allowed)).fold(0, |all, (a, b)| all | (a ^ b));
        found | (std::hint::black_box(differing) == 0)
    })
}

/// The header that may carry the key.
const HEADER: &str = "x-api-key";

/// The words with which the refusal of a key begins: the SDKs recognise it by them.
pub(super) const REFUSED: &str = "Invalid API key";

/// Checks a key. The refusal shows the key's first characters, so that the sender knows which key
/// it was.
pub(super) fn check(key: &str, allowed: &[ApiKey]) -> Result<(), Refusal> {
    match is_allowed(key, allowed) {
        true => Ok(()),
        false => Err(Refusal::bad(format!("{REFUSED}: {}", shown(key)))),
    }
}

/// Checks the key in a request's header or query before the body is read. Returns whether there is
/// one.
pub(super) fn check_head(head: &Parts, allowed: &[ApiKey]) -> Result<bool, Refusal> {
    let query = head.uri.query().unwrap_or_default();
    let of_query = form::value(query.as_bytes(), "api_key").map_err(|error| {
        let byte = error.byte;
        Refusal::bad(format!(
            "Invalid API key: `api_key` of the query is not UTF-8 at byte {byte}"
        ))
    })?;
    let of_header = match head.headers.get(HEADER).map(HeaderValue::to_str) {
        None => None,
        Some(Ok(key)) => Some(key),
        Some(Err(_)) => {
            let error = "Invalid API key: the header `X-Api-Key` is not ASCII";
            return Err(Refusal::bad(error));
        }
    };
    for key in of_query.as_deref().into_iter().chain(of_header) {
        check(key, allowed)?;
    }
    Ok(of_query.is_some() || of_header.is_some())
}

/// Returns the first characters of a key, for the refusal.
fn shown(key: &str) -> String {
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

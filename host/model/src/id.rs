//! Identifiers that authors of definitions choose.

use std::fmt;

/// The id of a cohort: 1 to 64 of `A-Z a-z 0-9 _ -` (docs/cohorts.md). It is the `cohort_id` of
/// every payload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CohortId(Box<str>);

/// The error for a text that is not a valid [`CohortId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cohort id: use 1 to {max} letters, digits, `_` or `-`", max = CohortId::MAX_LENGTH)]
pub struct IdError(String);

impl CohortId {
    /// The longest id, in characters.
    pub const MAX_LENGTH: usize = 64;

    /// Checks and wraps an id.
    ///
    /// # Errors
    /// When the id is empty, longer than [`Self::MAX_LENGTH`], or contains another character.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if text.is_empty() || text.len() > Self::MAX_LENGTH || !text.bytes().all(allowed) {
            return Err(IdError(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CohortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_1_to_64_of_the_allowed_characters() {
        assert_eq!(CohortId::new("gs72ns").unwrap().as_str(), "gs72ns");
        assert!(CohortId::new(&"a".repeat(64)).is_ok());
        assert!(CohortId::new(&"a".repeat(65)).is_err());
        assert!(CohortId::new("").is_err());
        assert!(CohortId::new("big spenders").is_err());
    }
}

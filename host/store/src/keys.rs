//! The keys of things in the store.

use std::fmt;

use crate::StoreError;

/// A user's number: dense from 0, in order of first appearance, and never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey(pub u32);

/// A module's identity: the digest of the component, or another value by which the engine
/// distinguishes modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleKey(pub [u8; 32]);

/// The origin of events: the hash of a file's content, a shard. The position in it is stored with
/// the events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceKey(Box<str>);

impl SourceKey {
    /// The longest key, in bytes. LMDB: a key has at most 511.
    pub const MAX_LENGTH: usize = 500;

    /// Checks and wraps a key.
    ///
    /// # Errors
    /// When the key is empty or longer than [`Self::MAX_LENGTH`].
    pub fn new(text: &str) -> Result<Self, StoreError> {
        within("a source's key", text.len(), Self::MAX_LENGTH)?;
        Ok(Self(text.into()))
    }

    /// Returns the key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bits of a user's number within a group. Users share blocks, and chunks of per-user numbers,
/// in groups of 256: `user >> 8`.
pub(crate) const GROUP_BITS: u32 = 8;
/// The number of users in a group.
pub(crate) const GROUP: usize = 1 << GROUP_BITS;

/// Checks a length that LMDB or a format limits. An empty text names nothing, so it is refused.
pub(crate) fn within(what: &'static str, length: usize, limit: usize) -> Result<(), StoreError> {
    if length == 0 || length > limit {
        return Err(StoreError::TooLong {
            what,
            length,
            limit,
        });
    }
    Ok(())
}

/// Makes a key of `first` and a big-endian number. Keys with the same `first` sort by number.
pub(crate) fn numbered(first: &[u8], number: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(first.len() + 9);
    key.extend_from_slice(first);
    // The byte that no name contains. It keeps the keys of one name from being a prefix of
    // another's.
    key.push(0);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// Returns the number at the end of such a key.
pub(crate) fn number_of(key: &[u8]) -> Result<u64, StoreError> {
    key.last_chunk::<8>()
        .map(|bytes| u64::from_be_bytes(*bytes))
        .ok_or(StoreError::Corrupt { what: "a key" })
}

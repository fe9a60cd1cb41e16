//! Recognises a file without reading it, by a stamp that the store keeps.

use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use muster_model::{EventBuffer, to_hex};
use muster_store::{SourceKey, Store, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A file's size and modification time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SizeAndTime {
    bytes: u64,
    /// Nanoseconds since 1970; 0 for earlier times.
    modified_ns: u64,
}

impl SizeAndTime {
    /// Reads the stamp of a file.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let file = std::fs::metadata(path)?;
        let since = file.modified()?.duration_since(UNIX_EPOCH);
        let ns = since.map_or(0, |since| since.as_nanos());
        Ok(Self {
            bytes: file.len(),
            modified_ns: u64::try_from(ns).unwrap_or(u64::MAX),
        })
    }

    /// Returns the file's modification time, in ms since 1970.
    pub(super) fn modified_ms(self) -> i64 {
        i64::try_from(self.modified_ns / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Returns true if the store has a note that this path was imported with this stamp.
    pub(super) fn is_noted(self, store: &Store, path: &Path) -> Result<bool, StoreError> {
        let note = store.position(&key(path)?)?;
        // A note that cannot be read counts as none: the file is read again and recognised by its
        // content.
        let noted = note.and_then(|note| serde_json::from_slice::<Self>(&note).ok());
        Ok(noted == Some(self))
    }

    /// Notes in the store that the file was imported.
    pub(super) fn note(self, store: &Store, path: &Path) -> Result<(), StoreError> {
        let note = serde_json::to_vec(&self).unwrap_or_default();
        store.append(&EventBuffer::default(), Some((&key(path)?, &note)))?;
        Ok(())
    }
}

/// Returns the key of a path's note. It is a hash, because a path may be longer than a key.
fn key(path: &Path) -> Result<SourceKey, StoreError> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let hash = Sha256::digest(whole.as_os_str().as_encoded_bytes());
    SourceKey::new(&format!("path:{}", to_hex(&hash)))
}

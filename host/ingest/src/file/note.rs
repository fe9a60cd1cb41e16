//! The store's note of a file's path: the stamp by which the file is recognised without reading it,
//! and the content that it had.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use muster_model::to_hex;
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
        Self::in_metadata(&std::fs::metadata(path)?)
    }

    /// Returns the stamp in a file's metadata.
    pub(super) fn in_metadata(file: &Metadata) -> io::Result<Self> {
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
}

/// The note of a path at which a file was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PathNote {
    #[serde(flatten)]
    pub(super) stamp: SizeAndTime,
    /// The store's name for the content; `None` in notes of older versions.
    #[serde(default)]
    pub(super) source: Option<String>,
}

impl PathNote {
    /// Returns the note that the store keeps. A note that cannot be read counts as none: the file
    /// is read again and recognised by its content.
    pub(super) fn read(note: &[u8]) -> Option<Self> {
        serde_json::from_slice(note).ok()
    }

    pub(super) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }
}

/// Returns the store's name for a path's note. It is a hash, because a path may be longer than a
/// key.
pub(super) fn note_of(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let hash = Sha256::digest(whole.as_os_str().as_encoded_bytes());
    format!("path:{}", to_hex(&hash))
}

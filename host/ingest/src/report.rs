//! Counts and the report of an import.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Malformed;

/// Counts of what lines held. The store keeps them as a part of the position, so that an import
/// that continues keeps counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineCounts {
    /// Lines that are not blank.
    pub lines: u64,
    /// Events of users.
    pub events: u64,
    /// Identify operations on user properties, including those that events carry.
    pub operations: u64,
    /// Events without a user id: skipped.
    pub anonymous: u64,
    /// Events about groups of users (`$groupidentify`): skipped.
    pub groups: u64,
    /// User ids that were to count as others (`/usermap`): skipped.
    pub mappings: u64,
    /// Lines that could not be read: skipped.
    pub malformed: u64,
    /// Texts that were longer than [`crate::limits::MAX_TEXT`] and were cut there.
    pub texts_cut: u64,
    /// Properties and list elements over the limits, which were left out.
    pub left_out: u64,
}

impl LineCounts {
    /// Adds the counts of other lines.
    pub fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.events += other.events;
        self.operations += other.operations;
        self.anonymous += other.anonymous;
        self.groups += other.groups;
        self.mappings += other.mappings;
        self.malformed += other.malformed;
        self.texts_cut += other.texts_cut;
        self.left_out += other.left_out;
    }
}

/// The result of importing one file.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// The file, as the caller named it.
    pub path: PathBuf,
    /// The counts of its lines.
    pub counts: LineCounts,
    /// The first malformed lines ([`crate::ImportOptions::keep_malformed`]). An import that
    /// continued an earlier one has only those that it met itself.
    pub malformed: Vec<Malformed>,
    /// Events that the store recognised as duplicates during the import. The store drops all other
    /// duplicates later, when it reads and merges; they are not counted.
    pub duplicates: u64,
    /// The file's size, in bytes.
    pub bytes: u64,
    /// The time that the import took, in seconds.
    pub seconds: f64,
    /// The store already has a file with this content, so nothing was done.
    pub already_imported: bool,
    /// The change of the file since it was imported, if it was imported with another content.
    pub change: Option<FileChange>,
}

/// A change of a file since it was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// Lines were appended: only those from this line on were read.
    Grown {
        /// The number of the first line that was read.
        line: u64,
    },
    /// The file does not begin as it did, so all of it was read. It has events without an insert
    /// id: if they were imported before, they count twice.
    Rewritten,
}

impl std::fmt::Display for FileChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Grown { line } => {
                write!(
                    f,
                    "has grown since it was imported: read from line {line} on"
                )
            }
            Self::Rewritten => f.write_str(
                "has changed since it was imported, and not only at its end: events without \
                 `$insert_id` that it had before count twice",
            ),
        }
    }
}

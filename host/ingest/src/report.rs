//! What an import did.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Malformed;

/// What lines held. It is part of the position that the store keeps, so that an import that goes on
/// keeps counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LineCounts {
    /// Lines that are not blank.
    pub lines: u64,
    /// Events of users.
    pub events: u64,
    /// Identify operations on user properties, those that events carry included.
    pub operations: u64,
    /// Events without a user id: skipped.
    pub anonymous: u64,
    /// Events about groups of users (`$groupidentify`): skipped.
    pub groups: u64,
    /// Lines that could not be read: skipped.
    pub malformed: u64,
    /// Texts that were cut at [`crate::limits::MAX_TEXT`].
    pub texts_cut: u64,
    /// Properties and list elements over the limits, left out.
    pub left_out: u64,
}

impl LineCounts {
    /// Adds what other lines held.
    pub fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.events += other.events;
        self.operations += other.operations;
        self.anonymous += other.anonymous;
        self.groups += other.groups;
        self.malformed += other.malformed;
        self.texts_cut += other.texts_cut;
        self.left_out += other.left_out;
    }
}

/// What became of one file.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// The file, as it was asked for.
    pub path: PathBuf,
    /// What its lines held.
    pub counts: LineCounts,
    /// The first malformed lines ([`crate::ImportOptions::keep_malformed`]); an import that went on
    /// knows only those it met itself.
    pub malformed: Vec<Malformed>,
    /// Events that the store saw to be double while importing. It drops all others too, when it
    /// reads and merges, uncounted.
    pub duplicates: u64,
    /// The file's size, in bytes.
    pub bytes: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Nothing was done: the store has a file with this content.
    pub already_imported: bool,
}

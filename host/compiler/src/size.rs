//! Sizes of modules, and the parts that make them large.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use crate::emit::LITERAL_BYTES;

/// The part that makes a module large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeCause {
    /// The texts that properties are compared with.
    Texts,
    /// The tables of patterns.
    Patterns,
    /// The code of the clauses.
    Clauses,
}

impl SizeCause {
    /// Returns the part that takes most of a module.
    pub(crate) fn of(bytes: usize, texts: usize, patterns: usize) -> Self {
        if texts >= bytes / 2 {
            Self::Texts
        } else if patterns >= bytes / 2 {
            Self::Patterns
        } else {
            Self::Clauses
        }
    }

    /// Returns a remedy, as text for the error.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Texts => {
                "make its lists of texts shorter, split it, or name its users in a list with `members:`"
            }
            Self::Patterns => "use fewer or shorter patterns",
            Self::Clauses => "split it, or use fewer clauses",
        }
    }
}

impl fmt::Display for SizeCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Texts => "the texts that it compares with",
            Self::Patterns => "the tables of its patterns",
            Self::Clauses => "the code of its clauses",
        })
    }
}

/// The smallest number of bytes that the texts of a module take. Each text takes its bytes, its
/// part of the hash table, and a number for each set that has it.
#[derive(Debug, Default)]
pub(crate) struct TextBytes {
    seen: HashSet<Box<str>>,
    /// The number of sets that are counted.
    sets: usize,
    bytes: usize,
}

impl TextBytes {
    /// Counts the sets that are new. Returns the bytes as soon as they exceed a limit.
    pub(crate) fn exceed(&mut self, sets: &[BTreeSet<Box<str>>], limit: usize) -> Option<usize> {
        for set in sets.get(self.sets..).unwrap_or_default() {
            for text in set {
                self.bytes += size_of::<u32>();
                if !self.seen.contains(text) {
                    self.bytes += text.len() + LITERAL_BYTES;
                    self.seen.insert(text.clone());
                }
                if self.bytes > limit {
                    return Some(self.bytes);
                }
            }
        }
        self.sets = sets.len();
        None
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

//! What can go wrong with a file as a whole.

use std::io;
use std::path::{Path, PathBuf};

use crate::Malformed;
use crate::file::Compression;

/// Why a file was not imported. Unless it says otherwise, nothing of the file is in the store.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened or read. What had been read is kept aside: the next import goes on
    /// from there.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The compressed data ends too early.
    #[error(
        "`{}` is cut off: its {compression} data has no end, so nothing of it was imported; copy the file again",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// How it is compressed.
        compression: &'static str,
    },
    /// The compressed data is damaged.
    #[error(
        "`{}` is damaged: its {compression} data cannot be unpacked ({source}), so nothing of it was imported; copy the file again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it is compressed.
        compression: &'static str,
        /// What the decompressor said.
        source: io::Error,
    },
    /// It is a kind of file that holds no lines of JSON.
    #[error("`{}` is {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it is, and what to do.
        reason: &'static str,
    },
    /// Too many lines could not be read.
    #[error(
        "{malformed} of {lines} lines of `{}` are malformed, more than the allowed {} %, so nothing of it was imported; {}; \
         correct the file, or allow more with `max_malformed`",
        path.display(), allowed * 100.0, first(examples)
    )]
    TooManyMalformed {
        /// The file.
        path: PathBuf,
        /// How many lines.
        malformed: u64,
        /// Of how many that are not blank.
        lines: u64,
        /// The share that is allowed, 0 to 1.
        allowed: f64,
        /// The first of them.
        examples: Vec<Malformed>,
    },
    /// Not one of the first lines is an event.
    #[error(
        "`{}` is no file of events: not one of its first {lines} lines is one, so nothing of it was imported; {}; expected is \
         one JSON object a line with `user_id`, `event_type` and `event_time`",
        path.display(), first(examples)
    )]
    NoEvents {
        /// The file.
        path: PathBuf,
        /// How many lines were looked at.
        lines: u64,
        /// The first of them.
        examples: Vec<Malformed>,
    },
    /// Somebody wrote to the file meanwhile.
    #[error(
        "`{}` was changed while it was read, so nothing of it was imported; import it when it is complete",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The caller stopped it. What had been read is kept aside: the next import goes on from there.
    #[error("the import of `{}` was stopped; the next one goes on from there", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
    /// The store failed.
    #[error("cannot import `{}`: {source}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What the store said.
        source: muster_store::StoreError,
    },
    /// The store's note of how far the import was is not ours.
    #[error("`{}` was begun by another version of muster, whose notes this one cannot read", path.display())]
    Position {
        /// The file.
        path: PathBuf,
    },
}

fn first(examples: &[Malformed]) -> String {
    match examples.first() {
        Some(example) => format!("the first is line {}: {}", example.line, example.reason),
        None => "they were met before this import went on".to_owned(),
    }
}

impl ImportError {
    /// Tells trouble with the disk from trouble with the data.
    pub(crate) fn read(path: &Path, compression: Compression, source: io::Error) -> Self {
        let path = path.to_owned();
        let name = compression.name();
        // Only the system's own errors have a number.
        if compression == Compression::None || source.raw_os_error().is_some() {
            Self::Read { path, source }
        } else if source.kind() == io::ErrorKind::UnexpectedEof {
            Self::Truncated {
                path,
                compression: name,
            }
        } else {
            Self::Damaged {
                path,
                compression: name,
                source,
            }
        }
    }

    /// Whether the rows that are kept aside are of use to the next import.
    pub(crate) fn can_go_on(&self) -> bool {
        matches!(
            self,
            Self::Read { .. } | Self::Stopped { .. } | Self::Store { .. }
        )
    }
}

//! Errors of importing a file.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::Malformed;
use crate::content::{Compression, ContentFault, MemberFault};

/// The reason why a file was not imported. Unless a variant says otherwise, the store has nothing
/// of the file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened or read. The store keeps the rows read so far aside, and the next
    /// import continues there.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
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
        /// The compression of the file.
        compression: &'static str,
    },
    /// The compressed data is damaged.
    #[error(
        "`{}` is damaged: its {compression} data cannot be unpacked, so nothing of it was imported; copy the file again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The compression of the file.
        compression: &'static str,
        /// The error of the decompressor.
        source: io::Error,
    },
    /// Other bytes follow the last gzip member.
    #[error(
        "`{}` has other bytes behind the end of its gzip data, so nothing of it was imported; remove them, or write the \
         file again",
        path.display()
    )]
    Trailing {
        /// The file.
        path: PathBuf,
    },
    /// A JSON value over several lines, or an array of events, ends too early.
    #[error(
        "`{}` is cut off, or a bracket is missing: the JSON value that begins at line {line} has no end, so nothing of it \
         was imported",
        path.display()
    )]
    Unclosed {
        /// The file.
        path: PathBuf,
        /// The line on which the value begins.
        line: u64,
    },
    /// The file is of a kind that holds no JSON lines.
    #[error("`{}` is {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The kind of the file, and the remedy.
        reason: &'static str,
    },
    /// The share of malformed lines is too large.
    #[error(
        "{malformed} of {lines} lines of `{}` are malformed, more than the allowed {} %, so nothing of it was imported; {}; \
         correct the file, or allow more with `max_malformed`",
        path.display(), allowed * 100.0, first(examples)
    )]
    TooManyMalformed {
        /// The file.
        path: PathBuf,
        /// The number of malformed lines.
        malformed: u64,
        /// The number of lines that are not blank.
        lines: u64,
        /// The share of malformed lines that is allowed, 0 to 1.
        allowed: f64,
        /// The first malformed lines.
        examples: Vec<Malformed>,
    },
    /// None of the first lines is an event.
    #[error(
        "`{}` is not a file of events: none of its first {lines} lines is an event, so nothing of it was imported; {}; write \
         one JSON object a line with `user_id`, `event_type` and `event_time`",
        path.display(), first(examples)
    )]
    NoEvents {
        /// The file.
        path: PathBuf,
        /// The number of lines that were read.
        lines: u64,
        /// The first malformed lines.
        examples: Vec<Malformed>,
    },
    /// The file was changed while it was read.
    #[error(
        "`{}` was changed while it was read, so nothing of it was imported; import it when it is complete",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The caller stopped the import. The store keeps the rows read so far aside, and the next
    /// import continues there.
    #[error("the import of `{}` was stopped; the next one goes on from there", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
    /// The store failed.
    #[error("cannot import `{}`", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// The error of the store.
        source: muster_store::StoreError,
    },
    /// The store has a position of the file that this version cannot read.
    #[error("another version of muster began the import of `{}`, and this version cannot read its position; import the file with that version", path.display())]
    Position {
        /// The file.
        path: PathBuf,
    },
}

fn first(examples: &[Malformed]) -> String {
    match examples.first() {
        Some(example) => format!("the first is line {}: {}", example.line, example.reason),
        None => "an earlier, interrupted import found them".to_owned(),
    }
}

impl ImportError {
    /// Returns the error of a file whose reading failed: of the disk or of the data.
    pub(crate) fn read(path: &Path, compression: Compression, source: io::Error) -> Self {
        let path = path.to_owned();
        match ContentFault::of(&source) {
            Some(ContentFault::Foreign(reason)) => return Self::Unsupported { path, reason },
            Some(ContentFault::Trailing) => return Self::Trailing { path },
            Some(ContentFault::Unclosed(line)) => return Self::Unclosed { path, line },
            None => {}
        }
        let source = match source.downcast::<MemberFault>() {
            // A member is named like a file in a folder.
            Ok(member) => {
                return Self::read(&path.join(member.name), member.compression, member.source);
            }
            Err(source) => source,
        };
        let name = compression.name();
        // Only errors of the system have a number.
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

    /// Returns true if the next import can use the rows that were kept aside.
    pub(crate) fn can_go_on(&self) -> bool {
        matches!(
            self,
            Self::Read { .. } | Self::Stopped { .. } | Self::Store { .. }
        )
    }
}

/// Returns an error and its causes as one text, for a log line or a status.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_causes_names_each_cause_once() {
        let path = PathBuf::from("a.json");
        let cause = || io::Error::other("the cause");
        let store = muster_store::StoreError::Disk(cause());
        let wanted = format!("cannot import `a.json`: {store}: the cause");
        for (error, wanted) in [
            (
                ImportError::Read {
                    path: path.clone(),
                    source: cause(),
                },
                "cannot read `a.json`: the cause",
            ),
            (
                ImportError::Damaged {
                    path: path.clone(),
                    compression: "gzip",
                    source: cause(),
                },
                "`a.json` is damaged: its gzip data cannot be unpacked, so nothing of it was \
                 imported; copy the file again: the cause",
            ),
            (
                ImportError::Store {
                    path,
                    source: store,
                },
                &*wanted,
            ),
        ] {
            assert_eq!(with_causes(&error), wanted);
        }
    }
}

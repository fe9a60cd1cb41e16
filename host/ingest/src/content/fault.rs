//! Faults of content that are no errors of the system.

use std::io;

use super::Compression;

/// A fault of content. It travels as the inner error of an [`io::Error`], through readers that know
/// nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContentFault {
    /// The content is of a kind that holds no JSON lines.
    #[error("{0}")]
    Foreign(&'static str),
    /// Other bytes follow the last gzip member.
    #[error("other bytes follow its gzip data")]
    Trailing,
    /// A JSON value over several lines, or an array, has no end.
    #[error("the JSON value that begins at line {0} has no end")]
    Unclosed(u64),
}

impl ContentFault {
    /// Returns the fault in an error of a reader, if that error is one.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<ContentFault> for io::Error {
    fn from(fault: ContentFault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

/// An error of reading one member of an archive.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {source}")]
pub(crate) struct MemberFault {
    /// The name of the member.
    pub(crate) name: String,
    /// The compression of the data that is at fault.
    pub(crate) compression: Compression,
    /// The error of the reader.
    pub(crate) source: io::Error,
}

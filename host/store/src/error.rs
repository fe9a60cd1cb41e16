//! The errors of the store.

use std::io;
use std::path::{Path, PathBuf};

/// The reason why the store could not do an operation. After each of these errors the store holds
/// what it held before.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the directory.
    #[error(
        "another process uses the store in `{}`: stop it, or choose another directory",
        directory.display()
    )]
    Locked {
        /// The store's directory.
        directory: PathBuf,
    },
    /// The directory has no store.
    #[error("there is no store in `{}`: importing or receiving events makes one", directory.display())]
    Missing {
        /// The directory that was searched.
        directory: PathBuf,
    },
    /// The directory for a copy is not empty.
    #[error(
        "`{}` is not empty, it contains `{entry}`: name a directory that is empty or does not exist",
        directory.display()
    )]
    NotEmpty {
        /// The directory.
        directory: PathBuf,
        /// A name found in the directory.
        entry: String,
    },
    /// The store was written by another version.
    #[error(
        "the store in `{}` has format {found}, this version reads format {expected}: use the version that wrote it, \
         or import the events into a new directory",
        directory.display()
    )]
    Version {
        /// The store's directory.
        directory: PathBuf,
        /// The format of the store.
        found: u32,
        /// The format that this version reads and writes.
        expected: u32,
    },
    /// A value in the database differs from what was written.
    #[error("the store is damaged: {what}")]
    Corrupt {
        /// The kind of value.
        what: &'static str,
    },
    /// The database's file differs from what was written.
    #[error(
        "`{}` is damaged at page {page}: {what}; put a copy of the directory in its place, or import the events into a new one",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The page, counted from 0.
        page: u64,
        /// The fault of the page.
        what: &'static str,
    },
    /// The database has reached the size that it was opened with.
    #[error("the store has reached its largest size: open it with a larger map size")]
    Full,
    /// The disk is full.
    #[error(
        "no space is left for the store: the disk is full, or a quota or a file size limit is reached"
    )]
    DiskFull,
    /// The disk did only a part of an operation.
    #[error("the disk accepted only a part of a write: it is full, or it is failing")]
    Disk(#[source] io::Error),
    /// The directory, or a file in it, cannot be written.
    #[error("`{}` cannot be written: give the user of this process the right to write it, or choose another directory", directory.display())]
    NotWritable {
        /// The store's directory.
        directory: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A write to a store that is open for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// The database could not finish a write. It accepts no other before it is opened again.
    #[error(
        "a write to the store's file failed half way: check the disk, then start the process again"
    )]
    Stopped,
    /// A value is longer than the store accepts.
    #[error("{what} is {length} bytes long, at most {limit} are allowed")]
    TooLong {
        /// The kind of value.
        what: &'static str,
        /// Its length, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// There are more distinct texts of one kind than the store can number.
    #[error("there are too many {what}: together they may be {limit} bytes long")]
    TooMany {
        /// The kind of text: `user ids`, `event names`, …
        what: &'static str,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The requested data of users takes more memory than allowed.
    /// [`crate::PreparedRead::read_within`] reports this without an error.
    #[error("the history of the users takes more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// A name is new, and there are as many names of its kind as allowed.
    #[error(
        "the {what} `{name}` is new, and there are {limit} already: put what varies into values, not into names"
    )]
    TooManyNames {
        /// The kind of name: `event type`, …
        what: &'static str,
        /// The name.
        name: String,
        /// The limit.
        limit: u32,
    },
    /// Another import of this source is being written.
    #[error("`{source_key}` is being imported already")]
    ImportBusy {
        /// The source.
        source_key: String,
    },
    /// The operating system refused an operation.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// The operation.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The database refused an operation.
    #[error("the store's database failed")]
    Database(#[source] heed::Error),
}

impl From<heed::Error> for StoreError {
    fn from(error: heed::Error) -> Self {
        use heed::MdbError;
        match error {
            heed::Error::Mdb(MdbError::MapFull) => Self::Full,
            heed::Error::Mdb(MdbError::Corrupted | MdbError::PageNotFound | MdbError::Invalid) => {
                Self::Corrupt {
                    what: "a page of the database",
                }
            }
            heed::Error::Mdb(MdbError::Panic) => Self::Stopped,
            heed::Error::Decoding(_) => Self::Corrupt {
                what: "a value does not match its checksum",
            },
            heed::Error::Io(error) if is_full(&error) => Self::DiskFull,
            // LMDB: a short write gives `EIO`, which is how a full disk shows first.
            heed::Error::Io(error) if error.raw_os_error() == Some(EIO) => Self::Disk(error),
            other => Self::Database(other),
        }
    }
}

/// POSIX: input/output error.
const EIO: i32 = 5;

impl From<muster_columns::ColumnsError> for StoreError {
    fn from(error: muster_columns::ColumnsError) -> Self {
        use muster_columns::ColumnsError;
        match error {
            ColumnsError::TooLarge { limit } => Self::TooLarge { limit },
            ColumnsError::TooMany { what } => Self::TooMany {
                what,
                limit: u64::from(u32::MAX),
            },
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | FileTooLarge | QuotaExceeded)
}

impl StoreError {
    /// Converts an error of a refused write into one that names the directory.
    pub(crate) fn or_not_writable(self, directory: &Path) -> Self {
        let denied = |error: &io::Error| {
            matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            )
        };
        match self {
            Self::Io { source, .. } | Self::Database(heed::Error::Io(source))
                if denied(&source) =>
            {
                Self::NotWritable {
                    directory: directory.to_owned(),
                    source,
                }
            }
            other => other,
        }
    }
}

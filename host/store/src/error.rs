//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

/// Why the store could not do what it was asked. After any of these it holds what it held before.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory has an owner already.
    #[error(
        "another process uses the store in `{}`: stop it, or choose another directory",
        directory.display()
    )]
    Locked {
        /// The store's directory.
        directory: PathBuf,
    },
    /// There is no store.
    #[error("there is no store in `{}`: importing or receiving events makes one", directory.display())]
    Missing {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// A copy is to go where something is.
    #[error(
        "`{}` is not empty, there is `{entry}` in it: name a directory that is empty or not there",
        directory.display()
    )]
    NotEmpty {
        /// The directory.
        directory: PathBuf,
        /// What is in it.
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
        /// The format found.
        found: u32,
        /// The format this version reads and writes.
        expected: u32,
    },
    /// A value in the database is not what was written.
    #[error("the store is damaged: {what}")]
    Corrupt {
        /// Which value.
        what: &'static str,
    },
    /// The database's file is not what was written.
    #[error(
        "`{}` is damaged at page {page}: {what}; put a copy of the directory in its place, or import the events into a new one",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The page, from 0.
        page: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The database has reached the size that it was opened with.
    #[error("the store has reached its largest size: open it with a larger map size")]
    Full,
    /// The disk is full.
    #[error(
        "no space is left for the store: its disk, a quota or the limit of a file's size is reached"
    )]
    DiskFull,
    /// The disk did a part of what it was to do.
    #[error("the disk did not take all of a write: it is full, or it is failing")]
    Disk(#[source] io::Error),
    /// The directory, or a file in it, may not be written.
    #[error("`{}` cannot be written: let the user that runs this write it, or choose another directory", directory.display())]
    NotWritable {
        /// The store's directory.
        directory: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database could not finish a write, and takes no other before it is opened anew.
    #[error(
        "a write to the store's file failed half way: start the process again, and look after the disk"
    )]
    Stopped,
    /// Something is longer than the store takes.
    #[error("{what} is {length} bytes long, at most {limit} are taken")]
    TooLong {
        /// What.
        what: &'static str,
        /// Its length, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// There are more distinct texts of one kind than the store can number.
    #[error("there are too many {what}: together they may be {limit} bytes long")]
    TooMany {
        /// What: `user ids`, `event names`, …
        what: &'static str,
        /// The limit, in bytes.
        limit: u64,
    },
    /// What is read of users takes more than it may. [`crate::Prepared::read_within`] says so
    /// without an error.
    #[error("what is read of the users takes more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// A name is new, and there are as many of its sort as there may be.
    #[error(
        "the {what} `{name}` is new, and there are {limit} already: put what varies into values, not into names"
    )]
    TooManyNames {
        /// `event type`, …
        what: &'static str,
        /// The name.
        name: String,
        /// The limit.
        limit: u32,
    },
    /// An import of this source is being written at this moment.
    #[error("`{source_key}` is being imported already")]
    ImportBusy {
        /// The source.
        source_key: String,
    },
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database refused.
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
                what: "a value has not its checksum",
            },
            heed::Error::Io(error) if is_full(&error) => Self::DiskFull,
            // LMDB: a write that comes back short is `EIO`, and that is how a disk begins to be
            // full.
            heed::Error::Io(error) if error.raw_os_error() == Some(EIO) => Self::Disk(error),
            other => Self::Database(other),
        }
    }
}

/// POSIX: input/output error.
const EIO: i32 = 5;

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | FileTooLarge | QuotaExceeded)
}

impl StoreError {
    /// What refuses to be written is a matter of the directory.
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

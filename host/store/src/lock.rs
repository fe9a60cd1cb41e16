//! The lock of a store's directory, which has one owner at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::{StoreError, folder};

/// A lock that is held while the store is open. The system releases it when the process ends,
/// however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    pub(crate) fn take(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("owner.lock");
        let opened = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(folder::FILE)
            .open(&path);
        let file = opened.map_err(|source| failed("open", &path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
                directory: directory.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(failed("lock", &path, source)),
        }
    }

    /// Returns true if a store was made here. Then a missing or empty database file is not a new
    /// one.
    pub(crate) fn marked(&self) -> Result<bool, StoreError> {
        let metadata = self.file.metadata();
        Ok(metadata
            .map_err(|source| failed("read", &self.path, source))?
            .len()
            > 0)
    }

    /// Records that a store was made here.
    pub(crate) fn mark(&mut self) -> Result<(), StoreError> {
        if !self.marked()? {
            let written = self.file.write_all(b"a store is here\n");
            written.map_err(|source| failed("write", &self.path, source))?;
        }
        Ok(())
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

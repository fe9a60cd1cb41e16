//! The store of a project.

use std::path::PathBuf;

use muster_store::{Snapshot, Store, StoreError, StoreOptions};

use crate::project::Project;

impl Project {
    /// Returns the folder of the store.
    #[must_use]
    pub fn store_directory(&self) -> PathBuf {
        self.directory.join(&self.config.store)
    }

    /// Returns the options of the store.
    #[must_use]
    pub fn store_options(&self) -> StoreOptions {
        StoreOptions {
            keep_records: millis(self.config.run_records),
            keep_events: self.config.retention.map(millis),
            ..StoreOptions::default()
        }
    }

    /// Opens the store for writing, and makes it if it does not exist.
    ///
    /// # Errors
    /// As for [`Store::open`]; another process that uses the store is [`StoreError::Locked`].
    pub fn open_store(&self) -> Result<Store, StoreError> {
        Store::open(&self.store_directory(), &self.store_options())
    }

    /// Opens a snapshot of the store for reading, whether the service runs or not. `None`: there is
    /// no store yet, and none is made.
    ///
    /// # Errors
    /// As for [`Store::open_read_only`].
    pub fn open_read_only(&self) -> Result<Option<Snapshot>, StoreError> {
        match Store::open_read_only(&self.store_directory(), &self.store_options()) {
            Err(StoreError::Missing { .. }) => Ok(None),
            opened => opened.map(Some),
        }
    }
}

/// Returns a duration in ms, the store's unit.
fn millis(duration: muster_definition::Duration) -> i64 {
    i64::try_from(duration.millis()).unwrap_or(i64::MAX)
}

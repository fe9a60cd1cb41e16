//! Where an import puts its rows: the store, or in tests a stand-in that can fail.

use muster_model::EventBuffer;
use muster_store::{Import, ImportState, SourceKey, Store, StoreError};

/// Rows that stay invisible until all of them are there.
pub(crate) trait ImportTarget {
    /// The store whose limits on names hold; `None`: there are none.
    fn store(&self) -> Option<Store> {
        None
    }
    /// Begins the import of a source, or goes on with it.
    fn begin(&mut self, source: &str) -> Result<ImportStart, StoreError>;
    /// Forgets that a source was imported to its end.
    fn forget(&mut self, source: &str) -> Result<(), StoreError>;
    /// Adds rows; `position` says where to go on after them. Returns how many values of properties
    /// were left out.
    fn append(&mut self, rows: &EventBuffer, position: &[u8]) -> Result<u64, StoreError>;
    /// Makes all rows visible and the source done. Returns how many were seen to be double.
    fn finish(&mut self, position: &[u8]) -> Result<u64, StoreError>;
    /// Drops all rows.
    fn abort(&mut self) -> Result<(), StoreError>;
}

/// What is known of a source.
pub(crate) enum ImportStart {
    /// It is imported; its last position.
    Done(Vec<u8>),
    /// It is new, or was begun and got as far as this position.
    Open(Option<Vec<u8>>),
}

/// The store's own staging. An import that is dropped is neither finished nor aborted: it waits to
/// be gone on with.
pub(crate) struct StoreTarget<'a> {
    store: &'a Store,
    import: Option<Import>,
}

impl<'a> StoreTarget<'a> {
    pub(crate) fn new(store: &'a Store) -> Self {
        Self {
            store,
            import: None,
        }
    }
}

impl ImportTarget for StoreTarget<'_> {
    fn store(&self) -> Option<Store> {
        Some(self.store.clone())
    }

    fn begin(&mut self, source: &str) -> Result<ImportStart, StoreError> {
        Ok(match self.store.import(&SourceKey::new(source)?)? {
            ImportState::Done(position) => ImportStart::Done(position),
            ImportState::Open(import, position) => {
                self.import = Some(import);
                ImportStart::Open(position)
            }
        })
    }

    fn forget(&mut self, source: &str) -> Result<(), StoreError> {
        self.store.forget_import(&SourceKey::new(source)?)
    }

    fn append(&mut self, rows: &EventBuffer, position: &[u8]) -> Result<u64, StoreError> {
        match &mut self.import {
            Some(import) => import.append(rows, position),
            None => Ok(0),
        }
    }

    fn finish(&mut self, position: &[u8]) -> Result<u64, StoreError> {
        match self.import.take() {
            Some(import) => import.finish(position).map(|_imported| 0),
            None => Ok(0),
        }
    }

    fn abort(&mut self) -> Result<(), StoreError> {
        match self.import.take() {
            Some(import) => import.abort(),
            None => Ok(()),
        }
    }
}

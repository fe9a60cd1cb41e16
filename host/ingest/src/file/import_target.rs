//! The place that an import puts its rows in: the store or, in tests, a stand-in that can fail.

use muster_model::EventBuffer;
use muster_store::{Import, ImportState, SourceKey, Store, StoreError};

/// A target of rows that stay invisible until all of them are there.
pub(crate) trait ImportTarget {
    /// Returns the store that limits names; without one there are no limits.
    fn store(&self) -> Option<Store> {
        None
    }
    /// Begins or continues the import of a source.
    fn begin(&mut self, source: &str) -> Result<ImportStart, StoreError>;
    /// Returns the last position of a source that is imported, or a note.
    fn position(&mut self, source: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets the position of a source without rows.
    fn note(&mut self, source: &str, position: &[u8]) -> Result<(), StoreError>;
    /// Forgets that a source was imported to its end.
    fn forget(&mut self, source: &str) -> Result<(), StoreError>;
    /// Adds rows; `position` says where to continue after them. Returns how many property values
    /// were left out.
    fn append(&mut self, rows: &EventBuffer, position: &[u8]) -> Result<u64, StoreError>;
    /// Makes all rows visible and the source done, and sets the positions of others. Returns how
    /// many rows were recognised as duplicates.
    fn finish(&mut self, position: &[u8], others: &[(String, Vec<u8>)]) -> Result<u64, StoreError>;
    /// Drops all rows.
    fn abort(&mut self) -> Result<(), StoreError>;
}

/// The state of a source before an import.
pub(crate) enum ImportStart {
    /// The source is imported; this is its last position.
    Done(Vec<u8>),
    /// The source is new, or an import of it has begun and reached this position.
    Open(Option<Vec<u8>>),
}

/// An import into the store. If it is dropped, it is neither finished nor aborted: a later import
/// continues it.
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

    fn position(&mut self, source: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.position(&SourceKey::new(source)?)
    }

    fn note(&mut self, source: &str, position: &[u8]) -> Result<(), StoreError> {
        let rows = EventBuffer::default();
        self.store
            .append(&rows, Some((&SourceKey::new(source)?, position)))?;
        Ok(())
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

    fn finish(&mut self, position: &[u8], others: &[(String, Vec<u8>)]) -> Result<u64, StoreError> {
        let Some(import) = self.import.take() else {
            return Ok(0);
        };
        let others = others
            .iter()
            .map(|(name, position)| Ok((SourceKey::new(name)?, position.clone())))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let finished = import.finish_with(position, &others)?;
        Ok(finished.duplicates)
    }

    fn abort(&mut self) -> Result<(), StoreError> {
        match self.import.take() {
            Some(import) => import.abort(),
            None => Ok(()),
        }
    }
}

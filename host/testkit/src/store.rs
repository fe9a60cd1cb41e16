//! Stores in temporary folders, events for them, and reads of them.

use std::ops::Deref;
use std::path::Path;

use muster_model::{CohortId, EventBuffer, Millis};
use muster_store::{PropertyRead, Store, StoreOptions, StreamRead, ValueKind};
use tempfile::TempDir;

/// A store in a temporary folder, which is removed when the value is dropped.
pub struct TestStore {
    store: Store,
    folder: TempDir,
}

impl TestStore {
    /// Opens a new store with the default options.
    #[expect(clippy::new_without_default, reason = "a default opens no files")]
    pub fn new() -> Self {
        Self::with(&StoreOptions::default())
    }

    /// Opens a new store.
    pub fn with(options: &StoreOptions) -> Self {
        Self::within(tempfile::tempdir().unwrap(), options)
    }

    /// Opens a new store in memory, where commits cost little, or on disk if there is no such
    /// place.
    pub fn in_memory() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self::within(folder.unwrap(), &StoreOptions::default())
    }

    fn within(folder: TempDir, options: &StoreOptions) -> Self {
        let store = Store::open(folder.path(), options).unwrap();
        Self { store, folder }
    }

    /// Closes the store and opens it again. Panics if another handle keeps the store open.
    pub fn reopened(self, options: &StoreOptions) -> Self {
        let Self { store, folder } = self;
        drop(store);
        Self::within(folder, options)
    }

    /// Returns the folder of the store.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// Makes events of a user id, a name and an instant in milliseconds each.
pub fn events<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str, i64)>) -> EventBuffer {
    let mut buffer = EventBuffer::default();
    for (user, name, time) in rows {
        buffer.event(user, name, Millis(time), None);
    }
    buffer
}

/// Makes the id of a cohort.
pub fn cohort(id: &str) -> CohortId {
    CohortId::new(id).unwrap()
}

/// Makes a read of all events with a name, without properties.
pub fn stream(name: &str) -> StreamRead {
    StreamRead {
        names: vec![name.to_owned()],
        properties: Vec::new(),
        lookback: None,
    }
}

/// Makes a read of a property.
pub fn property(name: &str, kind: ValueKind) -> PropertyRead {
    PropertyRead {
        name: name.to_owned(),
        kind,
    }
}

//! The options of opening a store.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use muster_model::Millis;

use crate::{MAX_EVENT_NAMES, MAX_EVENT_PROPERTIES, MAX_USER_PROPERTIES};

/// The options with which a store is opened. [`Default`] suits every machine; tests use small
/// values.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The largest size of the store, in bytes of address space. The file grows as needed; nothing
    /// is reserved on disk. If the system does not grant the size, it is halved until the system
    /// does, down to 1 GiB.
    pub map_size: u64,
    /// The number of rows kept in memory before they become a segment. A row takes about 32 bytes,
    /// and 24 for each property.
    pub memtable_rows: usize,
    /// The bytes that those rows may take.
    pub memtable_bytes: usize,
    /// The number of rows of an import that make a segment. They are in memory until then.
    pub import_rows: usize,
    /// The bytes that those rows may take.
    pub import_bytes: usize,
    /// The largest number of rows in a block, of one event name and 256 users. More rows are cut
    /// into several blocks.
    pub block_rows: usize,
    /// The largest number of distinct event names; [`crate::MAX_EVENT_NAMES`].
    pub event_names: u32,
    /// The largest number of distinct names of event properties; [`crate::MAX_EVENT_PROPERTIES`].
    pub event_properties: u32,
    /// The largest number of distinct operations on user properties;
    /// [`crate::MAX_USER_PROPERTIES`].
    pub user_properties: u32,
    /// The time for which a cohort's run records are kept, in ms before its newest.
    /// [`crate::MAX_RECORDS`] limits their number in any case.
    pub keep_records: i64,
    /// The time for which events are kept, in ms; `None` means forever. [`crate::Store::prune`]
    /// drops older events. Merges keep events apart that become too old at different times.
    pub keep_events: Option<i64>,
    /// The clock that gives the time at which events are received.
    pub clock: fn() -> Millis,
    /// True if the file is checked for damage when it is opened. The check reads every page except
    /// those of large values. It takes about as long as reading the user ids, which opening does
    /// too.
    pub check: bool,
    /// True if a commit is on the disk when it is done. Without it commits are faster, and a
    /// machine that fails may lose them: this is for stores that are thrown away.
    pub durable: bool,
    /// The number of threads that may read one snapshot at the same time. Further threads wait.
    pub readers: usize,
    /// The number of further commits that succeed; `None` means all. Later commits fail with
    /// [`crate::StoreError::Stopped`], as if the process were killed before the first of them. For
    /// tests.
    #[doc(hidden)]
    pub commits_left: Option<Arc<AtomicU64>>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            // 1 TiB: a hundred billion events. Address space is 128 TiB.
            map_size: 1 << 40,
            // 256 Ki rows: about 20 MB, 13 s of 20,000 events/s, and 25 ms to write.
            memtable_rows: 1 << 18,
            memtable_bytes: 64 << 20,
            // 1 Mi rows: about 80 MB, and blocks long enough to pack well.
            import_rows: 1 << 20,
            import_bytes: 256 << 20,
            // 256 Ki rows: a merge or a flush has about 25 MB of a group in memory at a time. A
            // user with 100 million events of one name has 400 blocks, and a read uses those within
            // its window.
            block_rows: 1 << 18,
            event_names: MAX_EVENT_NAMES,
            event_properties: MAX_EVENT_PROPERTIES,
            user_properties: MAX_USER_PROPERTIES,
            keep_records: 90 * 24 * 60 * 60 * 1000,
            keep_events: None,
            clock: Millis::now,
            check: true,
            durable: true,
            readers: 16,
            commits_left: None,
        }
    }
}

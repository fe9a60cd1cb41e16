//! What can be set when a store is opened.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use muster_model::Millis;

use crate::{MAX_EVENT_NAMES, MAX_EVENT_PROPERTIES, MAX_USER_PROPERTIES};

/// How a store is opened. [`Default`] suits every machine; tests make things small.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The most the store can ever hold, in bytes of address space. The file grows as it is needed;
    /// nothing is reserved on disk. What the system does not grant is halved until it does, down to
    /// 1 GiB.
    pub map_size: u64,
    /// How many rows are kept in memory before they become a segment. One takes about 32 bytes, and
    /// 24 for each property.
    pub memtable_rows: usize,
    /// How many bytes those rows may take.
    pub memtable_bytes: usize,
    /// How many rows of an import make a segment; they are in memory until then.
    pub import_rows: usize,
    /// How many bytes those rows may take.
    pub import_bytes: usize,
    /// How many rows a block takes, of one event name and 256 users. What has more is cut into
    /// several.
    pub block_rows: usize,
    /// How many distinct event names it takes; [`crate::MAX_EVENT_NAMES`].
    pub event_names: u32,
    /// How many distinct names of event properties it takes; [`crate::MAX_EVENT_PROPERTIES`].
    pub event_properties: u32,
    /// How many distinct operations on user properties it takes; [`crate::MAX_USER_PROPERTIES`].
    pub user_properties: u32,
    /// How long a cohort's run records are kept, in ms before its newest; [`crate::MAX_RECORDS`] is
    /// the most whatever this is.
    pub keep_records: i64,
    /// How long events are kept, in ms; `None`: for ever. [`crate::Store::prune`] drops the older
    /// ones, and merges keep events apart that will be too old at different times.
    pub keep_events: Option<i64>,
    /// The clock that says when events are received.
    pub clock: fn() -> Millis,
    /// Whether it is looked through for damage when it is opened. That reads every page but those
    /// of large values, and so takes about as long as reading the user ids, which opening does too.
    pub check: bool,
    /// How many threads may read one snapshot at the same time; further ones wait for their turn.
    pub readers: usize,
    /// How many more commits succeed; further ones fail with [`crate::StoreError::Stopped`], as if
    /// the process were killed before the first of them. `None`: all succeed. For tests.
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
            // 256 Ki rows: what a merge or a flush has in memory of a group at a time is about 25
            // MB. A user with 100 million events of one name has 400 blocks, of which a read takes
            // those of its window.
            block_rows: 1 << 18,
            event_names: MAX_EVENT_NAMES,
            event_properties: MAX_EVENT_PROPERTIES,
            user_properties: MAX_USER_PROPERTIES,
            keep_records: 90 * 24 * 60 * 60 * 1000,
            keep_events: None,
            clock: Millis::now,
            check: true,
            readers: 16,
            commits_left: None,
        }
    }
}

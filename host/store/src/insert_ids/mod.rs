//! The insert ids of events that arrived lately. An event whose user and insert id are among them
//! is a duplicate, whatever else it says, and is left out when it arrives.
//!
//! An id is one number: a hash of the user's number and of the insert id. The ids of rows in the
//! log are in memory and in entries of the log's commits. A flush writes them as an id segment:
//! sorted, in blocks, with a filter in memory that nearly always says that an id is not in it. Id
//! segments of similar size are merged, and one is dropped when all of its ids arrived long ago.
//! Elsewhere in the store, a segment has rows.

mod block;
mod filter;
mod keys;
mod merge;
mod search;
mod segment;
mod segments;

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Included};

use heed::RwTxn;
use parking_lot::RwLock;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::StoreError;
use crate::codec::ByteReader;
use crate::environment::{ReadTxn, Table};
use keys::{LOG, RECORD};

pub(crate) use search::{IdSearch, IdSet};
pub(crate) use segment::IdSegment;
pub(crate) use segments::IdSegments;

/// The time that an insert id is kept at least after it arrived, in ms: 7 days, as the vendor's
/// HTTP API promises its senders. Ids are dropped by segment, which spans a quarter of this at
/// most.
pub const INSERT_ID_WINDOW: i64 = 7 * 24 * 60 * 60 * 1000;
/// The largest number of insert ids that are kept; the oldest segments are dropped beyond it. 7
/// days of 19 million events a day. In memory it is 200 MB of filters, on disk 800 MB.
pub const MAX_INSERT_IDS: u64 = 1 << 27;

/// The insert ids of a store that is open for writing.
pub(crate) struct InsertIds {
    pub(crate) table: Table,
    held: RwLock<Held>,
}

/// The state after the last commit.
#[derive(Default)]
struct Held {
    /// The ids of rows in the log.
    recent: IdSet,
    /// When the first of these arrived, in ms since 1970.
    since: Option<i64>,
    /// The id segments whose rows are visible.
    segments: IdSegments,
    /// The id segments without a record, whose blocks still exist.
    dropped: VecDeque<u32>,
}

impl Held {
    /// Notes when ids of the log arrived.
    fn arrived(&mut self, at: i64) {
        self.since = Some(self.since.map_or(at, |since| since.min(at)));
    }
}

/// Returns the number by which a user's insert id is compared.
fn id_of(user: u32, insert: u64) -> u64 {
    xxh3_64_with_seed(&insert.to_le_bytes(), u64::from(user))
}

impl InsertIds {
    /// Reads the state. `importing` are the row segments of unfinished imports: their ids are not
    /// visible.
    pub(crate) fn load(
        txn: &ReadTxn<'_>,
        table: Table,
        importing: &BTreeSet<u32>,
    ) -> Result<Self, StoreError> {
        let mut held = Held {
            segments: IdSegments::load(txn, &table, |import| !importing.contains(&import))?,
            dropped: segments::leftovers(txn, &table)?.into(),
            ..Held::default()
        };
        for entry in table.prefix_iter(txn, &[LOG])? {
            let mut reader = ByteReader::new(entry?.1, "insert ids of the log");
            let arrived = reader.i64()?;
            held.arrived(arrived);
            while !reader.rest().is_empty() {
                held.recent.insert(reader.u64()?);
            }
        }
        Ok(Self {
            table,
            held: RwLock::new(held),
        })
    }

    /// Begins a search for known ids. It adds ids that are not known to `new`. It searches `own`
    /// too: the segments of the import that searches.
    pub(crate) fn search<'a>(
        &'a self,
        txn: &'a ReadTxn<'a>,
        own: &'a IdSegments,
        new: &'a mut IdSet,
    ) -> IdSearch<'a> {
        IdSearch {
            txn,
            table: &self.table,
            held: self.held.read(),
            own,
            new,
        }
    }

    /// Writes the ids of rows that the commit adds to the log.
    pub(crate) fn log(
        &self,
        txn: &mut RwTxn<'_>,
        sequence: u64,
        new: &IdSet,
        arrived: i64,
    ) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let mut value = Vec::with_capacity(8 + 8 * new.len());
        value.extend_from_slice(&arrived.to_le_bytes());
        for id in new.iter() {
            value.extend_from_slice(&id.to_le_bytes());
        }
        self.table.put(txn, &keys::log_key(sequence), &value)?;
        Ok(())
    }

    /// Takes over ids that [`Self::log`] wrote, after the commit.
    pub(crate) fn logged(&self, new: &IdSet, arrived: i64) {
        if new.is_empty() {
            return;
        }
        let mut held = self.held.write();
        held.arrived(arrived);
        for id in new.iter() {
            held.recent.insert(id);
        }
    }

    /// Writes the ids of the log as a segment, within the commit that writes the log as a segment.
    /// Returns `None` if there are none.
    pub(crate) fn flush(
        &self,
        txn: &mut RwTxn<'_>,
        segment: u32,
        now: i64,
    ) -> Result<Option<IdSegment>, StoreError> {
        let held = self.held.read();
        let ids = held.recent.sorted();
        let arrived = (held.since.unwrap_or(now).min(now), now);
        drop(held);
        let (first, end): (&[u8], &[u8]) = (&[LOG], &[RECORD]);
        self.table
            .delete_range(txn, &(Included(first), Excluded(end)))?;
        IdSegment::write(txn, &self.table, segment, None, &ids, arrived)
    }

    /// Takes over the segment of [`Self::flush`], after the commit.
    pub(crate) fn flushed(&self, segment: Option<IdSegment>) {
        if let Some(segment) = segment {
            let mut held = self.held.write();
            held.recent = IdSet::default();
            held.since = None;
            held.segments.add(segment);
        }
    }

    /// Makes the segments of a finished import visible, after the commit.
    pub(crate) fn reveal(&self, segments: IdSegments) {
        self.held.write().segments.extend(segments);
    }

    /// Deletes the records of an import's segments. [`Self::dropped`] takes over their numbers
    /// after the commit.
    pub(crate) fn abort(
        &self,
        txn: &mut RwTxn<'_>,
        segments: &IdSegments,
    ) -> Result<(), StoreError> {
        segments.delete_records(txn, &self.table)
    }

    /// Notes segments whose records are deleted, after the commit. [`Self::maintain`] deletes their
    /// blocks.
    pub(crate) fn dropped(&self, segments: &IdSegments) {
        self.held.write().dropped.extend(segments.numbers());
    }

    /// Returns the number of ids, and the memory that they take, in bytes. Filters are counted from
    /// their first use.
    pub(crate) fn size(&self) -> (u64, u64) {
        let held = self.held.read();
        let (ids, bytes) = held.segments.size();
        let recent = held.recent.len() as u64;
        (ids + recent, bytes + held.recent.bytes())
    }
}

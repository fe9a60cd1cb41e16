//! Maintenance: writing the memtable as a segment, merging segments, dropping the blocks of dropped
//! segments.

use std::collections::BTreeSet;
use std::ops::Bound::Included;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use heed::RwTxn;

use crate::batch::Batch;
use crate::block::Block;
use crate::insert_ids::IdSegment;
use crate::keys::GROUP_BITS;
use crate::meta::Counter;
use crate::read::{RowSource, partition};
use crate::segment::Segment;
use crate::segment_writer::SegmentWriter;
use crate::store::{StoreInner, Writer};
use crate::view::StoreView;
use crate::{Store, StoreError, StoreOptions, blocks, changed_users};

/// The number of neighbours of similar size that are merged to one. Each row is written again once
/// for each four-fold growth of the store.
const FAN_IN: usize = 4;
/// The divisor of the retention that gives the longest time span of a segment: an eighth. So there
/// are about eight segments of the last tier. An event is kept at most an eighth longer before its
/// segment is dropped as a whole.
pub(crate) const SPANS: i64 = 8;
/// The bytes of merged blocks at which they are written. This bounds the memory of a merge, and the
/// time that it delays other writers.
const CHUNK: usize = 8 << 20;

impl Store {
    /// Does one piece of maintenance. Returns true if there may be more. Call it from a thread of
    /// its own while events arrive. After an import, call it until it returns false.
    ///
    /// # Errors
    /// When the database cannot be written. Nothing has changed then. Returns
    /// [`StoreError::Stopped`] even when there is no work, so that the caller learns that the store
    /// accepts no more writes.
    pub fn maintain(&self) -> Result<bool, StoreError> {
        let inner = &self.inner;
        // Clears the slots of processes that read the store and were killed. Their slots would keep
        // freed pages from being used again.
        inner.env.clear_stale_readers()?;
        // After a write that failed half way, nothing can be read either.
        drop(inner.env.read_txn()?);
        if inner.view().memtable_full(&inner.options) {
            inner.write(|writer| inner.flush(writer))?;
            return Ok(true);
        }
        if inner.drop_slice()? {
            return Ok(true);
        }
        let _alone = inner.merge_lock();
        if inner.insert_ids()?.maintain(inner)? {
            return Ok(true);
        }
        let options = &inner.options;
        let longest = options.keep_events.map(longest);
        let inputs = due(
            &inner.view().segments,
            options.memtable_rows as u64,
            longest,
        );
        if inputs.is_empty() {
            return Ok(false);
        }
        inner.merge(&inputs)?;
        Ok(true)
    }
}

/// Returns the longest time span of events that are merged into one segment, if events are kept for
/// `keep`.
fn longest(keep: i64) -> i64 {
    keep / SPANS
}

/// Returns the latest segments to merge: at least [`FAN_IN`], none larger than a limit. The limit
/// starts at the memtable's size and is tried in steps of four times the one before. So sizes fall
/// by tiers from old to new, and a tier has at most three segments.
///
/// With a longest span, segments that together span more time stay apart, so that retention drops
/// each as a whole at its time. Segments may have longer spans themselves: an import of years,
/// ordered by user, makes such segments. They are still merged if the result spans at most twice
/// the shortest of their spans.
fn due(segments: &[Arc<Segment>], least: u64, longest: Option<i64>) -> Vec<Arc<Segment>> {
    let largest = segments.iter().map(|segment| segment.rows()).max();
    let mut limit = least.max(1);
    loop {
        let small = segments
            .iter()
            .rev()
            .take_while(|segment| segment.rows() <= limit)
            .count();
        let small = segments.get(segments.len() - small..).unwrap_or_default();
        let near = small.get(apart(small, longest)..).unwrap_or_default();
        if near.len() >= FAN_IN {
            return near.to_vec();
        }
        if largest.is_none_or(|largest| largest <= limit) {
            return Vec::new();
        }
        limit = limit.saturating_mul(FAN_IN as u64);
    }
}

/// Returns the number of these segments, from the oldest on, that are too far from the latest in
/// time to be merged with it.
fn apart(segments: &[Arc<Segment>], longest: Option<i64>) -> usize {
    let Some(longest) = longest else {
        return 0;
    };
    let mut near = segments.len();
    let (mut whole, mut shortest): (Option<(i64, i64)>, _) = (None, i64::MAX);
    for segment in segments.iter().rev() {
        // A segment without events is near to all.
        if let Some((start, end)) = segment.spread.middle() {
            let (first, last) = whole.unwrap_or((start, end));
            let joined = (first.min(start), last.max(end));
            shortest = shortest.min(end - start);
            if joined.1 - joined.0 > longest.max(shortest.saturating_mul(2)) {
                break;
            }
            whole = Some(joined);
        }
        near -= 1;
    }
    near
}

impl StoreInner {
    /// Writes the rows in memory as a segment.
    pub(crate) fn flush(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let mut view = StoreView::clone(&self.view());
        if view.batches.is_empty() {
            return Ok(());
        }
        // Encodes before the transaction, for which other writers may wait.
        let blocks = encode(&view.batches, &self.options)?;
        let mut txn = self.env.write_txn()?;
        let id_segment = self.write_memtable(&mut txn, &mut view, blocks)?;
        changed_users::join(&mut txn, &self.tables)?;
        writer.save(self, &mut txn)?;
        self.commit_view(txn, view)?;
        self.insert_ids()?.flushed(id_segment);
        Ok(())
    }

    /// Writes the rows in memory as a segment within a commit. Returns the segment of their insert
    /// ids, for [`crate::insert_ids::InsertIds::flushed`] after the commit.
    pub(crate) fn flush_into(
        &self,
        txn: &mut RwTxn<'_>,
        view: &mut StoreView,
    ) -> Result<Option<IdSegment>, StoreError> {
        if view.batches.is_empty() {
            return Ok(None);
        }
        let blocks = encode(&view.batches, &self.options)?;
        self.write_memtable(txn, view, blocks)
    }

    fn write_memtable(
        &self,
        txn: &mut RwTxn<'_>,
        view: &mut StoreView,
        mut blocks: SegmentWriter,
    ) -> Result<Option<IdSegment>, StoreError> {
        let id = next_id(txn, self)?;
        let place = Counter::Place.take(txn, &self.tables)?;
        blocks.write(txn, &self.tables, id)?;
        let segment = blocks.segment(id, place);
        put(txn, self, &segment)?;
        self.tables.log.clear(txn)?;
        view.batches.clear();
        view.segments.push(Arc::new(segment));
        let now = (self.options.clock)().0;
        self.insert_ids()?.flush(txn, id, now)
    }

    /// Makes one segment of neighbours, without the events that are too old.
    pub(crate) fn merge(&self, inputs: &[Arc<Segment>]) -> Result<(), StoreError> {
        let mut txn = self.env.write_txn()?;
        let id = next_id(&mut txn, self)?;
        self.commit(txn)?;
        let merged = self.merge_into(id, inputs);
        match &merged {
            Ok(()) => (self.dropped()).extend(inputs.iter().map(|input| input.id)),
            Err(_) => self.dropped().push_back(id),
        }
        merged
    }

    /// Drops some blocks of a segment that no reader uses any more. Returns true if there may be
    /// more.
    pub(crate) fn drop_slice(&self) -> Result<bool, StoreError> {
        let Some(segment) = self.dropped().front().copied() else {
            return Ok(false);
        };
        let mut txn = self.env.write_txn()?;
        let more = blocks::drop_slice(&mut txn, &self.tables, segment)?;
        self.commit(txn)?;
        if !more {
            self.dropped().retain(|each| *each != segment);
        }
        Ok(true)
    }

    fn merge_into(&self, id: u32, inputs: &[Arc<Segment>]) -> Result<(), StoreError> {
        // Users that are forgotten from now on may have rows among those that are read.
        let forgotten = self.forgotten().len();
        let blocks = self.copy(id, inputs)?;
        self.replace(id, inputs, blocks, forgotten)
    }

    /// Writes the rows of segments as blocks of a new, invisible segment. The last few blocks stay
    /// in memory.
    fn copy(&self, id: u32, inputs: &[Arc<Segment>]) -> Result<SegmentWriter, StoreError> {
        let names: BTreeSet<u32> = inputs
            .iter()
            .flat_map(|segment| segment.names.iter().map(|name| name.name))
            .collect();
        let mut blocks = SegmentWriter::since(self.pruned.load(Relaxed), &self.options);
        for name in names {
            let mut next = Some((0, 0));
            while let Some(from) = next {
                next = self.merge_name(inputs, name, from, &mut blocks)?;
                if blocks.waiting() >= CHUNK {
                    let mut txn = self.env.write_txn()?;
                    blocks.write(&mut txn, &self.tables, id)?;
                    self.commit(txn)?;
                }
            }
        }
        Ok(blocks)
    }

    /// Replaces segments by the copy of their rows. Removes users that were forgotten meanwhile:
    /// those after the first `forgotten` of this process.
    fn replace(
        &self,
        id: u32,
        inputs: &[Arc<Segment>],
        mut blocks: SegmentWriter,
        forgotten: usize,
    ) -> Result<(), StoreError> {
        self.write(|_| {
            let mut view = StoreView::clone(&self.view());
            let mut txn = self.env.write_txn()?;
            blocks.write(&mut txn, &self.tables, id)?;
            let place = inputs.first().map_or(0, |segment| segment.place);
            let segment = blocks.segment(id, place);
            let segment = self.without_forgotten(&mut txn, segment, forgotten, |_| true)?;
            for input in inputs {
                blocks::drop_segment(&mut txn, &self.tables, input.id)?;
            }
            view.segments
                .retain(|segment| inputs.iter().all(|input| input.id != segment.id));
            if !segment.names.is_empty() {
                put(&mut txn, self, &segment)?;
                let at = view
                    .segments
                    .partition_point(|segment| segment.place < place);
                view.segments.insert(at, Arc::new(segment));
            }
            self.commit_view(txn, view)
        })
    }

    /// Merges the blocks of a name, starting at a group and a part of it, until enough bytes wait
    /// to be written. Returns where to continue.
    fn merge_name(
        &self,
        inputs: &[Arc<Segment>],
        name: u32,
        (from, mut part): (u32, u32),
        blocks: &mut SegmentWriter,
    ) -> Result<Option<(u32, u32)>, StoreError> {
        // Each chunk has its own transaction: a long one would keep freed pages from being used
        // again.
        let txn = self.env.read_txn()?;
        let mut cursors = Vec::new();
        for input in inputs.iter().filter(|input| input.name(name).is_some()) {
            let (first, last) = (
                blocks::key(input.id, name, from),
                blocks::key(input.id, name, u32::MAX),
            );
            let range = (Included(first.as_slice()), Included(last.as_slice()));
            let mut cursor = self.tables.blocks.range(&txn, &range)?;
            let head = cursor.next().transpose()?;
            cursors.push((cursor, head));
        }
        let mut sources = Vec::new();
        loop {
            let mut group = None;
            for (_, head) in &cursors {
                if let Some((key, _)) = head {
                    let of_head = blocks::group_of(key)?;
                    group = Some(group.map_or(of_head, |group: u32| group.min(of_head)));
                }
            }
            let Some(group) = group else {
                return Ok(None);
            };
            sources.clear();
            for (cursor, head) in &mut cursors {
                // The parts of a block are consecutive.
                while let Some((key, block)) = head
                    && blocks::group_of(key)? == group
                {
                    sources.push((name, RowSource::Block(Box::new(Block::parse(block)?))));
                    *head = cursor.next().transpose()?;
                }
            }
            if let Some(part) = blocks.add_from(name, group, &sources, part, CHUNK)? {
                return Ok(Some((group, part)));
            }
            part = 0;
            if blocks.waiting() >= CHUNK {
                return Ok(group.checked_add(1).map(|group| (group, 0)));
            }
        }
    }
}

/// Encodes rows in memory as blocks.
pub(crate) fn encode<B: AsRef<Batch>>(
    batches: &[B],
    options: &StoreOptions,
) -> Result<SegmentWriter, StoreError> {
    let mut blocks = SegmentWriter::new(options);
    let names: BTreeSet<u32> = batches
        .iter()
        .flat_map(|batch| batch.as_ref().names.iter().map(|span| span.name))
        .collect();
    let mut sources = Vec::new();
    for name in names {
        let mut rest = Vec::new();
        for batch in batches {
            let batch = batch.as_ref();
            if let Some(span) = batch.span(name) {
                rest.push((batch, span.start..span.end));
            }
        }
        let group_at = |batch: &Batch, at| batch.head(at).user >> GROUP_BITS;
        while let Some(group) = rest
            .iter()
            .filter(|(_, range)| !range.is_empty())
            .map(|(batch, range)| group_at(batch, range.start))
            .min()
        {
            sources.clear();
            for (batch, range) in &mut rest {
                let end = partition(range.clone(), |at| group_at(batch, at) <= group);
                if range.start < end {
                    sources.push((name, RowSource::Batch(batch, range.start..end)));
                    range.start = end;
                }
            }
            blocks.add(name, group, &sources)?;
        }
    }
    Ok(blocks)
}

/// Returns a number that no segment had.
pub(crate) fn next_id(txn: &mut RwTxn<'_>, inner: &StoreInner) -> Result<u32, StoreError> {
    let id = Counter::Segment.take(txn, &inner.tables)?;
    u32::try_from(id).map_err(|_| StoreError::TooMany {
        what: "segments",
        limit: u64::from(u32::MAX),
    })
}

/// Writes the record of a segment.
pub(crate) fn put(
    txn: &mut RwTxn<'_>,
    inner: &StoreInner,
    segment: &Segment,
) -> Result<(), StoreError> {
    let key = segment.id.to_be_bytes();
    inner.tables.segments.put(txn, &key, &segment.encode())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use muster_model::{EventBuffer, Millis};

    use super::*;
    use crate::StoreOptions;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn options() -> StoreOptions {
        StoreOptions {
            map_size: 1 << 28,
            memtable_rows: 1,
            readers: 1,
            ..StoreOptions::default()
        }
    }

    fn append(store: &Store, names: usize, time: i64) {
        let mut buffer = EventBuffer::default();
        for name in 0..names {
            buffer.event("ann", &format!("event {name}"), Millis(time), None);
        }
        store.append(&buffer, None).unwrap();
    }

    fn blocks_of(store: &Store) -> u64 {
        let txn = store.inner.env.read_txn().unwrap();
        store.inner.tables.blocks.len(&txn).unwrap()
    }

    #[test]
    fn blocks_are_dropped_slice_by_slice_beside_writers_and_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let names = 2 * blocks::SLICE + 10;
        let options = StoreOptions {
            keep_events: Some(10 * DAY),
            ..options()
        };
        let mut store = Store::open(directory.path(), &options).unwrap();
        append(&store, names, 20_000 * DAY);
        append(&store, 1, 20_100 * DAY);
        assert_eq!(blocks_of(&store), names as u64 + 1);
        // No reader uses the segment from then on, and no block has been deleted yet.
        let pruned = store.prune(Millis(20_100 * DAY), true).unwrap();
        assert_eq!(pruned, crate::Pruned::More);
        assert_eq!(store.statistics().unwrap().events, 1);
        assert_eq!(blocks_of(&store), names as u64 + 1);
        assert!(store.maintain().unwrap());
        assert_eq!(blocks_of(&store), (names + 1 - blocks::SLICE) as u64);
        // A writer commits in between. The next start drops the remaining blocks.
        append(&store, 1, 20_101 * DAY);
        drop(store);
        store = Store::open(directory.path(), &options).unwrap();
        assert_eq!(blocks_of(&store), (names + 2 - blocks::SLICE) as u64);
        let mut left = blocks_of(&store);
        while store.maintain().unwrap() {
            let now = blocks_of(&store);
            assert!(left - now <= blocks::SLICE as u64, "{left} to {now}");
            left = now;
        }
        assert_eq!(left, 2);
        assert_eq!(store.statistics().unwrap().events, 2);
    }

    #[test]
    fn an_import_that_is_given_up_leaves_no_blocks() {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            import_rows: 1,
            ..options()
        };
        let store = Store::open(directory.path(), &options).unwrap();
        let source = crate::SourceKey::new("file").unwrap();
        let crate::ImportState::Open(mut import, None) = store.import(&source).unwrap() else {
            panic!("a new import");
        };
        let mut buffer = EventBuffer::default();
        buffer.event("ann", "Buy", Millis(1), None);
        import.append(&buffer, b"1").unwrap();
        assert_eq!(blocks_of(&store), 1);
        import.abort().unwrap();
        assert_eq!(blocks_of(&store), 0);
    }

    #[test]
    fn a_user_is_forgotten_while_segments_are_merged_and_the_merge_forgets_too() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path(), &options()).unwrap();
        for time in 0..4 {
            let mut buffer = EventBuffer::default();
            buffer.event("ann", "Buy", Millis(time), None);
            buffer.event("bob", "Buy", Millis(time), None);
            store.append(&buffer, None).unwrap();
        }
        let inner = Arc::clone(&store.inner);
        let merging = inner.merge_lock();
        let inputs = inner.view().segments.clone();
        assert_eq!(inputs.len(), 4);
        let mut txn = inner.env.write_txn().unwrap();
        let id = next_id(&mut txn, &inner).unwrap();
        inner.commit(txn).unwrap();
        let blocks = inner.copy(id, &inputs).unwrap();
        // Forgetting does not wait for the merge.
        let ann = crate::UserKey(0);
        assert!(
            store
                .forget_user(ann, &crate::ForgetChanges::default())
                .unwrap()
        );
        inner.replace(id, &inputs, blocks, 0).unwrap();
        drop(merging);
        drop((inputs, inner));
        for _ in 0..2 {
            let snapshot = store.snapshot().unwrap();
            let of = |user| snapshot.history(crate::UserKey(user), Millis::MAX).unwrap();
            assert_eq!((of(0).events.len(), of(1).events.len()), (0, 4));
            let statistics = snapshot.statistics().unwrap();
            assert_eq!((statistics.events, statistics.segments), (4, 1));
            drop(snapshot);
            drop(store);
            store = Store::open(directory.path(), &options()).unwrap();
        }
    }

    /// Makes segments from the days on which their events begin and end.
    fn segments(spans: &[(i64, i64)]) -> Vec<Arc<Segment>> {
        let segment = |(from, to): &(i64, i64)| {
            let mut blocks = SegmentWriter::new(&StoreOptions::default());
            let mut rows = crate::rows::RowBuffer::default();
            let mut buffer = EventBuffer::default();
            for hour in 24 * from..24 * to {
                buffer.event("ann", "Buy", Millis(hour * crate::spread::HOUR), None);
            }
            let mut terms = crate::terms::Terms::empty();
            rows.push(&buffer, &mut terms, &mut |_, _| Ok(false))
                .unwrap();
            let batch = Batch::new(rows);
            let all = 0..batch.order.len() as u32;
            blocks
                .add(1, 0, &[(1, RowSource::Batch(&batch, all))])
                .unwrap();
            Arc::new(blocks.segment(0, 0))
        };
        spans.iter().map(segment).collect()
    }

    fn merged(spans: &[(i64, i64)], longest: Option<i64>) -> usize {
        due(&segments(spans), 1 << 20, longest.map(|days| days * DAY)).len()
    }

    #[test]
    fn segments_far_apart_in_time_are_not_merged_under_retention() {
        let live = [(0, 40), (40, 50), (50, 60), (60, 70), (70, 80)];
        assert_eq!(merged(&live, None), 5);
        assert_eq!(merged(&live, Some(80)), 5);
        assert_eq!(merged(&live, Some(50)), 4);
        assert_eq!(merged(&live, Some(30)), 0);
        // Segments that span years themselves, alike.
        let years = [(0, 700), (10, 705), (5, 690), (0, 710)];
        assert_eq!(merged(&years, Some(50)), 4);
        // A long segment before short ones stays separate.
        let after = [(0, 700), (700, 705), (705, 710), (710, 715), (715, 720)];
        assert_eq!(merged(&after, Some(50)), 4);
    }
}

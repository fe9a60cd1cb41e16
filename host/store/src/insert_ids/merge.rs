//! Merging segments of similar size, and dropping the oldest.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::segment::{IdSegment, IdSegmentWriter};
use super::segments::{IdSegments, delete_slice};
use super::{INSERT_ID_WINDOW, InsertIds, MAX_INSERT_IDS};
use crate::StoreError;
use crate::maintain::next_id;
use crate::store::StoreInner;

/// The number of segments of similar size that are merged into one.
const FAN_IN: usize = 4;
/// The longest span of arrivals in a merged segment, in ms: a quarter of the window. So an id is
/// kept at most that much longer than the window.
const MAX_SPAN: i64 = INSERT_ID_WINDOW / 4;
/// The largest number of ids in a merged segment. So an eighth of all ids is dropped at once when
/// there are too many.
const MAX_MERGED: u64 = MAX_INSERT_IDS / 8;
/// The ids that a merge reads from each segment at a time. It writes four times as many in one
/// commit, some 6 MB.
const CHUNK: usize = 1 << 18;

impl IdSegments {
    /// Returns the segments to merge: four of one tier, near in time. A tier is a four-fold of
    /// sizes.
    fn due(&self) -> Option<Vec<Arc<IdSegment>>> {
        let mut tiers: BTreeMap<u32, Vec<&Arc<IdSegment>>> = BTreeMap::new();
        for segment in &self.0 {
            let tier = segment.count.max(1).ilog2() / FAN_IN.ilog2();
            tiers.entry(tier).or_default().push(segment);
        }
        let fits = |segments: &&[&Arc<IdSegment>]| {
            let first = segments.iter().map(|segment| segment.arrived.0).min();
            let last = segments.iter().map(|segment| segment.arrived.1).max();
            let span = last.unwrap_or(0).saturating_sub(first.unwrap_or(0));
            let count: u64 = segments.iter().map(|segment| segment.count).sum();
            span <= MAX_SPAN && count <= MAX_MERGED
        };
        let found = tiers
            .values()
            .find_map(|segments| segments.windows(FAN_IN).find(fits))?;
        Some(found.iter().map(|segment| Arc::clone(segment)).collect())
    }

    /// Returns the segments that are not kept at `now`: those that arrived before the window, and
    /// the oldest while there are more than `most` ids.
    fn old(&self, now: i64, most: u64) -> Self {
        let floor = now.saturating_sub(INSERT_ID_WINDOW);
        let mut count = self.size().0;
        let old = self.0.iter().take_while(|segment| {
            let old = segment.arrived.1 < floor || count > most;
            count -= segment.count;
            old
        });
        Self(old.map(Arc::clone).collect())
    }

    fn remove(&mut self, segments: &Self) {
        let stays =
            |segment: &Arc<IdSegment>| segments.numbers().all(|number| number != segment.number);
        self.0.retain(stays);
    }
}

impl InsertIds {
    /// Does one piece of work on the segments. Returns true if there may be more. Only one thread
    /// at a time calls it.
    pub(crate) fn maintain(&self, inner: &StoreInner) -> Result<bool, StoreError> {
        self.maintain_within(inner, MAX_INSERT_IDS)
    }

    fn maintain_within(&self, inner: &StoreInner, most: u64) -> Result<bool, StoreError> {
        let dropped = self.held.read().dropped.front().copied();
        if let Some(segment) = dropped {
            let mut txn = inner.env.write_txn()?;
            let more = delete_slice(&mut txn, &self.table, segment)?;
            inner.commit(txn)?;
            if !more {
                self.held.write().dropped.retain(|each| *each != segment);
            }
            return Ok(true);
        }
        let segments = IdSegments(self.held.read().segments.0.clone());
        let old = segments.old((inner.options.clock)().0, most);
        if !old.0.is_empty() {
            self.drop_records(inner, &old)?;
            let mut held = self.held.write();
            held.segments.remove(&old);
            held.dropped.extend(old.numbers());
            return Ok(true);
        }
        let Some(inputs) = segments.due().map(IdSegments) else {
            return Ok(false);
        };
        let merged = self.merge(inner, &inputs)?;
        let mut held = self.held.write();
        held.segments.remove(&inputs);
        held.segments.add(merged);
        held.dropped.extend(inputs.numbers());
        Ok(true)
    }

    /// Merges the segments of an import while there are many, and drops the oldest if their ids are
    /// too many.
    pub(crate) fn maintain_import(
        &self,
        inner: &StoreInner,
        segments: &mut IdSegments,
    ) -> Result<(), StoreError> {
        while let Some(inputs) = segments.due().map(IdSegments) {
            let merged = self.merge(inner, &inputs)?;
            segments.remove(&inputs);
            segments.add(merged);
            self.dropped(&inputs);
        }
        let old = segments.old(i64::MIN, MAX_INSERT_IDS);
        if !old.0.is_empty() {
            self.drop_records(inner, &old)?;
            segments.remove(&old);
            self.dropped(&old);
        }
        Ok(())
    }

    fn drop_records(&self, inner: &StoreInner, segments: &IdSegments) -> Result<(), StoreError> {
        let mut txn = inner.env.write_txn()?;
        segments.delete_records(&mut txn, &self.table)?;
        inner.commit(txn)
    }

    /// Writes one segment with the ids of others, and deletes their records.
    fn merge(&self, inner: &StoreInner, inputs: &IdSegments) -> Result<IdSegment, StoreError> {
        let mut txn = inner.env.write_txn()?;
        let number = next_id(&mut txn, inner)?;
        inner.commit(txn)?;
        let segments = &inputs.0;
        let mut writer = IdSegmentWriter::new(number, inputs.size().0);
        let mut after = None;
        loop {
            let (chunk, more) = self.merged_after(inner, segments, after)?;
            let mut txn = inner.env.write_txn()?;
            writer.write(&mut txn, &self.table, &chunk)?;
            if more {
                after = chunk.last().copied();
                inner.commit(txn)?;
                continue;
            }
            let first = segments
                .iter()
                .map(|segment| segment.arrived.0)
                .min()
                .unwrap_or(0);
            let last = segments
                .iter()
                .map(|segment| segment.arrived.1)
                .max()
                .unwrap_or(0);
            // The segments of an unfinished import are merged among themselves.
            let import = segments.iter().find_map(|segment| segment.import);
            let merged = writer.finish(&mut txn, &self.table, import, (first, last))?;
            inputs.delete_records(&mut txn, &self.table)?;
            inner.commit(txn)?;
            return Ok(merged);
        }
    }

    /// Returns the next ids of segments behind `after`, ascending and each once, and whether there
    /// are more.
    fn merged_after(
        &self,
        inner: &StoreInner,
        segments: &[Arc<IdSegment>],
        after: Option<u64>,
    ) -> Result<(Vec<u64>, bool), StoreError> {
        // Each chunk has its own transaction: a long one would keep freed pages from being used
        // again.
        let txn = inner.env.read_txn()?;
        let mut merged = Vec::new();
        // The last id up to which all segments were read.
        let mut end = None;
        for segment in segments {
            let mut left = CHUNK;
            segment.each_after(&txn, &self.table, after, |id| {
                merged.push(id);
                left -= 1;
                if left == 0 {
                    end = Some(end.map_or(id, |end: u64| end.min(id)));
                }
                left > 0
            })?;
        }
        if let Some(end) = end {
            merged.retain(|id| *id <= end);
        }
        // The stable sort merges ascending segments.
        merged.sort();
        merged.dedup();
        Ok((merged, end.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    use muster_model::{EventBuffer, Millis};

    use super::*;
    use crate::{Store, StoreOptions};

    const DAY: i64 = 24 * 60 * 60 * 1000;
    static NOW: AtomicI64 = AtomicI64::new(0);

    fn options() -> StoreOptions {
        StoreOptions {
            map_size: 1 << 30,
            memtable_rows: 100,
            ..StoreOptions::default()
        }
    }

    /// Appends events of which none is a duplicate, or all are.
    fn append(store: &Store, ids: std::ops::Range<u32>, duplicates: bool) {
        let mut buffer = EventBuffer::default();
        let count = u64::from(ids.end - ids.start);
        for id in ids {
            let time = Millis(i64::from(id));
            buffer.event("ann", "View", time, Some(&format!("id {id}")));
        }
        let appended = store.append(&buffer, None).unwrap();
        let expected = if duplicates { count } else { 0 };
        assert_eq!(appended.duplicates, expected);
    }

    fn ids(store: &Store) -> &InsertIds {
        store.inner.insert_ids().unwrap()
    }

    fn entries(store: &Store) -> u64 {
        let txn = store.inner.env.read_txn().unwrap();
        ids(store).table.len(&txn).unwrap()
    }

    #[test]
    fn segments_are_merged_and_dropped_after_the_window() {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            clock: || Millis(NOW.load(Relaxed)),
            ..options()
        };
        let mut store = Store::open(directory.path(), &options).unwrap();
        // An hour a segment: days of them. What was merged is found, and so is what was not.
        for hour in 0..200_u32 {
            NOW.store(i64::from(hour) * DAY / 24, Relaxed);
            append(&store, 100 * hour..100 * (hour + 1), false);
            if hour % 5 == 0 {
                while store.maintain().unwrap() {}
            }
            if hour % 50 == 7 {
                drop(store);
                store = Store::open(directory.path(), &options).unwrap();
            }
        }
        while store.maintain().unwrap() {}
        let segments = ids(&store).held.read().segments.0.len();
        assert!(segments <= 20, "{segments}");
        // The window ends 168 hours before the last.
        append(&store, 100 * 32..100 * 200, true);
        append(&store, 0..10, false);
        // The ids of the log stay.
        NOW.store(30 * DAY, Relaxed);
        while store.maintain().unwrap() {}
        assert_eq!(entries(&store), 1);
        append(&store, 0..10, true);
        append(&store, 100 * 150..100 * 151, false);
    }

    #[test]
    fn the_oldest_segments_are_dropped_beyond_the_largest_number() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &options()).unwrap();
        for segment in 0..3 {
            append(&store, 100 * segment..100 * (segment + 1), false);
        }
        let inner = &store.inner;
        while ids(&store).maintain_within(inner, 300).unwrap() {}
        assert_eq!(ids(&store).size().0, 300);
        while ids(&store).maintain_within(inner, 299).unwrap() {}
        assert_eq!(ids(&store).size().0, 200);
        append(&store, 100..300, true);
        append(&store, 0..50, false);
    }

    #[test]
    fn a_merge_of_several_chunks_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &options()).unwrap();
        let inner = &store.inner;
        let table = &ids(&store).table;
        // Ids that two segments share, segments of different ranges, and one of a chunk exactly.
        let sizes = [
            (0, 3, 700_000),
            (1, 3, 700_000),
            (0, 9, 1 << 18),
            (5_000_000, 1, 10),
        ];
        let mut all = std::collections::BTreeSet::new();
        let mut inputs = IdSegments::default();
        for (number, (start, step, count)) in (1000..).zip(sizes) {
            let segment: Vec<u64> = (0..count).map(|nth| start + nth * step).collect();
            all.extend(segment.iter().copied());
            let mut txn = inner.env.write_txn().unwrap();
            let segment =
                IdSegment::write(&mut txn, table, number, None, &segment, (1, 2)).unwrap();
            inputs.add(segment.unwrap());
            inner.commit(txn).unwrap();
        }
        let merged = ids(&store).merge(inner, &inputs).unwrap();
        let txn = inner.env.read_txn().unwrap();
        let mut read = Vec::new();
        let collect = |id| {
            read.push(id);
            true
        };
        merged.each_after(&txn, table, None, collect).unwrap();
        assert!(read.into_iter().eq(all));
    }
}

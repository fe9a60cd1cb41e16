//! Merging runs of similar size, and dropping the oldest.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::run::{Run, RunWriter, Runs, delete_slice};
use super::{INSERT_ID_WINDOW, InsertIds, MAX_INSERT_IDS};
use crate::StoreError;
use crate::maintain::next_id;
use crate::store::StoreInner;

/// The number of runs of similar size that are merged into one.
const FAN_IN: usize = 4;
/// The longest span of arrivals in a merged run, in ms: a quarter of the window. So an id is kept
/// at most that much longer than the window.
const MAX_SPAN: i64 = INSERT_ID_WINDOW / 4;
/// The largest number of ids in a merged run. So an eighth of all ids is dropped at once when there
/// are too many.
const MAX_MERGED: u64 = MAX_INSERT_IDS / 8;
/// The ids that a merge reads from each run at a time. It writes four times as many in one commit,
/// some 6 MB.
const CHUNK: usize = 1 << 18;

impl Runs {
    /// Returns the runs to merge: four of one tier, near in time. A tier is a four-fold of sizes.
    fn due(&self) -> Option<Vec<Arc<Run>>> {
        let mut tiers: BTreeMap<u32, Vec<&Arc<Run>>> = BTreeMap::new();
        for run in &self.0 {
            let tier = run.count.max(1).ilog2() / FAN_IN.ilog2();
            tiers.entry(tier).or_default().push(run);
        }
        let fits = |runs: &&[&Arc<Run>]| {
            let first = runs.iter().map(|run| run.arrived.0).min();
            let last = runs.iter().map(|run| run.arrived.1).max();
            let span = last.unwrap_or(0).saturating_sub(first.unwrap_or(0));
            let count: u64 = runs.iter().map(|run| run.count).sum();
            span <= MAX_SPAN && count <= MAX_MERGED
        };
        let found = tiers
            .values()
            .find_map(|runs| runs.windows(FAN_IN).find(fits))?;
        Some(found.iter().map(|run| Arc::clone(run)).collect())
    }

    /// Returns the runs that are not kept at `now`: those that arrived before the window, and the
    /// oldest while there are more than `most` ids.
    fn old(&self, now: i64, most: u64) -> Self {
        let floor = now.saturating_sub(INSERT_ID_WINDOW);
        let mut count = self.size().0;
        let old = self.0.iter().take_while(|run| {
            let old = run.arrived.1 < floor || count > most;
            count -= run.count;
            old
        });
        Self(old.map(Arc::clone).collect())
    }

    fn remove(&mut self, runs: &Self) {
        let stays = |run: &Arc<Run>| runs.numbers().all(|number| number != run.number);
        self.0.retain(stays);
    }
}

impl InsertIds {
    /// Does one piece of work on the runs. Returns true if there may be more. Only one thread at a
    /// time calls it.
    pub(crate) fn maintain(&self, inner: &StoreInner) -> Result<bool, StoreError> {
        self.maintain_within(inner, MAX_INSERT_IDS)
    }

    fn maintain_within(&self, inner: &StoreInner, most: u64) -> Result<bool, StoreError> {
        let dropped = self.held.read().dropped.front().copied();
        if let Some(run) = dropped {
            let mut txn = inner.env.write_txn()?;
            let more = delete_slice(&mut txn, &self.table, run)?;
            inner.commit(txn)?;
            if !more {
                self.held.write().dropped.retain(|each| *each != run);
            }
            return Ok(true);
        }
        let runs = Runs(self.held.read().runs.0.clone());
        let old = runs.old((inner.options.clock)().0, most);
        if !old.0.is_empty() {
            self.drop_records(inner, &old)?;
            let mut held = self.held.write();
            held.runs.remove(&old);
            held.dropped.extend(old.numbers());
            return Ok(true);
        }
        let Some(inputs) = runs.due().map(Runs) else {
            return Ok(false);
        };
        let merged = self.merge(inner, &inputs)?;
        let mut held = self.held.write();
        held.runs.remove(&inputs);
        held.runs.add(merged);
        held.dropped.extend(inputs.numbers());
        Ok(true)
    }

    /// Merges the runs of an import while there are many, and drops the oldest if their ids are too
    /// many.
    pub(crate) fn maintain_import(
        &self,
        inner: &StoreInner,
        runs: &mut Runs,
    ) -> Result<(), StoreError> {
        while let Some(inputs) = runs.due().map(Runs) {
            let merged = self.merge(inner, &inputs)?;
            runs.remove(&inputs);
            runs.add(merged);
            self.forgotten(&inputs);
        }
        let old = runs.old(i64::MIN, MAX_INSERT_IDS);
        if !old.0.is_empty() {
            self.drop_records(inner, &old)?;
            runs.remove(&old);
            self.forgotten(&old);
        }
        Ok(())
    }

    fn drop_records(&self, inner: &StoreInner, runs: &Runs) -> Result<(), StoreError> {
        let mut txn = inner.env.write_txn()?;
        runs.delete_records(&mut txn, &self.table)?;
        inner.commit(txn)
    }

    /// Writes one run with the ids of others, and deletes their records.
    fn merge(&self, inner: &StoreInner, inputs: &Runs) -> Result<Run, StoreError> {
        let mut txn = inner.env.write_txn()?;
        let number = next_id(&mut txn, inner)?;
        inner.commit(txn)?;
        let runs = &inputs.0;
        let mut writer = RunWriter::new(number, inputs.size().0);
        let mut after = None;
        loop {
            let (chunk, more) = self.merged_after(inner, runs, after)?;
            let mut txn = inner.env.write_txn()?;
            writer.write(&mut txn, &self.table, &chunk)?;
            if more {
                after = chunk.last().copied();
                inner.commit(txn)?;
                continue;
            }
            let first = runs.iter().map(|run| run.arrived.0).min().unwrap_or(0);
            let last = runs.iter().map(|run| run.arrived.1).max().unwrap_or(0);
            // The runs of an unfinished import are merged among themselves.
            let import = runs.iter().find_map(|run| run.import);
            let merged = writer.finish(&mut txn, &self.table, import, (first, last))?;
            inputs.delete_records(&mut txn, &self.table)?;
            inner.commit(txn)?;
            return Ok(merged);
        }
    }

    /// Returns the next ids of runs behind `after`, ascending and each once, and whether there are
    /// more.
    fn merged_after(
        &self,
        inner: &StoreInner,
        runs: &[Arc<Run>],
        after: Option<u64>,
    ) -> Result<(Vec<u64>, bool), StoreError> {
        // Each chunk has its own transaction: a long one would keep freed pages from being used
        // again.
        let txn = inner.env.read_txn()?;
        let mut merged = Vec::new();
        // The last id up to which all runs were read.
        let mut end = None;
        for run in runs {
            let mut left = CHUNK;
            run.each_after(&txn, &self.table, after, |id| {
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
        // The stable sort merges ascending runs.
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
    fn runs_are_merged_and_dropped_after_the_window() {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            clock: || Millis(NOW.load(Relaxed)),
            ..options()
        };
        let mut store = Store::open(directory.path(), &options).unwrap();
        // An hour a run: days of them. What was merged is found, and so is what was not.
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
        let runs = ids(&store).held.read().runs.0.len();
        assert!(runs <= 20, "{runs}");
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
    fn the_oldest_runs_are_dropped_beyond_the_largest_number() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &options()).unwrap();
        for run in 0..3 {
            append(&store, 100 * run..100 * (run + 1), false);
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
        // Ids that two runs share, runs of different ranges, and one of a chunk exactly.
        let sizes = [
            (0, 3, 700_000),
            (1, 3, 700_000),
            (0, 9, 1 << 18),
            (5_000_000, 1, 10),
        ];
        let mut all = std::collections::BTreeSet::new();
        let mut inputs = Runs::default();
        for (number, (start, step, count)) in (1000..).zip(sizes) {
            let run: Vec<u64> = (0..count).map(|nth| start + nth * step).collect();
            all.extend(run.iter().copied());
            let mut txn = inner.env.write_txn().unwrap();
            let run = Run::write(&mut txn, table, number, None, &run, (1, 2)).unwrap();
            inputs.add(run.unwrap());
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

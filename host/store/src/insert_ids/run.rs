//! A run: ids of a time, sorted, in blocks.

use std::ops::Bound::{Excluded, Included};
use std::sync::{Arc, OnceLock};

use heed::RwTxn;
use heed::types::DecodeIgnore;

use super::block::{IdBlock, IdBlockBuilder};
use super::filter::Filter;
use super::{BLOCK, RECORD};
use crate::StoreError;
use crate::codec::{ByteReader, put_varint};
use crate::environment::{ReadTxn, Table};

/// The blocks that are deleted in one commit: 4 MiB, which bounds the time that writers wait.
const SLICE: usize = 1024;

/// The ids that arrived in one span of time.
pub(crate) struct Run {
    pub(super) number: u32,
    /// A segment of the import that the ids are of. The run is visible when that is.
    pub(super) import: Option<u32>,
    pub(super) count: u64,
    /// When the first and the last id arrived, in ms since 1970.
    pub(super) arrived: (i64, i64),
    /// Made when it is first needed.
    filter: OnceLock<Filter>,
}

/// Runs in order of arrival.
#[derive(Default)]
pub(crate) struct Runs(pub(super) Vec<Arc<Run>>);

impl Run {
    /// Writes ids (ascending, each once) as a run. Returns `None` if there are none. `arrived` is
    /// when the first and the last arrived, in ms since 1970.
    pub(crate) fn write(
        txn: &mut RwTxn<'_>,
        table: &Table,
        number: u32,
        import: Option<u32>,
        ids: &[u64],
        arrived: (i64, i64),
    ) -> Result<Option<Self>, StoreError> {
        if ids.is_empty() {
            return Ok(None);
        }
        let mut writer = RunWriter::new(number, ids.len() as u64);
        writer.write(txn, table, ids)?;
        writer.finish(txn, table, import, arrived).map(Some)
    }

    fn decode(number: u32, value: &[u8]) -> Result<Self, StoreError> {
        let mut reader = ByteReader::new(value, "a run of insert ids");
        let count = reader.varint()?;
        let import = reader.varint()?;
        let import = match import.checked_sub(1) {
            Some(import) => Some(u32::try_from(import).map_err(|_| reader.corrupt())?),
            None => None,
        };
        Ok(Self {
            number,
            import,
            count,
            arrived: (reader.i64()?, reader.i64()?),
            filter: OnceLock::new(),
        })
    }

    fn put_record(&self, txn: &mut RwTxn<'_>, table: &Table) -> Result<(), StoreError> {
        let mut value = Vec::new();
        put_varint(&mut value, self.count);
        put_varint(
            &mut value,
            self.import.map_or(0, |import| u64::from(import) + 1),
        );
        value.extend_from_slice(&self.arrived.0.to_le_bytes());
        value.extend_from_slice(&self.arrived.1.to_le_bytes());
        table.put(txn, &record_key(self.number), &value)?;
        Ok(())
    }

    pub(super) fn delete_record(
        &self,
        txn: &mut RwTxn<'_>,
        table: &Table,
    ) -> Result<(), StoreError> {
        table.delete(txn, &record_key(self.number))?;
        Ok(())
    }

    /// Returns true if the run contains the id.
    fn contains(&self, txn: &ReadTxn<'_>, table: &Table, id: u64) -> Result<bool, StoreError> {
        if !self.filter(txn, table)?.may_contain(id) {
            return Ok(false);
        }
        let key = block_key(self.number, id);
        let Some((key, block)) = table.get_lower_than_or_equal_to(txn, &key)? else {
            return Ok(false);
        };
        match first_of(key, self.number) {
            Some(first) => Ok(IdBlock::parse(first, block)?.contains(id)),
            None => Ok(false),
        }
    }

    fn filter(&self, txn: &ReadTxn<'_>, table: &Table) -> Result<&Filter, StoreError> {
        if let Some(filter) = self.filter.get() {
            return Ok(filter);
        }
        let mut filter = Filter::new(self.count);
        self.each_after(txn, table, None, |id| {
            filter.insert(id);
            true
        })?;
        Ok(self.filter.get_or_init(|| filter))
    }

    /// Calls `f` with each id behind `after`, ascending, until it returns false.
    pub(super) fn each_after(
        &self,
        txn: &ReadTxn<'_>,
        table: &Table,
        after: Option<u64>,
        mut f: impl FnMut(u64) -> bool,
    ) -> Result<(), StoreError> {
        let start = block_key(self.number, after.unwrap_or(0));
        // The block that `after` is in begins at or before it.
        let from = match table.get_lower_than_or_equal_to(txn, &start)? {
            Some((key, _)) if first_of(key, self.number).is_some() => key.to_vec(),
            _ => start.to_vec(),
        };
        let last = block_key(self.number, u64::MAX);
        let range = (Included(from.as_slice()), Included(last.as_slice()));
        for entry in table.range(txn, &range)? {
            let (key, block) = entry?;
            let first = first_of(key, self.number).ok_or(CORRUPT)?;
            for id in IdBlock::parse(first, block)?.ids() {
                if after.is_none_or(|after| id > after) && !f(id) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Runs {
    /// Reads the visible runs, in order of arrival. A run of an import is visible if `visible` says
    /// so of the import's segment; all others are.
    pub(crate) fn load(
        txn: &ReadTxn<'_>,
        table: &Table,
        visible: impl Fn(u32) -> bool,
    ) -> Result<Self, StoreError> {
        Self::load_if(txn, table, |import| import.is_none_or(&visible))
    }

    /// Reads the runs of an import with these segments.
    pub(crate) fn of_import(
        txn: &ReadTxn<'_>,
        table: &Table,
        segments: &[u32],
    ) -> Result<Self, StoreError> {
        Self::load_if(txn, table, |import| {
            import.is_some_and(|import| segments.contains(&import))
        })
    }

    fn load_if(
        txn: &ReadTxn<'_>,
        table: &Table,
        wanted: impl Fn(Option<u32>) -> bool,
    ) -> Result<Self, StoreError> {
        let mut runs = Vec::new();
        for entry in table.prefix_iter(txn, &[RECORD])? {
            let (key, value) = entry?;
            let run = Run::decode(number_of(key)?, value)?;
            if wanted(run.import) {
                runs.push(Arc::new(run));
            }
        }
        runs.sort_by_key(|run| run.arrived.1);
        Ok(Self(runs))
    }

    pub(crate) fn add(&mut self, run: Run) {
        let at = self
            .0
            .partition_point(|each| each.arrived.1 <= run.arrived.1);
        self.0.insert(at, Arc::new(run));
    }

    pub(crate) fn extend(&mut self, runs: Self) {
        self.0.extend(runs.0);
        self.0.sort_by_key(|run| run.arrived.1);
    }

    /// Returns true if a run contains the id.
    pub(super) fn contains(
        &self,
        txn: &ReadTxn<'_>,
        table: &Table,
        id: u64,
    ) -> Result<bool, StoreError> {
        for run in self.0.iter().rev() {
            if run.contains(txn, table, id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn delete_records(
        &self,
        txn: &mut RwTxn<'_>,
        table: &Table,
    ) -> Result<(), StoreError> {
        self.0
            .iter()
            .try_for_each(|run| run.delete_record(txn, table))
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|run| run.number)
    }

    /// Returns the number of ids, and the memory of the filters in bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        let ids = self.0.iter().map(|run| run.count).sum();
        let filters = self.0.iter().filter_map(|run| run.filter.get());
        (ids, filters.map(Filter::bytes).sum())
    }
}

/// A run that is being written, possibly in several commits. It is one when [`Self::finish`] is.
pub(super) struct RunWriter {
    number: u32,
    count: u64,
    filter: Filter,
    block: IdBlockBuilder,
}

impl RunWriter {
    /// Begins a run of at most `most` ids.
    pub(super) fn new(number: u32, most: u64) -> Self {
        Self {
            number,
            count: 0,
            filter: Filter::new(most),
            block: IdBlockBuilder::default(),
        }
    }

    /// Adds ids, ascending and above those before.
    pub(super) fn write(
        &mut self,
        txn: &mut RwTxn<'_>,
        table: &Table,
        ids: &[u64],
    ) -> Result<(), StoreError> {
        for id in ids {
            if !self.block.fits(*id) {
                self.end_block(txn, table)?;
            }
            self.block.add(*id);
            self.filter.insert(*id);
            self.count += 1;
        }
        Ok(())
    }

    fn end_block(&mut self, txn: &mut RwTxn<'_>, table: &Table) -> Result<(), StoreError> {
        if let Some((first, bytes)) = self.block.take() {
            table.put(txn, &block_key(self.number, first), &bytes)?;
        }
        Ok(())
    }

    /// Writes the rest and the record.
    pub(super) fn finish(
        mut self,
        txn: &mut RwTxn<'_>,
        table: &Table,
        import: Option<u32>,
        arrived: (i64, i64),
    ) -> Result<Run, StoreError> {
        self.end_block(txn, table)?;
        let run = Run {
            number: self.number,
            import,
            count: self.count,
            arrived,
            filter: OnceLock::from(self.filter),
        };
        run.put_record(txn, table)?;
        Ok(run)
    }
}

const CORRUPT: StoreError = StoreError::Corrupt {
    what: "a block of insert ids",
};

fn record_key(run: u32) -> [u8; 5] {
    let [a, b, c, d] = run.to_be_bytes();
    [RECORD, a, b, c, d]
}

fn block_key(run: u32, first: u64) -> [u8; 13] {
    let mut key = [BLOCK; 13];
    let (_, numbers) = key.split_at_mut(1);
    let (number, id) = numbers.split_at_mut(4);
    number.copy_from_slice(&run.to_be_bytes());
    id.copy_from_slice(&first.to_be_bytes());
    key
}

/// Returns the run of a record's key or a block's.
fn number_of(key: &[u8]) -> Result<u32, StoreError> {
    match key {
        [_, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(CORRUPT),
    }
}

/// Returns the first id of a block by its key; `None` if it is no block of the run.
fn first_of(key: &[u8], run: u32) -> Option<u64> {
    let (run_of, id) = key.strip_prefix(&[BLOCK])?.split_at_checked(4)?;
    (run_of == run.to_be_bytes()).then_some(u64::from_be_bytes(id.try_into().ok()?))
}

/// Deletes some blocks of a run without a record. Returns true if there may be more.
pub(super) fn delete_slice(
    txn: &mut RwTxn<'_>,
    table: &Table,
    run: u32,
) -> Result<bool, StoreError> {
    let (first, last) = (block_key(run, 0), block_key(run, u64::MAX));
    let all = (Included(first.as_slice()), Included(last.as_slice()));
    let keys = table.remap_data_type::<DecodeIgnore>();
    let next = match keys.range(txn, &all)?.nth(SLICE) {
        Some(entry) => Some(entry?.0.to_vec()),
        None => None,
    };
    match &next {
        Some(next) => {
            let slice = (Included(first.as_slice()), Excluded(next.as_slice()));
            keys.delete_range(txn, &slice)?;
        }
        None => {
            keys.delete_range(txn, &all)?;
        }
    }
    Ok(next.is_some())
}

/// Returns the runs that have blocks but no record: they were dropped, or being merged, when the
/// process ended.
pub(super) fn leftovers(txn: &ReadTxn<'_>, table: &Table) -> Result<Vec<u32>, StoreError> {
    let keys = table.remap_data_type::<DecodeIgnore>();
    let mut leftovers = Vec::new();
    let mut next = Some(0_u32);
    while let Some(from) = next {
        let Some((found, ())) = keys.get_greater_than_or_equal_to(txn, &block_key(from, 0))? else {
            break;
        };
        let run = number_of(found)?;
        if table.get(txn, &record_key(run))?.is_none() {
            leftovers.push(run);
        }
        next = run.checked_add(1);
    }
    Ok(leftovers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::StoreOptions;
    use crate::environment;

    proptest! {
        #[test]
        fn a_damaged_record_is_an_error_or_a_run(bytes: Vec<u8>) {
            let _ = Run::decode(0, &bytes);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn a_run_reads_back(
            ids in prop::collection::btree_set(prop_oneof![any::<u64>(), 0..5000_u64], 1..3000),
            others in prop::collection::vec(prop_oneof![any::<u64>(), 0..5000_u64], 100),
            after in prop::option::of(prop_oneof![any::<u64>(), 0..5000_u64]),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let options = StoreOptions { map_size: 1 << 26, ..StoreOptions::default() };
            let (env, tables) = environment::open(directory.path(), &options).unwrap();
            let table = tables.insert_ids().unwrap();
            let sorted: Vec<u64> = ids.iter().copied().collect();
            let mut txn = env.write_txn().unwrap();
            // The runs beside it are not read.
            for (number, ids) in [(6, &[1, 2, u64::MAX][..]), (7, &sorted), (8, &[0, 3])] {
                Run::write(&mut txn, &table, number, Some(9), ids, (-5, 6)).unwrap();
            }
            txn.commit().unwrap();
            let txn = env.read_txn().unwrap();
            let runs = Runs::of_import(&txn, &table, &[9]).unwrap();
            prop_assert_eq!(runs.numbers().collect::<Vec<_>>(), [6, 7, 8]);
            let run = &runs.0[1];
            prop_assert_eq!((run.count, run.arrived), (ids.len() as u64, (-5, 6)));
            for id in ids.iter().chain(&others) {
                prop_assert_eq!(run.contains(&txn, &table, *id).unwrap(), ids.contains(id));
            }
            let mut read = Vec::new();
            let collect = |id| { read.push(id); true };
            run.each_after(&txn, &table, after, collect).unwrap();
            let expected = ids.into_iter().filter(|id| after.is_none_or(|after| *id > after));
            prop_assert!(read.into_iter().eq(expected));
            drop(txn);
            // Without records they are left over, until the last slice is deleted.
            let mut txn = env.write_txn().unwrap();
            runs.delete_records(&mut txn, &table).unwrap();
            prop_assert_eq!(leftovers(&txn, &table).unwrap(), [6, 7, 8]);
            prop_assert!(!delete_slice(&mut txn, &table, 7).unwrap());
            prop_assert_eq!(leftovers(&txn, &table).unwrap(), [6, 8]);
        }
    }
}

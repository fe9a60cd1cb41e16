//! All id segments of the store, or of an import.

use std::sync::Arc;

use heed::RwTxn;
use heed::types::DecodeIgnore;

use super::filter::Filter;
use super::keys::{RECORD, block_key, number_of, record_key};
use super::segment::IdSegment;
use crate::environment::{ReadTxn, Table};
use crate::{StoreError, slices};

/// The blocks that are deleted in one commit: 4 MiB, which bounds the time that writers wait.
const SLICE: usize = 1024;

/// Id segments in order of arrival.
#[derive(Default)]
pub(crate) struct IdSegments(pub(super) Vec<Arc<IdSegment>>);

impl IdSegments {
    /// Reads the visible segments, in order of arrival. A segment of an import is visible if
    /// `visible` says so of the import's row segment; all others are.
    pub(crate) fn load(
        txn: &ReadTxn<'_>,
        table: &Table,
        visible: impl Fn(u32) -> bool,
    ) -> Result<Self, StoreError> {
        Self::load_if(txn, table, |import| import.is_none_or(&visible))
    }

    /// Reads the segments of an import with these row segments.
    pub(crate) fn of_import(
        txn: &ReadTxn<'_>,
        table: &Table,
        row_segments: &[u32],
    ) -> Result<Self, StoreError> {
        Self::load_if(txn, table, |import| {
            import.is_some_and(|import| row_segments.contains(&import))
        })
    }

    fn load_if(
        txn: &ReadTxn<'_>,
        table: &Table,
        wanted: impl Fn(Option<u32>) -> bool,
    ) -> Result<Self, StoreError> {
        let mut segments = Vec::new();
        for entry in table.prefix_iter(txn, &[RECORD])? {
            let (key, value) = entry?;
            let segment = IdSegment::decode(number_of(key)?, value)?;
            if wanted(segment.import) {
                segments.push(Arc::new(segment));
            }
        }
        segments.sort_by_key(|segment| segment.arrived.1);
        Ok(Self(segments))
    }

    pub(crate) fn add(&mut self, segment: IdSegment) {
        let at = self
            .0
            .partition_point(|each| each.arrived.1 <= segment.arrived.1);
        self.0.insert(at, Arc::new(segment));
    }

    pub(crate) fn extend(&mut self, segments: Self) {
        self.0.extend(segments.0);
        self.0.sort_by_key(|segment| segment.arrived.1);
    }

    /// Returns true if a segment contains the id.
    pub(super) fn contains(
        &self,
        txn: &ReadTxn<'_>,
        table: &Table,
        id: u64,
    ) -> Result<bool, StoreError> {
        for segment in self.0.iter().rev() {
            if segment.contains(txn, table, id)? {
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
            .try_for_each(|segment| segment.delete_record(txn, table))
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|segment| segment.number)
    }

    /// Returns the number of ids, and the memory of the filters in bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        let ids = self.0.iter().map(|segment| segment.count).sum();
        let filters = self.0.iter().filter_map(|segment| segment.filter.get());
        (ids, filters.map(Filter::bytes).sum())
    }
}

/// Deletes some blocks of a segment without a record. Returns true if there may be more.
pub(super) fn delete_slice(
    txn: &mut RwTxn<'_>,
    table: &Table,
    segment: u32,
) -> Result<bool, StoreError> {
    slices::delete(
        txn,
        table,
        &block_key(segment, 0),
        &block_key(segment, u64::MAX),
        SLICE,
    )
}

/// Returns the segments that have blocks but no record: they were dropped, or being merged, when
/// the process ended.
pub(super) fn leftovers(txn: &ReadTxn<'_>, table: &Table) -> Result<Vec<u32>, StoreError> {
    let keys = table.remap_data_type::<DecodeIgnore>();
    let mut leftovers = Vec::new();
    let mut next = Some(0_u32);
    while let Some(from) = next {
        let Some((found, ())) = keys.get_greater_than_or_equal_to(txn, &block_key(from, 0))? else {
            break;
        };
        let segment = number_of(found)?;
        if table.get(txn, &record_key(segment))?.is_none() {
            leftovers.push(segment);
        }
        next = segment.checked_add(1);
    }
    Ok(leftovers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{StoreOptions, environment};

    proptest! {
        #[test]
        fn a_damaged_record_is_an_error_or_a_segment(bytes: Vec<u8>) {
            let _ = IdSegment::decode(0, &bytes);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn a_segment_reads_back(
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
            // The segments beside it are not read.
            for (number, ids) in [(6, &[1, 2, u64::MAX][..]), (7, &sorted), (8, &[0, 3])] {
                IdSegment::write(&mut txn, &table, number, Some(9), ids, (-5, 6)).unwrap();
            }
            txn.commit().unwrap();
            let txn = env.read_txn().unwrap();
            let segments = IdSegments::of_import(&txn, &table, &[9]).unwrap();
            prop_assert_eq!(segments.numbers().collect::<Vec<_>>(), [6, 7, 8]);
            let segment = &segments.0[1];
            prop_assert_eq!((segment.count, segment.arrived), (ids.len() as u64, (-5, 6)));
            for id in ids.iter().chain(&others) {
                prop_assert_eq!(segment.contains(&txn, &table, *id).unwrap(), ids.contains(id));
            }
            let mut read = Vec::new();
            let collect = |id| { read.push(id); true };
            segment.each_after(&txn, &table, after, collect).unwrap();
            let expected = ids.into_iter().filter(|id| after.is_none_or(|after| *id > after));
            prop_assert!(read.into_iter().eq(expected));
            drop(txn);
            // Without records they are left over, until the last slice is deleted.
            let mut txn = env.write_txn().unwrap();
            segments.delete_records(&mut txn, &table).unwrap();
            prop_assert_eq!(leftovers(&txn, &table).unwrap(), [6, 7, 8]);
            prop_assert!(!delete_slice(&mut txn, &table, 7).unwrap());
            prop_assert_eq!(leftovers(&txn, &table).unwrap(), [6, 8]);
        }
    }
}

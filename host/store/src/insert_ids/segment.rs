//! An id segment: ids of a time, sorted, in blocks.

use std::ops::Bound::Included;
use std::sync::OnceLock;

use heed::RwTxn;

use super::block::{IdBlock, IdBlockBuilder};
use super::filter::Filter;
use super::keys::{CORRUPT, block_key, first_of, record_key};
use crate::StoreError;
use crate::codec::{ByteReader, put_varint};
use crate::environment::{ReadTxn, Table};

/// The ids that arrived in one span of time.
pub(crate) struct IdSegment {
    pub(super) number: u32,
    /// A row segment of the import that the ids are of. The ids are visible when that is.
    pub(super) import: Option<u32>,
    pub(super) count: u64,
    /// When the first and the last id arrived, in ms since 1970.
    pub(super) arrived: (i64, i64),
    /// Made when it is first needed.
    pub(super) filter: OnceLock<Filter>,
}

impl IdSegment {
    /// Writes ids (ascending, each once) as a segment. Returns `None` if there are none. `arrived`
    /// is when the first and the last arrived, in ms since 1970.
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
        let mut writer = IdSegmentWriter::new(number, ids.len() as u64);
        writer.write(txn, table, ids)?;
        writer.finish(txn, table, import, arrived).map(Some)
    }

    pub(super) fn decode(number: u32, value: &[u8]) -> Result<Self, StoreError> {
        let mut reader = ByteReader::new(value, "a segment of insert ids");
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

    /// Returns true if the segment contains the id.
    pub(super) fn contains(
        &self,
        txn: &ReadTxn<'_>,
        table: &Table,
        id: u64,
    ) -> Result<bool, StoreError> {
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

/// A segment that is being written, possibly in several commits. It is one when [`Self::finish`]
/// is.
pub(super) struct IdSegmentWriter {
    number: u32,
    count: u64,
    filter: Filter,
    block: IdBlockBuilder,
}

impl IdSegmentWriter {
    /// Begins a segment of at most `most` ids.
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
    ) -> Result<IdSegment, StoreError> {
        self.end_block(txn, table)?;
        let segment = IdSegment {
            number: self.number,
            import,
            count: self.count,
            arrived,
            filter: OnceLock::from(self.filter),
        };
        segment.put_record(txn, table)?;
        Ok(segment)
    }
}

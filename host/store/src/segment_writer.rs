//! Sorted rows become the blocks of a segment.

use heed::{PutFlags, RwTxn};

use crate::block::BlockBuilder;
use crate::cell::CellRef;
use crate::environment::Tables;
use crate::read::{Selection, Source, Wanted, Window};
use crate::rows::index;
use crate::segment::{Segment, SegmentName};
use crate::spread::Counting;
use crate::terms::OPERATIONS;
use crate::{StoreError, blocks};

/// Blocks that are encoded and not yet written.
pub(crate) struct SegmentWriter {
    names: Vec<SegmentName>,
    /// The events by time.
    counting: Counting,
    /// All bytes of blocks so far, written ones included.
    total: u64,
    waiting: Vec<(u32, u32, usize)>,
    bytes: Vec<u8>,
    builder: BlockBuilder,
    selection: Selection,
    wanted: Wanted,
    /// Events before it are left out.
    since: i64,
}

impl Default for SegmentWriter {
    fn default() -> Self {
        Self::of_users((0..=u8::MAX).collect())
    }
}

impl SegmentWriter {
    /// Takes no events before an instant, but all operations.
    pub(crate) fn since(since: i64) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// Takes the rows of these users of each group only.
    pub(crate) fn of_users(users: Vec<u8>) -> Self {
        Self {
            names: Vec::new(),
            counting: Counting::default(),
            total: 0,
            waiting: Vec::new(),
            bytes: Vec::new(),
            builder: BlockBuilder::default(),
            selection: Selection::default(),
            wanted: Wanted::new(users),
            since: i64::MIN,
        }
    }

    /// Adds the rows of one name and group; names, and groups within a name, come ascending. Sources are by age; of duplicates
    /// the oldest stays.
    pub(crate) fn add(
        &mut self,
        name: u32,
        group: u32,
        sources: &[(u32, Source<'_>)],
    ) -> Result<(), StoreError> {
        let since = if name == OPERATIONS {
            i64::MIN
        } else {
            self.since
        };
        let window = Window {
            after: since.saturating_sub(1),
            now: i64::MAX,
        };
        (self.selection).fill(sources, &self.wanted, window, &mut []);
        let mut before = 0;
        for (user, end) in self.wanted.users.iter().zip(&self.selection.users) {
            self.builder.user(*user, end.rows - before);
            before = end.rows;
        }
        let mut columns = Vec::with_capacity(sources.len());
        for (_, source) in sources {
            columns.push(source.columns()?);
        }
        for piece in &self.selection.pieces {
            let at = piece.source as usize;
            let (Some((_, source)), Some(columns)) = (sources.get(at), columns.get(at)) else {
                continue;
            };
            let first = index(self.builder.rows())?;
            let rows = piece.row..piece.row + piece.length;
            for row in rows.clone() {
                self.builder.row(source.time(row), source.insert(row));
            }
            if let Source::Batch(batch, _) = source {
                for (row, at) in (first..).zip(rows) {
                    let cells = batch.rows.cells_of(batch.row(at));
                    for (hint, (column, cell)) in cells.iter().enumerate() {
                        let cell = CellRef::of_cell(&batch.rows, *cell);
                        self.builder.cell(hint, *column, row, cell)?;
                    }
                }
                continue;
            }
            for (hint, (column, view)) in columns.iter().enumerate() {
                for (row, at) in (first..).zip(rows.clone()) {
                    if let Some(cell) = view.cell(at)? {
                        self.builder.cell(hint, *column, row, cell)?;
                    }
                }
            }
        }
        let Some((min, max)) = self.builder.times() else {
            return Ok(());
        };
        self.count(name, min, max);
        let start = self.bytes.len();
        self.builder.encode(&mut self.bytes);
        self.total += (self.bytes.len() - start) as u64;
        self.waiting.push((name, group, self.bytes.len()));
        Ok(())
    }

    fn count(&mut self, name: u32, min: i64, max: i64) {
        if name != OPERATIONS {
            self.counting.add(self.builder.all_times());
        }
        let rows = self.builder.rows() as u64;
        if self.names.last().is_none_or(|last| last.name != name) {
            self.names.push(SegmentName {
                name,
                rows: 0,
                min,
                max,
                columns: Vec::new(),
            });
        }
        let Some(held) = self.names.last_mut() else {
            return;
        };
        held.rows += rows;
        held.min = held.min.min(min);
        held.max = held.max.max(max);
        for (column, count) in self.builder.counts() {
            match held.columns.binary_search_by_key(&column, |each| each.0) {
                Ok(at) => {
                    if let Some(each) = held.columns.get_mut(at) {
                        each.1 += count;
                    }
                }
                Err(at) => held.columns.insert(at, (column, count)),
            }
        }
    }

    /// Bytes that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// Whether no row was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Writes the blocks that wait.
    pub(crate) fn write(
        &mut self,
        txn: &mut RwTxn<'_>,
        tables: &Tables,
        segment: u32,
    ) -> Result<(), StoreError> {
        let last = tables.blocks.last(txn)?.map(|(key, _)| key.to_vec());
        let mut start = 0;
        for (name, group, end) in self.waiting.drain(..) {
            let key = blocks::key(segment, name, group);
            let block = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            // LMDB: appending fills pages to the brim; otherwise they are split in halves.
            if last.as_deref().is_none_or(|last| last < key.as_slice()) {
                tables
                    .blocks
                    .put_with_flags(txn, PutFlags::APPEND, &key, block)?;
            } else {
                tables.blocks.put(txn, &key, block)?;
            }
        }
        self.bytes.clear();
        Ok(())
    }

    /// What the segment holds, once all is written.
    pub(crate) fn segment(&mut self, id: u32, place: u64) -> Segment {
        Segment {
            id,
            place,
            names: std::mem::take(&mut self.names),
            spread: self.counting.take(),
            bytes: std::mem::take(&mut self.total),
        }
    }
}

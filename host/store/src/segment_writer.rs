//! The writer that makes the blocks of a segment from sorted rows.

use heed::{PutFlags, RwTxn};

use crate::block::BlockBuilder;
use crate::cell::CellRef;
use crate::environment::Tables;
use crate::parts::{self, BlockPart};
use crate::read::{RowSource, Selection, TimeRange, WantedUsers};
use crate::rows::index;
use crate::segment::{Segment, SegmentName};
use crate::spread::SpreadCounter;
use crate::terms::OPERATIONS;
use crate::{StoreError, StoreOptions, blocks};

/// A writer with the blocks that are encoded and not yet written.
pub(crate) struct SegmentWriter {
    names: Vec<SegmentName>,
    /// The distribution of the events over time.
    counting: SpreadCounter,
    /// The bytes of all blocks so far, including written ones.
    total: u64,
    waiting: Vec<PendingBlock>,
    bytes: Vec<u8>,
    builder: BlockBuilder,
    selection: Selection,
    /// The users of each group whose rows are taken, ascending.
    users: Vec<u8>,
    /// The users of the current part.
    wanted: WantedUsers,
    /// The instant before which events are left out.
    since: i64,
    /// The number of rows in a block.
    block_rows: u64,
}

/// A block that waits to be written, behind the one before it.
struct PendingBlock {
    name: u32,
    group: u32,
    part: u32,
    end: usize,
}

impl SegmentWriter {
    /// Makes a writer that takes all rows.
    pub(crate) fn new(options: &StoreOptions) -> Self {
        Self::of_users((0..=u8::MAX).collect(), options)
    }

    /// Makes a writer that takes all operations, and the events from an instant on.
    pub(crate) fn since(since: i64, options: &StoreOptions) -> Self {
        Self {
            since,
            ..Self::new(options)
        }
    }

    /// Makes a writer that takes only the rows of these users of each group.
    pub(crate) fn of_users(users: Vec<u8>, options: &StoreOptions) -> Self {
        Self {
            names: Vec::new(),
            counting: SpreadCounter::default(),
            total: 0,
            waiting: Vec::new(),
            bytes: Vec::new(),
            builder: BlockBuilder::default(),
            selection: Selection::default(),
            wanted: WantedUsers::new(users.clone()),
            users,
            since: i64::MIN,
            block_rows: options.block_rows.max(1) as u64,
        }
    }

    /// Adds the rows of one name and group. Names, and groups within a name, must come in ascending
    /// order. Sources are ordered by age; the oldest of several duplicates stays. A group with more
    /// rows than a block takes is cut into parts.
    pub(crate) fn add(
        &mut self,
        name: u32,
        group: u32,
        sources: &[(u32, RowSource<'_>)],
    ) -> Result<(), StoreError> {
        self.add_from(name, group, sources, 0, usize::MAX)?;
        Ok(())
    }

    /// Adds the parts of one name and group from a part on, until `enough` bytes wait. Returns the
    /// next part to add from the same sources, if there is one.
    pub(crate) fn add_from(
        &mut self,
        name: u32,
        group: u32,
        sources: &[(u32, RowSource<'_>)],
        from: u32,
        enough: usize,
    ) -> Result<Option<u32>, StoreError> {
        let since = if name == OPERATIONS {
            i64::MIN
        } else {
            self.since
        };
        let window = TimeRange {
            after: since.saturating_sub(1),
            now: i64::MAX,
        };
        let parts = parts::cut(sources, &self.users, window, self.block_rows);
        let last = index(parts.len())?.saturating_sub(1);
        for (number, part) in (0..).zip(&parts).skip(from as usize) {
            self.add_part(name, sources, part)?;
            self.encode(name, group, number, number < last);
            if number < last && self.bytes.len() >= enough {
                return Ok(Some(number + 1));
            }
        }
        Ok(None)
    }

    fn add_part(
        &mut self,
        name: u32,
        sources: &[(u32, RowSource<'_>)],
        part: &BlockPart,
    ) -> Result<(), StoreError> {
        if self.wanted.users != part.users {
            self.wanted = WantedUsers::new(part.users.clone());
        }
        // Without a limit the selection is always complete.
        let _ = (self.selection).fill(sources, &self.wanted, part.window, &mut []);
        let mut before = 0;
        for (user, end) in self.wanted.users.iter().zip(&self.selection.users) {
            self.builder.user(*user, end.rows - before);
            before = end.rows;
        }
        // A part has rows of few of its sources.
        let mut columns = Vec::new();
        columns.resize_with(sources.len(), || None);
        for piece in &self.selection.pieces {
            let at = piece.source as usize;
            let (Some((_, source)), Some(columns)) = (sources.get(at), columns.get_mut(at)) else {
                continue;
            };
            let first = index(self.builder.rows())?;
            let rows = piece.row..piece.row + piece.length;
            for row in rows.clone() {
                self.builder.row(source.time(row), source.insert(row));
            }
            if let RowSource::Batch(batch, _) = source {
                for (row, at) in (first..).zip(rows) {
                    let cells = batch.rows.cells_of(batch.row(at));
                    for (hint, (column, cell)) in cells.iter().enumerate() {
                        let cell = CellRef::of_cell(&batch.rows, *cell);
                        self.builder.cell(hint, *column, row, cell)?;
                    }
                }
                continue;
            }
            let columns = match columns {
                Some(columns) => columns,
                none => none.insert(source.columns()?),
            };
            for (hint, (column, view)) in columns.iter().enumerate() {
                for (row, at) in (first..).zip(rows.clone()) {
                    if let Some(cell) = view.cell(at)? {
                        self.builder.cell(hint, *column, row, cell)?;
                    }
                }
            }
        }
        if let Some((min, max)) = self.builder.times() {
            self.count(name, min, max);
        }
        Ok(())
    }

    fn encode(&mut self, name: u32, group: u32, part: u32, more: bool) {
        if self.builder.rows() == 0 {
            return;
        }
        let start = self.bytes.len();
        self.builder.encode(more, &mut self.bytes);
        self.total += (self.bytes.len() - start) as u64;
        self.waiting.push(PendingBlock {
            name,
            group,
            part,
            end: self.bytes.len(),
        });
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

    /// Returns the bytes that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// Returns true if no row was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Writes the waiting blocks.
    pub(crate) fn write(
        &mut self,
        txn: &mut RwTxn<'_>,
        tables: &Tables,
        segment: u32,
    ) -> Result<(), StoreError> {
        let last = tables.blocks.last(txn)?.map(|(key, _)| key.to_vec());
        let mut start = 0;
        for waiting in self.waiting.drain(..) {
            let first = blocks::key(segment, waiting.name, waiting.group);
            let key = blocks::part_key(first, waiting.part);
            let block = self.bytes.get(start..waiting.end).unwrap_or_default();
            start = waiting.end;
            // LMDB: appending fills pages completely; otherwise they are split in halves.
            if last.as_ref().is_none_or(|last| *last < key) {
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

    /// Returns the record of the segment once all blocks are written.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;
    use crate::block::Block;
    use crate::duplicates;
    use crate::rows::{Cell, Head, RowBuffer};

    const NAME: u32 = 1;

    /// Makes rows of users 0, 1 and 2, most of them of user 1. Some have the same instant, and some
    /// are duplicates.
    fn batch(seed: u64) -> Batch {
        let mut rows = RowBuffer::default();
        let mut random = seed;
        for nth in 0..400_u32 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let user = match random >> 60 {
                0 => 0,
                1 => 2,
                _ => 1,
            };
            rows.heads.push(Head {
                name: NAME,
                user,
                time: (random >> 40) as i64 % 50,
                insert: duplicates::kept(random >> 33 & 15, true),
                cells: nth,
            });
            rows.cells
                .push((7, Cell::Number(f64::from(nth) + seed as f64 / 16.0)));
        }
        Batch::new(rows)
    }

    fn writer(block_rows: usize) -> SegmentWriter {
        SegmentWriter::new(&StoreOptions {
            block_rows,
            ..StoreOptions::default()
        })
    }

    /// Reads the blocks: the part of each, a flag that another follows, and the users, times,
    /// insert ids and values of its rows.
    #[expect(clippy::type_complexity, reason = "a test's")]
    fn blocks(writer: &SegmentWriter) -> Vec<(u32, bool, Vec<(usize, i64, u64, String)>)> {
        let mut start = 0;
        let waiting = writer.waiting.iter().map(|waiting| {
            let block = Block::parse(&writer.bytes[start..waiting.end]).unwrap();
            start = waiting.end;
            let column = block.column(7).unwrap().unwrap();
            let mut rows = Vec::new();
            block.each_user(|user, range| {
                for row in range {
                    let value = match column.cell(row).unwrap() {
                        Some(CellRef::Number(number)) => number.to_string(),
                        _ => String::new(),
                    };
                    rows.push((user, block.time(row), block.insert(row), value));
                }
            });
            (waiting.part, block.more, rows)
        });
        waiting.collect()
    }

    #[test]
    fn a_group_in_parts_has_the_same_rows_as_a_whole_group() {
        let batches = [1, 2, 3].map(batch);
        let sources: Vec<(u32, RowSource<'_>)> = batches
            .iter()
            .map(|batch| {
                let span = batch.span(NAME).unwrap();
                (NAME, RowSource::Batch(batch, span.start..span.end))
            })
            .collect();
        let mut whole = writer(usize::MAX);
        whole.add(NAME, 0, &sources).unwrap();
        let [(0, false, expected)] = &blocks(&whole)[..] else {
            panic!("one block");
        };
        for most in [1, 7, 40, 100, 1000] {
            let mut parts = writer(most);
            parts.add(NAME, 0, &sources).unwrap();
            let found = blocks(&parts);
            let last = found.len() - 1;
            assert!(last > 0);
            for (number, (part, more, rows)) in found.iter().enumerate() {
                assert_eq!((*part as usize, *more), (number, number < last));
                let instants: Vec<_> = rows.iter().map(|row| (row.0, row.1)).collect();
                let one = instants.iter().all(|each| *each == instants[0]);
                assert!(!rows.is_empty() && (rows.len() <= most || one), "{most}");
            }
            let rows: Vec<_> = found.iter().flat_map(|(.., rows)| rows.clone()).collect();
            assert_eq!(&rows, expected, "{most}");

            // The same rows, written part by part.
            let (mut resumed, mut next, mut steps) = (writer(most), Some(0), 0);
            while let Some(from) = next {
                next = resumed.add_from(NAME, 0, &sources, from, 1).unwrap();
                steps += 1;
            }
            assert_eq!((blocks(&resumed), steps), (found, last + 1));
            let (one, other) = (parts.segment(1, 1), resumed.segment(1, 1));
            assert_eq!((one.rows(), &one), (expected.len() as u64, &other));
        }
    }
}

//! A source: rows of one event name and one group of users, in memory or in a segment.

use std::ops::Range;

use super::time_range::TimeRange;
use crate::StoreError;
use crate::batch::Batch;
use crate::block::{Block, BlockColumn};
use crate::cell::CellRef;
use crate::keys::GROUP;

/// Rows of one name and group, by (user, time, arrival). They are numbered within the source.
pub(crate) enum RowSource<'a> {
    /// Rows in memory; their numbers are places of the batch's order.
    Batch(&'a Batch, Range<u32>),
    /// Rows in a segment.
    Block(Box<Block<'a>>),
}

/// A column of a source.
pub(crate) enum ColumnView<'a> {
    Absent,
    Batch(&'a Batch, u32),
    Block(BlockColumn<'a>),
}

/// The parts of a window's outside in which rows may lie: before it, after it.
#[derive(Clone, Copy)]
pub(crate) struct WindowOverlap {
    pub(crate) early: bool,
    pub(crate) late: bool,
}

impl<'a> RowSource<'a> {
    /// Calls `f` with the rows of each user that has rows: the user's number in the group, and the
    /// range.
    #[inline]
    pub(crate) fn each_user(&self, mut f: impl FnMut(usize, Range<u32>)) {
        match self {
            Self::Block(block) => block.each_user(f),
            Self::Batch(batch, range) => {
                let mut at = range.start;
                while at < range.end {
                    let user = batch.head(at).user;
                    let start = at;
                    while at < range.end && batch.head(at).user == user {
                        at += 1;
                    }
                    f(user as usize % GROUP, start..at);
                }
            }
        }
    }

    /// Returns the number of rows.
    pub(crate) fn rows(&self) -> u32 {
        match self {
            Self::Block(block) => block.rows(),
            Self::Batch(_, range) => range.end - range.start,
        }
    }

    /// Returns the rows of one user.
    pub(crate) fn user(&self, user: usize) -> Range<u32> {
        match self {
            Self::Block(block) => block.user(user),
            Self::Batch(batch, range) => {
                let before = |at: u32, user| (batch.head(at).user as usize % GROUP) < user;
                let start = partition(range.clone(), |at| before(at, user));
                let end = partition(start..range.end, |at| before(at, user + 1));
                start..end
            }
        }
    }

    /// Reports whether rows may lie outside of a window.
    pub(crate) fn spans(&self, window: TimeRange) -> WindowOverlap {
        match self {
            Self::Block(block) => WindowOverlap {
                early: block.min <= window.after,
                late: block.max > window.now,
            },
            Self::Batch(..) => WindowOverlap {
                early: window.after != i64::MIN,
                late: window.now != i64::MAX,
            },
        }
    }

    #[inline]
    pub(crate) fn time(&self, row: u32) -> i64 {
        match self {
            Self::Block(block) => block.time(row),
            Self::Batch(batch, _) => batch.head(row).time,
        }
    }

    /// Appends the times of rows.
    pub(crate) fn times(&self, rows: Range<u32>, out: &mut Vec<i64>) {
        match self {
            Self::Block(block) => block.times(rows, out),
            Self::Batch(batch, _) => out.extend(rows.map(|row| batch.head(row).time)),
        }
    }

    /// Returns the kept bits of a row's insert id; 0 if it has none.
    pub(crate) fn insert(&self, row: u32) -> u64 {
        match self {
            Self::Block(block) => block.insert(row),
            Self::Batch(batch, _) => batch.head(row).insert,
        }
    }

    pub(crate) fn column(&self, column: u32) -> Result<ColumnView<'a>, StoreError> {
        Ok(match self {
            Self::Block(block) => block
                .column(column)?
                .map_or(ColumnView::Absent, ColumnView::Block),
            Self::Batch(batch, _) => ColumnView::Batch(batch, column),
        })
    }

    /// Returns, for each column of a block, the number of rows that have it.
    pub(crate) fn counts(&self) -> Result<Vec<(u32, u32)>, StoreError> {
        match self {
            Self::Batch(..) => Ok(Vec::new()),
            Self::Block(block) => block.counts(),
        }
    }

    /// Returns the columns of a block, with their numbers. A batch has its cells by row.
    pub(crate) fn columns(&self) -> Result<Vec<(u32, ColumnView<'a>)>, StoreError> {
        match self {
            Self::Batch(..) => Ok(Vec::new()),
            Self::Block(block) => {
                let mut columns = Vec::new();
                for column in block.columns()? {
                    columns.push((column, self.column(column)?));
                }
                Ok(columns)
            }
        }
    }
}

impl<'a> ColumnView<'a> {
    pub(crate) fn cell(&self, row: u32) -> Result<Option<CellRef<'a>>, StoreError> {
        match self {
            Self::Absent => Ok(None),
            Self::Block(column) => column.cell(row),
            Self::Batch(batch, column) => Ok(batch
                .cell(row, *column)
                .map(|cell| CellRef::of_cell(&batch.rows, cell))),
        }
    }
}

/// Returns the first row of a range for which `before` is false. It must be false for all rows
/// after that.
pub(crate) fn partition(mut range: Range<u32>, before: impl Fn(u32) -> bool) -> u32 {
    while range.start < range.end {
        let middle = range.start + (range.end - range.start) / 2;
        if before(middle) {
            range.start = middle + 1;
        } else {
            range.end = middle;
        }
    }
    range.start
}

//! Rows in memory, sorted for reading.

use std::ops::Range;

use crate::duplicates::Duplicates;
use crate::keys::GROUP_BITS;
use crate::rows::{Cell, Head, RowBuffer};

/// Rows with an order by (name, user, time, arrival). A batch does not change.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: RowBuffer,
    /// The rows that count, sorted. Duplicates are left out.
    pub(crate) order: Vec<u32>,
    /// The spans of rows with one name, by name.
    pub(crate) names: Vec<NameSpan>,
}

/// The rows of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameSpan {
    pub(crate) name: u32,
    /// A range of [`Batch::order`].
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The earliest time of the rows; `max` is the latest.
    pub(crate) min: i64,
    pub(crate) max: i64,
}

impl AsRef<Self> for Batch {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Batch {
    pub(crate) fn new(rows: RowBuffer) -> Self {
        let mut order: Vec<u32> = (0..rows.len())
            .filter_map(|row| u32::try_from(row).ok())
            .collect();
        order.sort_by_key(|row| {
            let head = rows.head(*row);
            (head.name, head.user, head.time)
        });
        drop_duplicates(&rows, &mut order);
        let names = spans(&rows, &order);
        Self { rows, order, names }
    }

    pub(crate) fn span(&self, name: u32) -> Option<&NameSpan> {
        let at = self
            .names
            .binary_search_by_key(&name, |span| span.name)
            .ok()?;
        self.names.get(at)
    }

    /// Returns the rows of a group of users as a range of [`Self::order`].
    pub(crate) fn group(&self, span: &NameSpan, group: u32) -> Range<u32> {
        let all = self
            .order
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default();
        let before = |row: &u32, group| self.rows.head(*row).user >> GROUP_BITS < group;
        let start = all.partition_point(|row| before(row, group));
        let rest = all.get(start..).unwrap_or_default();
        let length = rest.partition_point(|row| before(row, group.saturating_add(1)));
        // The value lies within the order, which is counted in 32 bits.
        let start = span.start + start as u32;
        start..start + length as u32
    }

    /// Returns the row at a place of the order.
    pub(crate) fn head(&self, at: u32) -> Head {
        self.rows.head(self.row(at))
    }

    pub(crate) fn row(&self, at: u32) -> u32 {
        self.order.get(at as usize).copied().unwrap_or(u32::MAX)
    }

    /// Returns a cell of the row at a place of the order.
    pub(crate) fn cell(&self, at: u32, column: u32) -> Option<Cell> {
        self.rows
            .cells_of(self.row(at))
            .iter()
            .find(|(each, _)| *each == column)
            .map(|(_, cell)| *cell)
    }
}

/// Removes duplicates from the order.
fn drop_duplicates(rows: &RowBuffer, order: &mut Vec<u32>) {
    let mut duplicates = Duplicates::default();
    let mut before = None;
    order.retain(|row| {
        let head = rows.head(*row);
        let place = Some((head.name, head.user, head.time));
        if before != place {
            duplicates.clear();
            before = place;
        }
        !duplicates.next(head.insert)
    });
}

fn spans(rows: &RowBuffer, order: &[u32]) -> Vec<NameSpan> {
    let mut spans: Vec<NameSpan> = Vec::new();
    for (at, row) in (0_u32..).zip(order) {
        let head = rows.head(*row);
        match spans.last_mut() {
            Some(span) if span.name == head.name => {
                span.end = at + 1;
                span.min = span.min.min(head.time);
                span.max = span.max.max(head.time);
            }
            _ => spans.push(NameSpan {
                name: head.name,
                start: at,
                end: at + 1,
                min: head.time,
                max: head.time,
            }),
        }
    }
    spans
}

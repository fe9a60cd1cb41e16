//! The columns of a batch, as [`crate::rule!`] assigns them to what it declares.

use core::ops::Range;

use crate::bindings::Batch;
use crate::bindings::muster::cohort::types::{Column, EventRows};
use crate::context::Context;
use crate::events::{Event, Events};
use crate::kind::Kind;

/// The parts of a batch in the order of their declaration.
#[derive(Debug)]
pub struct Cursor<'a> {
    texts: Texts<'a>,
    properties: core::slice::Iter<'a, Column>,
    histories: core::slice::Iter<'a, EventRows>,
    streams: core::slice::Iter<'a, EventRows>,
    lists: core::slice::Iter<'a, Vec<u64>>,
    hashes: &'a [u64],
}

/// The rows of all users of one stream.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'a, E> {
    starts: &'a [u32],
    times: &'a [i64],
    event: E,
}

/// The texts of a batch by their codes. The text of code 0, which means absent, is empty.
pub(crate) type Texts<'a> = &'a [&'a str];

/// The columns of one stream, in the order of their declaration.
#[derive(Debug)]
pub struct Rows<'a> {
    rows: &'a EventRows,
    columns: core::slice::Iter<'a, Column>,
    texts: Texts<'a>,
}

/// Returns the texts of a batch by their codes. This is done once a batch, so that no access of a
/// text checks its bytes again.
#[must_use]
pub fn texts(batch: &Batch) -> Vec<&str> {
    let dictionary = &batch.dictionary;
    let bytes = core::str::from_utf8(&dictionary.bytes).expect("texts are UTF-8");
    let ends = dictionary
        .offsets
        .iter()
        .zip(dictionary.offsets.iter().skip(1));
    let texts = ends.map(|(start, end)| &bytes[*start as usize..*end as usize]);
    core::iter::once("").chain(texts).collect()
}

impl<'a> Cursor<'a> {
    /// Starts at the first of each. `texts` are those of [`texts`].
    #[must_use]
    pub fn new(batch: &'a Batch, texts: &'a [&'a str]) -> Self {
        Self {
            texts,
            properties: batch.user_properties.iter(),
            histories: batch.property_histories.iter(),
            streams: batch.streams.iter(),
            lists: batch.lists.iter(),
            hashes: &batch.user_hash,
        }
    }

    /// Takes the next user property.
    pub fn property<K: Kind>(&mut self) -> K::Column<'a> {
        let column = self.properties.next();
        K::column(column.expect("a column for each property"), self.texts)
    }

    /// Takes the next stream; a function makes the event of its columns.
    pub fn stream<E>(&mut self, event: impl FnOnce(Rows<'a>) -> E) -> Stream<'a, E> {
        let rows = self.streams.next().expect("rows for each stream");
        Stream::new(rows, self.texts, event)
    }

    /// Takes the next property history; a function makes the event of its column.
    pub fn history<E>(&mut self, event: impl FnOnce(Rows<'a>) -> E) -> Stream<'a, E> {
        let rows = self.histories.next().expect("rows for each history");
        Stream::new(rows, self.texts, event)
    }

    /// Takes the next list: a bit a user.
    pub fn list(&mut self) -> &'a [u64] {
        self.lists.next().expect("a bitmap for each list")
    }

    /// Returns the hashes of the users.
    #[must_use]
    pub fn hashes(&self) -> &'a [u64] {
        self.hashes
    }
}

impl<'a> Rows<'a> {
    /// Returns the times of all rows.
    #[must_use]
    pub fn times(&self) -> &'a [i64] {
        &self.rows.times
    }

    /// Takes the next column.
    pub fn column<K: Kind>(&mut self) -> K::Column<'a> {
        let column = self.columns.next();
        K::column(column.expect("a column for each property"), self.texts)
    }
}

impl<'a, E> Stream<'a, E> {
    fn new(rows: &'a EventRows, texts: Texts<'a>, event: impl FnOnce(Rows<'a>) -> E) -> Self {
        Self {
            starts: &rows.starts,
            times: &rows.times,
            event: event(Rows {
                rows,
                columns: rows.columns.iter(),
                texts,
            }),
        }
    }
}

impl<'a, E: Event> Stream<'a, E> {
    /// Returns the rows of the user that the context is at.
    #[inline]
    pub fn of<'u>(&'u self, context: &'u Context<'_>) -> Events<'u, E> {
        let user = context.user();
        let rows: Range<usize> = self.starts[user] as usize..self.starts[user + 1] as usize;
        Events::new(context.clock(), self.times, rows, self.event)
    }
}

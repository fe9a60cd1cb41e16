//! Blocks: the rows of one event name and one group of users in one segment, as columns.
//!
//! A block consists of these parts, in this order:
//! - the number of rows, and a flag that another block continues the group;
//! - the users that have rows, and the number of rows of each;
//! - the times;
//! - the kept bits of the insert ids, if there are any;
//! - a directory of the columns, and the columns;
//! - padding.
//!
//! Times, counts and columns are packed to a fixed width. So the rows of one user are read without
//! their neighbours, and a column that a block does not have takes no space.

mod bits;
mod column;
mod encode;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod whole;

use std::ops::Range;

use bits::Packed;
pub(crate) use column::{BlockColumn, ColumnValues, code, number};
pub(crate) use encode::BlockBuilder;

use crate::StoreError;
use crate::codec::{ByteReader, unzigzag};
use crate::keys::GROUP;

/// The largest number of users that are written one by one, a byte each. More are written as a
/// bitmap of 32 bytes.
const LISTED_USERS: usize = 32;
/// The bytes that are kept of an insert id.
const INSERT_BYTES: usize = 6;
const WHAT: &str = "a block of a segment";

/// A block, as stored in the database.
pub(crate) struct Block<'a> {
    rows: u32,
    /// True if another block follows, with the next rows of the group.
    pub(crate) more: bool,
    /// A bit for each user of the group that has rows.
    users: [u64; GROUP / 64],
    /// For each user that has rows, their number minus one.
    counts: Packed<'a>,
    pub(crate) min: i64,
    pub(crate) max: i64,
    times: Packed<'a>,
    inserts: &'a [u8],
    columns: u32,
    /// The directory, followed by the columns.
    directory: ByteReader<'a>,
}

impl<'a> Block<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let mut reader = ByteReader::new(bytes, WHAT);
        let head = reader.varint()?;
        let rows = u32::try_from(head >> 1).map_err(|_| reader.corrupt())?;
        let users = read_users(&mut reader)?;
        let present = users.iter().map(|word| word.count_ones()).sum::<u32>();
        let counts = take_packed(&mut reader, present as usize)?;
        let min = unzigzag(reader.varint()?);
        let max = min
            .checked_add_unsigned(reader.varint()?)
            .ok_or_else(|| reader.corrupt())?;
        let times = take_packed(&mut reader, rows as usize)?;
        let inserts = match reader.byte()? {
            0 => &[],
            _ => reader.take(rows as usize * INSERT_BYTES)?,
        };
        let columns = reader.varint_u32()?;
        Ok(Self {
            rows,
            more: head & 1 == 1,
            users,
            counts,
            min,
            max,
            times,
            inserts,
            columns,
            directory: reader,
        })
    }

    /// Calls `f` with the rows of each user that has rows: the user's number in the group, and the
    /// range.
    #[inline]
    pub(crate) fn each_user(&self, mut f: impl FnMut(usize, Range<u32>)) {
        let (mut start, mut index) = (0, 0);
        for (word, base) in self.users.iter().zip((0..).step_by(64)) {
            let mut left = *word;
            while left != 0 {
                let user = base + left.trailing_zeros() as usize;
                let end = self.end(start, index);
                f(user, start..end);
                start = end;
                index += 1;
                left &= left - 1;
            }
        }
    }

    /// Returns the rows of one user.
    pub(crate) fn user(&self, user: usize) -> Range<u32> {
        let (word, bit) = (user / 64, user % 64);
        let Some(of_user) = self.users.get(word).filter(|bits| **bits >> bit & 1 == 1) else {
            return 0..0;
        };
        let words = self.users.get(..word).unwrap_or_default();
        let before = words.iter().map(|word| word.count_ones()).sum::<u32>()
            + (of_user & ((1 << bit) - 1)).count_ones();
        let start = self.counts.range(0, before).fold(0_u64, |sum, count| {
            // A damaged count may be as large as any number.
            sum.saturating_add(count).saturating_add(1)
        });
        let start = u32::try_from(start).unwrap_or(self.rows).min(self.rows);
        start..self.end(start, before)
    }

    fn end(&self, start: u32, index: u32) -> u32 {
        let count = u32::try_from(self.counts.get(index)).unwrap_or(u32::MAX);
        // A damaged count must not point past the block.
        start.saturating_add(count).saturating_add(1).min(self.rows)
    }

    #[inline]
    pub(crate) fn time(&self, row: u32) -> i64 {
        self.min.wrapping_add_unsigned(self.times.get(row))
    }

    /// Appends the times of rows.
    pub(crate) fn times(&self, rows: Range<u32>, out: &mut Vec<i64>) {
        let min = self.min;
        let times = self.times.range(rows.start, rows.end - rows.start);
        out.extend(times.map(|time| min.wrapping_add_unsigned(time)));
    }

    /// Returns the kept bits of a row's insert id; 0 if it has none.
    pub(crate) fn insert(&self, row: u32) -> u64 {
        let start = row as usize * INSERT_BYTES;
        match self.inserts.get(start..).and_then(<[u8]>::first_chunk) {
            Some([a, b, c, d, e, f]) => u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 0, 0]),
            None => 0,
        }
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Returns, for each column, the number of rows that have it.
    pub(crate) fn counts(&self) -> Result<Vec<(u32, u32)>, StoreError> {
        let mut counts = Vec::new();
        for number in self.columns()? {
            if let Some(column) = self.column(number)? {
                counts.push((number, column.count()));
            }
        }
        Ok(counts)
    }

    /// Returns the numbers of the columns in the block.
    pub(crate) fn columns(&self) -> Result<Vec<u32>, StoreError> {
        let mut columns = Vec::new();
        self.find(|column| {
            columns.push(column);
            false
        })?;
        Ok(columns)
    }

    /// Returns a column, if the block has it.
    pub(crate) fn column(&self, column: u32) -> Result<Option<BlockColumn<'a>>, StoreError> {
        match self.find(|each| each == column)? {
            Some(body) => Ok(Some(BlockColumn::parse(body, self.rows)?)),
            None => Ok(None),
        }
    }

    /// Returns the bytes from the first wanted column to the block's end.
    fn find(&self, mut wanted: impl FnMut(u32) -> bool) -> Result<Option<&'a [u8]>, StoreError> {
        let mut directory = self.directory;
        let (mut column, mut offset, mut found) = (0_u32, 0_usize, None);
        for _ in 0..self.columns {
            // Columns ascend, so their differences are small.
            column = column.wrapping_add(directory.varint_u32()?);
            if found.is_none() && wanted(column) {
                found = Some(offset);
            }
            offset = usize::try_from(directory.varint()?)
                .ok()
                .and_then(|length| offset.checked_add(length))
                .ok_or_else(|| directory.corrupt())?;
        }
        match found {
            Some(offset) => match directory.rest().get(offset..) {
                Some(body) => Ok(Some(body)),
                None => Err(directory.corrupt()),
            },
            None => Ok(None),
        }
    }
}

fn read_users(reader: &mut ByteReader<'_>) -> Result<[u64; GROUP / 64], StoreError> {
    let mut users = [0_u64; GROUP / 64];
    let count = usize::from(reader.byte()?) + 1;
    if count <= LISTED_USERS {
        for user in reader.take(count)? {
            if let Some(word) = users.get_mut(usize::from(*user / 64)) {
                *word |= 1 << (user % 64);
            }
        }
    } else {
        for word in &mut users {
            *word = reader.u64()?;
        }
    }
    Ok(users)
}

/// Reads a width and the numbers packed in it.
fn take_packed<'a>(reader: &mut ByteReader<'a>, count: usize) -> Result<Packed<'a>, StoreError> {
    let width = u32::from(reader.byte()?);
    let packed = Packed::new(reader.rest(), count, width).ok_or_else(|| reader.corrupt())?;
    let length = bits::length(count, width).ok_or_else(|| reader.corrupt())?;
    reader.take(length)?;
    Ok(packed)
}

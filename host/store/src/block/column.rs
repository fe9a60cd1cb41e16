//! A column of a block: the rows that have a value, and the values.

use std::cell::Cell;

use super::bits::Packed;
use super::{WHAT, take_packed};
use crate::StoreError;
use crate::cell::CellRef;
use crate::codec::{ByteReader, unzigzag};

/// Tags of the ways to record which rows have a value.
pub(super) const ALL: u8 = 0;
pub(super) const BITMAP: u8 = 1;
pub(super) const LIST: u8 = 2;

/// Tags of the ways to write values.
pub(super) const CODES: u8 = 0;
pub(super) const INTEGERS: u8 = 1;
pub(super) const FLOATS: u8 = 2;
pub(super) const FLAGS: u8 = 3;
pub(super) const TEXTS: u8 = 4;
pub(super) const MIXED: u8 = 5;

/// A column, as stored in the database.
pub(crate) struct BlockColumn<'a> {
    count: u32,
    presence: Presence<'a>,
    values: ColumnValues<'a>,
}

enum Presence<'a> {
    All,
    Bitmap {
        bits: &'a [u8],
        /// A row, and the number of values before it. Reading continues from there.
        reached: Cell<(u32, u32)>,
    },
    /// The rows that have a value, ascending.
    List {
        rows: Packed<'a>,
        count: u32,
    },
}

pub(crate) enum ColumnValues<'a> {
    /// Codes of the dictionary, minus the smallest.
    Codes {
        min: u32,
        codes: Packed<'a>,
    },
    /// Numbers times a power of ten, minus the smallest.
    Integers {
        min: i64,
        divisor: f64,
        numbers: Packed<'a>,
    },
    Floats(&'a [u8]),
    Flags(Packed<'a>),
    /// Texts of the block itself, each once. A value is the number of a text.
    Texts {
        ends: Packed<'a>,
        numbers: Packed<'a>,
        bytes: &'a [u8],
    },
    /// Any values, each written on its own.
    Mixed {
        starts: Packed<'a>,
        bytes: &'a [u8],
    },
}

/// Powers of ten by which numbers become integers: up to six decimals.
pub(super) const DIVISORS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

impl<'a> BlockColumn<'a> {
    /// Parses a column. `bytes` extends to the block's end.
    pub(super) fn parse(bytes: &'a [u8], rows: u32) -> Result<Self, StoreError> {
        let mut reader = ByteReader::new(bytes, WHAT);
        let (presence, count) = match reader.byte()? {
            ALL => (Presence::All, rows),
            BITMAP => {
                let count = reader.varint_u32()?;
                let bits = reader.take((rows as usize).div_ceil(8))?;
                let reached = Cell::new((0, 0));
                (Presence::Bitmap { bits, reached }, count)
            }
            LIST => {
                let count = reader.varint_u32()?;
                let rows = take_packed(&mut reader, count as usize)?;
                (Presence::List { rows, count }, count)
            }
            _ => return Err(reader.corrupt()),
        };
        let values = ColumnValues::parse(&mut reader, count as usize)?;
        Ok(Self {
            count,
            presence,
            values,
        })
    }

    /// Returns the number of rows that have a value.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Returns the values if all rows have one.
    pub(crate) fn dense(&self) -> Option<&ColumnValues<'a>> {
        matches!(self.presence, Presence::All).then_some(&self.values)
    }

    /// Returns the value of a row.
    pub(crate) fn cell(&self, row: u32) -> Result<Option<CellRef<'a>>, StoreError> {
        match self.rank(row) {
            Some(at) => self.values.get(at).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the position of the row's value among the values.
    fn rank(&self, row: u32) -> Option<u32> {
        match &self.presence {
            Presence::All => Some(row),
            Presence::Bitmap { bits, reached } => {
                let byte = *bits.get(row as usize / 8)?;
                if byte >> (row % 8) & 1 == 0 {
                    return None;
                }
                let (mut at, mut rank) = reached.get();
                if at > row {
                    (at, rank) = (0, 0);
                }
                // `at` is always the first row of a byte.
                let whole = bits.get(at as usize / 8..row as usize / 8)?;
                rank += count_ones(whole);
                reached.set((row / 8 * 8, rank));
                Some(rank + (byte & ((1 << (row % 8)) - 1)).count_ones())
            }
            Presence::List { rows, count } => {
                let at = crate::read::partition(0..*count, |at| rows.get(at) < u64::from(row));
                (at < *count && rows.get(at) == u64::from(row)).then_some(at)
            }
        }
    }
}

fn count_ones(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words
        .iter()
        .map(|word| u64::from_le_bytes(*word).count_ones());
    words.sum::<u32>() + rest.iter().map(|byte| byte.count_ones()).sum::<u32>()
}

impl<'a> ColumnValues<'a> {
    fn parse(reader: &mut ByteReader<'a>, count: usize) -> Result<Self, StoreError> {
        Ok(match reader.byte()? {
            CODES => Self::Codes {
                min: reader.varint_u32()?,
                codes: take_packed(reader, count)?,
            },
            INTEGERS => {
                let scale = usize::from(reader.byte()?);
                Self::Integers {
                    divisor: *DIVISORS.get(scale).ok_or_else(|| reader.corrupt())?,
                    min: unzigzag(reader.varint()?),
                    numbers: take_packed(reader, count)?,
                }
            }
            FLOATS => {
                Self::Floats(reader.take(count.checked_mul(8).ok_or_else(|| reader.corrupt())?)?)
            }
            FLAGS => Self::Flags(take_packed(reader, count)?),
            TEXTS => {
                let texts = reader.varint_u32()? as usize;
                Self::Texts {
                    ends: take_packed(reader, texts)?,
                    numbers: take_packed(reader, count)?,
                    bytes: reader.bytes()?,
                }
            }
            MIXED => Self::Mixed {
                starts: take_packed(reader, count)?,
                bytes: reader.bytes()?,
            },
            _ => return Err(reader.corrupt()),
        })
    }

    fn get(&self, at: u32) -> Result<CellRef<'a>, StoreError> {
        let corrupt = || StoreError::Corrupt { what: WHAT };
        Ok(match self {
            Self::Codes { min, codes } => CellRef::Code(code(*min, codes.get(at))),
            Self::Integers {
                min,
                divisor,
                numbers,
            } => CellRef::Number(number(*min, *divisor, numbers.get(at))),
            Self::Floats(bytes) => {
                let bytes = bytes.get(at as usize * 8..).and_then(<[u8]>::first_chunk);
                CellRef::Number(f64::from_le_bytes(*bytes.ok_or_else(corrupt)?))
            }
            Self::Flags(flags) => CellRef::Flag(flags.get(at) != 0),
            Self::Texts {
                ends,
                numbers,
                bytes,
            } => {
                let number = u32::try_from(numbers.get(at)).map_err(|_| corrupt())?;
                let start = number.checked_sub(1).map_or(0, |before| ends.get(before));
                let range = usize::try_from(start)
                    .ok()
                    .zip(usize::try_from(ends.get(number)).ok());
                let text = range
                    .and_then(|(start, end)| bytes.get(start..end))
                    .and_then(|text| std::str::from_utf8(text).ok());
                CellRef::Text(text.ok_or_else(corrupt)?)
            }
            Self::Mixed { starts, bytes } => {
                let rest = usize::try_from(starts.get(at))
                    .ok()
                    .and_then(|start| bytes.get(start..));
                CellRef::read(ByteReader::new(rest.ok_or_else(corrupt)?, WHAT))?
            }
        })
    }
}

#[inline]
pub(crate) fn code(min: u32, packed: u64) -> u32 {
    // A damaged code is detected when its text is read.
    min.wrapping_add(u32::try_from(packed).unwrap_or(u32::MAX))
}

#[inline]
pub(crate) fn number(min: i64, divisor: f64, packed: u64) -> f64 {
    min.wrapping_add_unsigned(packed) as f64 / divisor
}

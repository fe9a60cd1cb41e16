//! The encoder that makes blocks of rows.

use std::collections::HashMap;

use super::bits::{self, PADDING, pack, width};
use super::column::{ALL, BITMAP, CODES, DIVISORS, FLAGS, FLOATS, INTEGERS, LIST, MIXED, TEXTS};
use super::{INSERT_BYTES, LISTED_USERS};
use crate::StoreError;
use crate::cell::CellRef;
use crate::codec::{put_bytes, put_length, put_varint, zigzag};
use crate::keys::GROUP;
use crate::log::put_cell;
use crate::rows::{Cell, RowBuffer, index};

/// A builder that collects the rows of one name and group, by (user, time, arrival). Its memory is
/// used again for the next block.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    /// The users that have rows, and the number of rows of each.
    users: Vec<(u8, u32)>,
    times: Vec<i64>,
    inserts: Vec<u64>,
    columns: Vec<ValueBuffer>,
    /// Texts and lists of cells.
    arena: RowBuffer,
}

/// The values of a column, with their rows.
#[derive(Default)]
struct ValueBuffer {
    column: u32,
    rows: Vec<u32>,
    cells: Vec<Cell>,
}

impl BlockBuilder {
    pub(crate) fn rows(&self) -> usize {
        self.times.len()
    }

    /// Returns the earliest and the latest time.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let min = self.times.iter().copied().min()?;
        Some((min, self.times.iter().copied().max()?))
    }

    /// Returns the time of each row.
    pub(crate) fn all_times(&self) -> &[i64] {
        &self.times
    }

    /// Returns, for each column, the number of rows that have it.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (u32, u64)> {
        let used = self.columns.iter().filter(|values| !values.rows.is_empty());
        used.map(|values| (values.column, values.rows.len() as u64))
    }

    /// Begins the next `count` rows, which are rows of this user.
    pub(crate) fn user(&mut self, user: u8, count: u32) {
        if count > 0 {
            self.users.push((user, count));
        }
    }

    pub(crate) fn row(&mut self, time: i64, insert: u64) {
        self.times.push(time);
        self.inserts.push(insert);
    }

    /// Sets the value of a row. The rows of one column must come in ascending order. `hint` is the
    /// place where the column is found fastest.
    pub(crate) fn cell(
        &mut self,
        hint: usize,
        column: u32,
        row: u32,
        cell: CellRef<'_>,
    ) -> Result<(), StoreError> {
        let cell = hold(&mut self.arena, cell)?;
        let at = match self.columns.get(hint) {
            Some(values) if values.column == column => hint,
            _ => match self
                .columns
                .iter()
                .position(|values| values.column == column)
            {
                Some(at) => at,
                None => {
                    self.columns.push(ValueBuffer {
                        column,
                        ..ValueBuffer::default()
                    });
                    self.columns.len() - 1
                }
            },
        };
        if let Some(values) = self.columns.get_mut(at) {
            values.rows.push(row);
            values.cells.push(cell);
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.users.clear();
        self.times.clear();
        self.inserts.clear();
        self.columns.retain(|values| !values.rows.is_empty());
        for values in &mut self.columns {
            values.rows.clear();
            values.cells.clear();
        }
        self.arena.texts.clear();
        self.arena.elements.clear();
    }

    /// Appends the block's bytes and starts a new block. `more` says that another block continues
    /// the group.
    pub(crate) fn encode(&mut self, more: bool, out: &mut Vec<u8>) {
        put_varint(out, (self.times.len() as u64) << 1 | u64::from(more));
        put_users(out, &self.users);
        let counts = || self.users.iter().map(|(_, count)| u64::from(count - 1));
        put_packed(out, counts);
        let (min, max) = self.times().unwrap_or_default();
        put_varint(out, zigzag(min));
        put_varint(out, max.wrapping_sub(min).cast_unsigned());
        put_packed(out, || {
            self.times
                .iter()
                .map(|time| time.wrapping_sub(min).cast_unsigned())
        });
        if self.inserts.iter().any(|insert| *insert != 0) {
            out.push(1);
            for insert in &self.inserts {
                out.extend_from_slice(insert.to_le_bytes().get(..INSERT_BYTES).unwrap_or_default());
            }
        } else {
            out.push(0);
        }

        let mut columns: Vec<&ValueBuffer> = self
            .columns
            .iter()
            .filter(|values| !values.rows.is_empty())
            .collect();
        columns.sort_by_key(|values| values.column);
        put_length(out, columns.len());
        let mut bodies = Vec::new();
        let mut before = 0;
        for values in columns {
            let start = bodies.len();
            put_presence(&mut bodies, &values.rows, self.times.len());
            put_values(&mut bodies, &values.cells, &self.arena);
            put_varint(out, u64::from(values.column - before));
            before = values.column;
            put_length(out, bodies.len() - start);
        }
        out.extend_from_slice(&bodies);
        out.extend_from_slice(&[0; PADDING]);
        self.clear();
    }
}

/// Returns the cell with its text or list in the builder's own arena.
fn hold(arena: &mut RowBuffer, cell: CellRef<'_>) -> Result<Cell, StoreError> {
    Ok(match cell {
        CellRef::Code(code) => Cell::Code(code),
        CellRef::Number(number) => Cell::Number(number),
        CellRef::Flag(flag) => Cell::Flag(flag),
        CellRef::Text(text) => {
            let start = index(arena.texts.len())?;
            arena.texts.push_str(text);
            Cell::Text(start, index(arena.texts.len())?)
        }
        CellRef::List(list) => {
            let start = index(arena.elements.len())?;
            list.each(|element| {
                let element = match element {
                    CellRef::List(_) => {
                        return Err(StoreError::Corrupt {
                            what: "a list in a list",
                        });
                    }
                    scalar => hold(arena, scalar)?,
                };
                arena.elements.push(element);
                Ok(())
            })?;
            Cell::List(start, index(arena.elements.len())?)
        }
    })
}

fn put_users(out: &mut Vec<u8>, users: &[(u8, u32)]) {
    // 1 to 256 users; a block has at least one.
    out.push(u8::try_from(users.len().saturating_sub(1)).unwrap_or(u8::MAX));
    if users.len() <= LISTED_USERS {
        out.extend(users.iter().map(|(user, _)| *user));
        return;
    }
    let mut bitmap = [0_u64; GROUP / 64];
    for (user, _) in users {
        if let Some(word) = bitmap.get_mut(usize::from(*user / 64)) {
            *word |= 1 << (user % 64);
        }
    }
    out.extend(bitmap.iter().flat_map(|word| word.to_le_bytes()));
}

/// Writes a width and the numbers packed in it. Returns the number of bytes that the numbers took.
fn put_packed<I: Iterator<Item = u64>>(out: &mut Vec<u8>, numbers: impl Fn() -> I) {
    let width = width(numbers().max().unwrap_or(0));
    put_width(out, width);
    pack(out, width, numbers());
}

fn put_width(out: &mut Vec<u8>, width: u32) {
    out.push(width.to_le_bytes()[0]);
}

fn put_presence(out: &mut Vec<u8>, present: &[u32], rows: usize) {
    let last = present.last().copied().unwrap_or_default();
    if present.len() == rows {
        out.push(ALL);
        return;
    }
    let list = bits::length(present.len(), width(u64::from(last))).unwrap_or(usize::MAX);
    if list < rows.div_ceil(8) {
        out.push(LIST);
        put_length(out, present.len());
        put_packed(out, || present.iter().map(|row| u64::from(*row)));
        return;
    }
    out.push(BITMAP);
    put_length(out, present.len());
    let start = out.len();
    out.resize(start + rows.div_ceil(8), 0);
    for row in present {
        if let Some(byte) = out.get_mut(start + *row as usize / 8) {
            *byte |= 1 << (row % 8);
        }
    }
}

fn put_values(out: &mut Vec<u8>, cells: &[Cell], arena: &RowBuffer) {
    match cells.first() {
        Some(Cell::Code(_)) if cells.iter().all(|cell| matches!(cell, Cell::Code(_))) => {
            put_codes(out, cells);
        }
        Some(Cell::Number(_)) if cells.iter().all(|cell| matches!(cell, Cell::Number(_))) => {
            put_numbers(out, cells);
        }
        Some(Cell::Flag(_)) if cells.iter().all(|cell| matches!(cell, Cell::Flag(_))) => {
            out.push(FLAGS);
            put_packed(out, || {
                cells
                    .iter()
                    .map(|cell| u64::from(*cell == Cell::Flag(true)))
            });
        }
        Some(Cell::Text(..)) if cells.iter().all(|cell| matches!(cell, Cell::Text(..))) => {
            put_texts(out, cells, arena);
        }
        _ => put_mixed(out, cells, arena),
    }
}

fn put_codes(out: &mut Vec<u8>, cells: &[Cell]) {
    let codes = || {
        cells.iter().map(|cell| match cell {
            Cell::Code(code) => *code,
            _ => 0,
        })
    };
    let min = codes().min().unwrap_or_default();
    out.push(CODES);
    put_varint(out, u64::from(min));
    put_packed(out, || codes().map(|code| u64::from(code - min)));
}

/// The largest whole number up to which all are exact in an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn put_numbers(out: &mut Vec<u8>, cells: &[Cell]) {
    let numbers = || {
        cells.iter().map(|cell| match cell {
            Cell::Number(number) => *number,
            _ => 0.0,
        })
    };
    // Finds the smallest scale in which every number is restored exactly.
    let mut scale = 0;
    let mut integers = Vec::with_capacity(cells.len());
    for number in numbers() {
        while let Some(divisor) = DIVISORS.get(scale) {
            let scaled = (number * divisor).round();
            if scaled / divisor == number && scaled.abs() <= EXACT {
                break;
            }
            scale += 1;
        }
    }
    if let Some(divisor) = DIVISORS.get(scale) {
        for number in numbers() {
            let scaled = (number * divisor).round();
            if scaled / divisor != number || scaled.abs() > EXACT {
                break;
            }
            integers.push(scaled as i64);
        }
    }
    // A number that fits a smaller scale may be too large for the scale that was found.
    if integers.len() < cells.len() {
        out.push(FLOATS);
        numbers().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        return;
    }
    let min = integers.iter().copied().min().unwrap_or_default();
    out.push(INTEGERS);
    out.push(u8::try_from(scale).unwrap_or_default());
    put_varint(out, zigzag(min));
    put_packed(out, || {
        integers
            .iter()
            .map(|number| number.wrapping_sub(min).cast_unsigned())
    });
}

fn put_texts(out: &mut Vec<u8>, cells: &[Cell], arena: &RowBuffer) {
    let mut known: HashMap<&str, u64> = HashMap::with_capacity(cells.len());
    let mut numbers = Vec::with_capacity(cells.len());
    let mut ends = Vec::new();
    let mut bytes = Vec::new();
    for cell in cells {
        let text = match cell {
            Cell::Text(start, end) => arena.text(*start, *end),
            _ => "",
        };
        let next = ends.len() as u64;
        let number = *known.entry(text).or_insert(next);
        if number == next {
            bytes.extend_from_slice(text.as_bytes());
            ends.push(bytes.len() as u64);
        }
        numbers.push(number);
    }
    out.push(TEXTS);
    put_length(out, ends.len());
    put_packed(out, || ends.iter().copied());
    put_packed(out, || numbers.iter().copied());
    put_bytes(out, &bytes);
}

/// Writes each distinct value once. Texts without a number come here, next to texts that have one.
/// Once the dictionary is full, all new texts do, and they repeat as others do.
fn put_mixed(out: &mut Vec<u8>, cells: &[Cell], arena: &RowBuffer) {
    let mut known: HashMap<Box<[u8]>, u64> = HashMap::new();
    let mut starts = Vec::with_capacity(cells.len());
    let (mut bytes, mut value) = (Vec::new(), Vec::new());
    for cell in cells {
        value.clear();
        put_cell(&mut value, arena, *cell);
        let start = match known.get(value.as_slice()) {
            Some(start) => *start,
            None => {
                let start = bytes.len() as u64;
                bytes.extend_from_slice(&value);
                known.insert(value.as_slice().into(), start);
                start
            }
        };
        starts.push(start);
    }
    out.push(MIXED);
    put_packed(out, || starts.iter().copied());
    put_bytes(out, &bytes);
}

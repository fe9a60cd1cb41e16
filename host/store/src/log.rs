//! The encoding of rows in the log table, from which a restart rebuilds the memtable.

use crate::StoreError;
use crate::codec::{ByteReader, put_bytes, put_length, put_varint, unzigzag, zigzag};
use crate::rows::{Cell, Head, RowBuffer, index};

const CODE: u8 = 0;
const TEXT: u8 = 1;
const NUMBER: u8 = 2;
const INTEGER: u8 = 3;
const FALSE: u8 = 4;
const TRUE: u8 = 5;
const LIST: u8 = 6;

/// The largest integer that is written as a varint: 2^53, up to which an `f64` holds every whole
/// number exactly.
const MAX_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Encodes rows, in order of arrival.
pub(crate) fn encode(rows: &RowBuffer) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() * 24);
    put_length(&mut out, rows.len());
    let mut before = 0;
    for (row, head) in rows.heads.iter().enumerate() {
        let cells = rows.cells_of(u32::try_from(row).unwrap_or(u32::MAX));
        put_varint(&mut out, u64::from(head.name));
        put_varint(&mut out, u64::from(head.user));
        put_varint(&mut out, zigzag(head.time.wrapping_sub(before)));
        before = head.time;
        // The lowest bit says whether an insert id follows.
        put_varint(
            &mut out,
            (cells.len() as u64) << 1 | u64::from(head.insert != 0),
        );
        if head.insert != 0 {
            out.extend_from_slice(&head.insert.to_le_bytes()[..6]);
        }
        for (column, cell) in cells {
            put_varint(&mut out, u64::from(*column));
            put_cell(&mut out, rows, *cell);
        }
    }
    out
}

/// Appends one value.
pub(crate) fn put_cell(out: &mut Vec<u8>, rows: &RowBuffer, cell: Cell) {
    match cell {
        Cell::Code(code) => {
            out.push(CODE);
            put_varint(out, u64::from(code));
        }
        Cell::Text(start, end) => {
            out.push(TEXT);
            put_bytes(out, rows.text(start, end).as_bytes());
        }
        Cell::Number(number) if number.fract() == 0.0 && number.abs() <= MAX_INTEGER => {
            out.push(INTEGER);
            put_varint(out, zigzag(number as i64));
        }
        Cell::Number(number) => {
            out.push(NUMBER);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Cell::Flag(flag) => out.push(if flag { TRUE } else { FALSE }),
        Cell::List(start, end) => {
            let list = rows.list(start, end);
            out.push(LIST);
            put_length(out, list.len());
            for element in list {
                put_cell(out, rows, *element);
            }
        }
    }
}

/// A value as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LogValue<'a> {
    Code(u32),
    Text(&'a str),
    Number(f64),
    Flag(bool),
    /// The head of a list with this number of elements, which follow.
    List(usize),
}

/// Reads one value. Of a list it reads the head.
pub(crate) fn read_cell<'a>(reader: &mut ByteReader<'a>) -> Result<LogValue<'a>, StoreError> {
    Ok(match reader.byte()? {
        CODE => LogValue::Code(reader.varint_u32()?),
        TEXT => LogValue::Text(reader.text()?),
        NUMBER => LogValue::Number(reader.f64()?),
        INTEGER => LogValue::Number(unzigzag(reader.varint()?) as f64),
        FALSE => LogValue::Flag(false),
        TRUE => LogValue::Flag(true),
        LIST => LogValue::List(reader.count()?),
        _ => return Err(reader.corrupt()),
    })
}

/// Decodes the rows of [`encode`] and adds them to others.
pub(crate) fn decode(bytes: &[u8], rows: &mut RowBuffer) -> Result<(), StoreError> {
    let mut reader = ByteReader::new(bytes, "an entry of the log");
    let count = reader.count()?;
    let mut before = 0_i64;
    for _ in 0..count {
        let name = reader.varint_u32()?;
        let user = reader.varint_u32()?;
        let time = before.wrapping_add(unzigzag(reader.varint()?));
        before = time;
        let cells = reader.varint()?;
        let insert = if cells & 1 == 1 {
            let [a, b, c, d, e, f] = reader.array()?;
            u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
        } else {
            0
        };
        rows.heads.push(Head {
            name,
            user,
            time,
            insert,
            cells: index(rows.cells.len())?,
        });
        for _ in 0..cells >> 1 {
            let column = reader.varint_u32()?;
            let cell = match read_cell(&mut reader)? {
                LogValue::List(count) => {
                    let start = index(rows.elements.len())?;
                    for _ in 0..count {
                        let element = read_cell(&mut reader)?;
                        let element = scalar(rows, element)?.ok_or_else(|| reader.corrupt())?;
                        rows.elements.push(element);
                    }
                    Cell::List(start, index(rows.elements.len())?)
                }
                other => scalar(rows, other)?.ok_or_else(|| reader.corrupt())?,
            };
            rows.cells.push((column, cell));
        }
    }
    Ok(())
}

/// Makes a cell of a value that is not a list.
pub(crate) fn scalar(
    rows: &mut RowBuffer,
    written: LogValue<'_>,
) -> Result<Option<Cell>, StoreError> {
    Ok(Some(match written {
        LogValue::Code(code) => Cell::Code(code),
        LogValue::Text(text) => {
            let start = index(rows.texts.len())?;
            rows.texts.push_str(text);
            Cell::Text(start, index(rows.texts.len())?)
        }
        LogValue::Number(number) => Cell::Number(number),
        LogValue::Flag(flag) => Cell::Flag(flag),
        LogValue::List(_) => return Ok(None),
    }))
}

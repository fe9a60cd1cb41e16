//! Stored values as they are read, and their conversions to other kinds.

use muster_model::{Scalar, Value};

use crate::StoreError;
use crate::codec::ByteReader;
use crate::log::{LogValue, read_cell};
use crate::rows::{Cell, RowBuffer};

/// A stored value.
#[derive(Clone, Copy)]
pub(crate) enum CellRef<'a> {
    /// A text of the dictionary, numbered from 1.
    Code(u32),
    Text(&'a str),
    Number(f64),
    Flag(bool),
    List(StoredListRef<'a>),
}

/// The elements of a stored list.
#[derive(Clone, Copy)]
pub(crate) enum StoredListRef<'a> {
    /// Elements in memory.
    Cells(&'a RowBuffer, &'a [Cell]),
    /// Elements in a block.
    Written(ByteReader<'a>, usize),
    /// Elements that were computed.
    Scalars(&'a [Scalar]),
}

const CORRUPT: StoreError = StoreError::Corrupt {
    what: "a list in a list",
};

impl<'a> CellRef<'a> {
    pub(crate) fn of_cell(rows: &'a RowBuffer, cell: Cell) -> Self {
        match cell {
            Cell::Code(code) => Self::Code(code),
            Cell::Text(start, end) => Self::Text(rows.text(start, end)),
            Cell::Number(number) => Self::Number(number),
            Cell::Flag(flag) => Self::Flag(flag),
            Cell::List(start, end) => Self::List(StoredListRef::Cells(rows, rows.list(start, end))),
        }
    }

    /// Reads a value that [`crate::log::put_cell`] wrote.
    pub(crate) fn read(mut reader: ByteReader<'a>) -> Result<Self, StoreError> {
        Ok(match read_cell(&mut reader)? {
            LogValue::Code(code) => Self::Code(code),
            LogValue::Text(text) => Self::Text(text),
            LogValue::Number(number) => Self::Number(number),
            LogValue::Flag(flag) => Self::Flag(flag),
            LogValue::List(count) => Self::List(StoredListRef::Written(reader, count)),
        })
    }

    pub(crate) fn of_scalar(scalar: &'a Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => Self::Text(text),
            Scalar::Number(number) => Self::Number(*number),
            Scalar::Flag(flag) => Self::Flag(*flag),
        }
    }

    pub(crate) fn of_value(value: &'a Value) -> Self {
        match value {
            Value::One(scalar) => Self::of_scalar(scalar),
            Value::List(list) => Self::List(StoredListRef::Scalars(list)),
        }
    }

    /// Copies the value. `text` returns the texts of codes.
    pub(crate) fn to_value(
        self,
        text: &mut impl FnMut(u32) -> Result<Box<str>, StoreError>,
    ) -> Result<Value, StoreError> {
        let mut scalar = |cell: CellRef<'_>| {
            Ok(match cell {
                CellRef::Code(code) => Scalar::Text(text(code)?),
                CellRef::Text(text) => Scalar::Text(text.into()),
                CellRef::Number(number) => Scalar::Number(number),
                CellRef::Flag(flag) => Scalar::Flag(flag),
                CellRef::List(_) => return Err(CORRUPT),
            })
        };
        match self {
            Self::List(list) => {
                let mut scalars = Vec::new();
                list.each(|element| {
                    scalars.push(scalar(element)?);
                    Ok(())
                })?;
                Ok(Value::List(scalars))
            }
            one => Ok(Value::One(scalar(one)?)),
        }
    }
}

impl<'a> StoredListRef<'a> {
    pub(crate) fn each(
        self,
        mut f: impl FnMut(CellRef<'a>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Cells(rows, cells) => cells
                .iter()
                .try_for_each(|cell| f(CellRef::of_cell(rows, *cell))),
            Self::Scalars(scalars) => scalars
                .iter()
                .try_for_each(|scalar| f(CellRef::of_scalar(scalar))),
            Self::Written(mut reader, count) => {
                for _ in 0..count {
                    f(match read_cell(&mut reader)? {
                        LogValue::Code(code) => CellRef::Code(code),
                        LogValue::Text(text) => CellRef::Text(text),
                        LogValue::Number(number) => CellRef::Number(number),
                        LogValue::Flag(flag) => CellRef::Flag(flag),
                        LogValue::List(_) => return Err(CORRUPT),
                    })?;
                }
                Ok(())
            }
        }
    }
}

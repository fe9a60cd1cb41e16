//! Columns under construction.

use super::source::ColumnView;
use super::texts::BatchTexts;
use crate::block::{ColumnValues, code, number};
use crate::cell::CellRef;
use crate::rows::index;
use crate::{Column, StoreError, ValueKind};

/// A column that grows row by row, or piece by piece.
pub(crate) enum Builder {
    Number(Vec<f64>),
    Flag(Vec<u8>),
    /// Milliseconds since the epoch; NaN means absent.
    Instant(Vec<f64>),
    /// Codes: without `starts` each row has one (0 means absent), with `starts` a list.
    Text {
        codes: Vec<u32>,
        starts: Option<Vec<u32>>,
    },
}

pub(crate) const NO_FLAG: u8 = 2;

impl Builder {
    pub(crate) fn new(kind: ValueKind, rows: usize) -> Self {
        match kind {
            ValueKind::Number => Self::Number(Vec::with_capacity(rows)),
            ValueKind::Flag => Self::Flag(Vec::with_capacity(rows)),
            ValueKind::Instant => Self::Instant(Vec::with_capacity(rows)),
            ValueKind::Text => Self::Text {
                codes: Vec::with_capacity(rows),
                starts: None,
            },
        }
    }

    pub(crate) fn finish(self) -> Column {
        match self {
            Self::Number(values) | Self::Instant(values) => Column::Number(values),
            Self::Flag(values) => Column::Flag(values),
            Self::Text {
                codes,
                starts: None,
            } => Column::Text(codes),
            Self::Text {
                codes,
                starts: Some(starts),
            } => Column::Texts { starts, codes },
        }
    }

    /// Appends rows without a value.
    pub(crate) fn push_absent(&mut self, rows: u32) {
        let more = rows as usize;
        match self {
            Self::Number(values) | Self::Instant(values) => {
                values.resize(values.len() + more, f64::NAN);
            }
            Self::Flag(values) => values.resize(values.len() + more, NO_FLAG),
            Self::Text {
                codes,
                starts: None,
            } => codes.resize(codes.len() + more, 0),
            Self::Text {
                starts: Some(starts),
                ..
            } => {
                let end = starts.last().copied().unwrap_or_default();
                starts.resize(starts.len() + more, end);
            }
        }
    }

    /// Appends rows that all hold the text of a code of the batch.
    pub(crate) fn push_text(&mut self, code: u32, rows: u32) -> Result<(), StoreError> {
        match self {
            Self::Text {
                codes,
                starts: None,
            } => codes.resize(codes.len() + rows as usize, code),
            Self::Text {
                codes,
                starts: Some(starts),
            } => {
                for _ in 0..rows {
                    codes.push(code);
                    starts.push(index(codes.len())?);
                }
            }
            _ => self.push_absent(rows),
        }
        Ok(())
    }

    /// Appends a value, read as this column's kind.
    pub(crate) fn push(
        &mut self,
        cell: Option<CellRef<'_>>,
        texts: &mut BatchTexts<'_>,
    ) -> Result<(), StoreError> {
        let Some(cell) = cell else {
            self.push_absent(1);
            return Ok(());
        };
        match self {
            Self::Number(values) => values.push(match cell {
                CellRef::Number(number) => number,
                other => texts
                    .scalar(other)?
                    .and_then(|scalar| scalar.as_number())
                    .unwrap_or(f64::NAN),
            }),
            Self::Flag(values) => values.push(match cell {
                CellRef::Flag(flag) => u8::from(flag),
                other => texts
                    .scalar(other)?
                    .and_then(|scalar| scalar.as_flag())
                    .map_or(NO_FLAG, u8::from),
            }),
            Self::Instant(values) => values.push(texts.instant(cell)?),
            Self::Text { codes, starts } => {
                if let CellRef::List(list) = cell {
                    let starts = match starts {
                        Some(starts) => starts,
                        None => {
                            texts.take(codes.len().saturating_mul(size_of::<u32>()))?;
                            starts.insert(to_lists(codes)?)
                        }
                    };
                    list.each(|element| {
                        texts.take(size_of::<u32>())?;
                        codes.push(text_code(element, texts)?);
                        Ok(())
                    })?;
                    starts.push(index(codes.len())?);
                } else {
                    codes.push(text_code(cell, texts)?);
                    if let Some(starts) = starts {
                        texts.take(size_of::<u32>())?;
                        starts.push(index(codes.len())?);
                    }
                }
            }
        }
        Ok(())
    }

    /// Appends the values of consecutive rows of a source.
    pub(crate) fn push_rows(
        &mut self,
        view: &ColumnView<'_>,
        row: u32,
        length: u32,
        texts: &mut BatchTexts<'_>,
    ) -> Result<(), StoreError> {
        let column = match view {
            ColumnView::Absent => {
                self.push_absent(length);
                return Ok(());
            }
            ColumnView::Block(column) => column.dense(),
            ColumnView::Batch(..) => None,
        };
        // The fast path for nearly all columns.
        match (&mut *self, column) {
            (
                Self::Number(values),
                Some(ColumnValues::Integers {
                    min,
                    divisor,
                    numbers,
                }),
            ) => {
                let numbers = numbers.range(row, length);
                values.extend(numbers.map(|packed| number(*min, *divisor, packed)));
                return Ok(());
            }
            (
                Self::Text {
                    codes,
                    starts: None,
                },
                Some(ColumnValues::Codes { min, codes: packed }),
            ) => {
                for packed in packed.range(row, length) {
                    codes.push(texts.code(code(*min, packed))?);
                }
                return Ok(());
            }
            (Self::Instant(values), Some(ColumnValues::Codes { min, codes: packed })) => {
                for packed in packed.range(row, length) {
                    values.push(texts.instant_of_code(code(*min, packed))?);
                }
                return Ok(());
            }
            _ => {}
        }
        for row in row..row + length {
            self.push(view.cell(row)?, texts)?;
        }
        Ok(())
    }
}

fn text_code(cell: CellRef<'_>, texts: &mut BatchTexts<'_>) -> Result<u32, StoreError> {
    match cell {
        CellRef::Code(code) => texts.code(code),
        CellRef::Text(text) => texts.text(text),
        CellRef::Number(number) => texts.number(number),
        CellRef::Flag(flag) => texts.text(if flag { "true" } else { "false" }),
        CellRef::List(_) => Err(StoreError::Corrupt {
            what: "a list in a list",
        }),
    }
}

/// Converts one code per row (0 for absent) into lists of at most one code. Returns the starts of
/// the lists.
fn to_lists(codes: &mut Vec<u32>) -> Result<Vec<u32>, StoreError> {
    let mut starts = Vec::with_capacity(codes.len() + 1);
    starts.push(0);
    let mut present = 0;
    for code in &*codes {
        if *code != 0 {
            present += 1;
        }
        starts.push(present);
    }
    codes.retain(|code| *code != 0);
    index(codes.len())?;
    Ok(starts)
}

//! A column under construction.

use std::sync::Arc;

use muster_model::ValueForm;

use crate::{Column, ColumnsError, ValueKind};

/// A column that grows row by row, or piece by piece.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnBuilder {
    /// Numbers; NaN means absent.
    Number(Vec<f64>),
    /// Flags: 0, 1, or [`NO_FLAG`].
    Flag(Vec<u8>),
    /// Milliseconds since the epoch; NaN means absent.
    Instant(Vec<f64>),
    /// Numbers in a form; NaN means absent.
    Derived {
        /// The numbers.
        values: Vec<f64>,
        /// The form.
        form: Arc<ValueForm>,
    },
    /// Codes: without `starts` each row has one (0 means absent), with `starts` a list.
    Text {
        /// Codes of the batch's dictionary.
        codes: Vec<u32>,
        /// The starts of the lists, and the end of the last.
        starts: Option<Vec<u32>>,
    },
}

/// The value of a row of flags without a flag.
pub const NO_FLAG: u8 = 2;

impl ColumnBuilder {
    /// Returns an empty column with space for so many rows.
    #[must_use]
    pub fn new(kind: ValueKind, rows: usize) -> Self {
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

    /// Returns an empty column of numbers in a form, with space for so many rows.
    #[must_use]
    pub fn derived(form: Arc<ValueForm>, rows: usize) -> Self {
        Self::Derived {
            values: Vec::with_capacity(rows),
            form,
        }
    }

    /// Returns the column.
    #[must_use]
    pub fn finish(self) -> Column {
        match self {
            Self::Number(values) | Self::Instant(values) | Self::Derived { values, form: _ } => {
                Column::Number(values)
            }
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
    #[inline]
    pub fn push_absent(&mut self, rows: u32) {
        let more = rows as usize;
        match self {
            Self::Number(values) | Self::Instant(values) | Self::Derived { values, form: _ } => {
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
    ///
    /// # Errors
    /// When the column has more values than 32 bits count.
    #[inline]
    pub fn push_text(&mut self, code: u32, rows: u32) -> Result<(), ColumnsError> {
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
}

/// Converts one code per row (0 for absent) into lists of at most one code. Returns the starts of
/// the lists.
///
/// # Errors
/// When there are more values than 32 bits count.
pub fn to_lists(codes: &mut Vec<u32>) -> Result<Vec<u32>, ColumnsError> {
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

/// Converts a length. The values of one batch are counted in 32 bits.
fn index(length: usize) -> Result<u32, ColumnsError> {
    u32::try_from(length).map_err(|_| ColumnsError::TooMany {
        what: "values in one batch of events",
    })
}

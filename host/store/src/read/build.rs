//! Values of the store as rows of a column under construction.

use muster_columns::{ColumnBuilder, NO_FLAG, to_lists};

use super::source::ColumnView;
use super::texts::BatchTexts;
use crate::StoreError;
use crate::block::{ColumnValues, code, number};
use crate::cell::CellRef;
use crate::rows::index;

/// Appends a value, read as the column's kind.
pub(crate) fn push(
    column: &mut ColumnBuilder,
    cell: Option<CellRef<'_>>,
    texts: &mut BatchTexts<'_>,
) -> Result<(), StoreError> {
    let Some(cell) = cell else {
        column.push_absent(1);
        return Ok(());
    };
    match column {
        ColumnBuilder::Number(values) => values.push(match cell {
            CellRef::Number(number) => number,
            other => texts
                .scalar(other)?
                .and_then(|scalar| scalar.as_number())
                .unwrap_or(f64::NAN),
        }),
        ColumnBuilder::Flag(values) => values.push(match cell {
            CellRef::Flag(flag) => u8::from(flag),
            other => texts
                .scalar(other)?
                .and_then(|scalar| scalar.as_flag())
                .map_or(NO_FLAG, u8::from),
        }),
        ColumnBuilder::Instant(values) => values.push(texts.instant(cell)?),
        ColumnBuilder::Derived { values, form } => values.push(texts.derived(form, cell)?),
        ColumnBuilder::Text { codes, starts } => {
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
    builder: &mut ColumnBuilder,
    view: &ColumnView<'_>,
    row: u32,
    length: u32,
    texts: &mut BatchTexts<'_>,
) -> Result<(), StoreError> {
    let column = match view {
        ColumnView::Absent => {
            builder.push_absent(length);
            return Ok(());
        }
        ColumnView::Block(column) => column.dense(),
        ColumnView::Batch(..) => None,
    };
    // The fast path for nearly all columns.
    match (&mut *builder, column) {
        (
            ColumnBuilder::Number(values),
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
            ColumnBuilder::Derived { values, form },
            Some(ColumnValues::Integers {
                min,
                divisor,
                numbers,
            }),
        ) if form.keeps_numbers() => {
            let numbers = numbers.range(row, length);
            values.extend(numbers.map(|packed| number(*min, *divisor, packed)));
            return Ok(());
        }
        (
            ColumnBuilder::Derived { values, form },
            Some(ColumnValues::Codes { min, codes: packed }),
        ) => {
            let slot = texts.slot(form);
            for packed in packed.range(row, length) {
                values.push(texts.derived_of_code(slot, form, code(*min, packed))?);
            }
            return Ok(());
        }
        (
            ColumnBuilder::Text {
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
        (ColumnBuilder::Instant(values), Some(ColumnValues::Codes { min, codes: packed })) => {
            for packed in packed.range(row, length) {
                values.push(texts.instant_of_code(code(*min, packed))?);
            }
            return Ok(());
        }
        _ => {}
    }
    for row in row..row + length {
        push(builder, view.cell(row)?, texts)?;
    }
    Ok(())
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

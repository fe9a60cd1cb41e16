//! User properties: the values that result from the operations.

use muster_model::{Operator, Value};

use super::fetch::ReadContext;
use super::select::{Piece, Selection};
use super::source::{ColumnView, RowSource};
use crate::StoreError;
use crate::cell::CellRef;

/// The operations on one user property, as columns of each source.
pub(crate) struct PropertyColumns<'a> {
    /// For each source, the columns that it has.
    columns: Vec<Vec<(Operator, ColumnView<'a>)>>,
    /// True if the only operator is `$set`. Then a row holds the value, and nothing has to be
    /// computed.
    only_set: bool,
}

/// The columns of the operations on one user property, by their numbers.
pub(crate) struct OperationColumns(Vec<(Operator, u32)>);

impl OperationColumns {
    pub(crate) fn of(context: &ReadContext<'_>, name: &str) -> Self {
        let terms = context.terms.read();
        let of = |operator| {
            let property = if operator == Operator::ClearAll {
                ""
            } else {
                name
            };
            let code = terms.get_operation(operator, property)?;
            (code < context.view.counts.operations).then_some((operator, code))
        };
        Self(Operator::ALL.into_iter().filter_map(of).collect())
    }
}

impl<'a> PropertyColumns<'a> {
    pub(crate) fn new(
        operations: &OperationColumns,
        sources: &[(u32, RowSource<'a>)],
    ) -> Result<Self, StoreError> {
        let OperationColumns(codes) = operations;
        let mut columns = Vec::with_capacity(sources.len());
        for (_, source) in sources {
            let mut held = Vec::new();
            for (operator, code) in codes {
                match source.column(*code)? {
                    ColumnView::Absent => {}
                    view => held.push((*operator, view)),
                }
            }
            columns.push(held);
        }
        let only_set = codes.iter().all(|(operator, _)| *operator == Operator::Set);
        Ok(Self { columns, only_set })
    }

    /// Returns the operation of a row on this property.
    fn operation(
        &self,
        source: u32,
        row: u32,
    ) -> Result<Option<(Operator, CellRef<'a>)>, StoreError> {
        for (operator, view) in self.columns.get(source as usize).into_iter().flatten() {
            if let Some(cell) = view.cell(row)? {
                return Ok(Some((*operator, cell)));
            }
        }
        Ok(None)
    }

    /// Calls `f` with the value of the property after the last of a user's rows.
    pub(crate) fn current(
        &self,
        pieces: &[Piece],
        text: &mut impl FnMut(u32) -> Result<Box<str>, StoreError>,
        f: impl FnOnce(Option<CellRef<'_>>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.only_set {
            for piece in pieces.iter().rev() {
                for row in (piece.row..piece.row + piece.length).rev() {
                    if let Some((_, cell)) = self.operation(piece.source, row)? {
                        return f(Some(cell));
                    }
                }
            }
            return f(None);
        }
        let mut value = None;
        self.fold(pieces, text, |_, _, now| {
            value = now.cloned();
            Ok(())
        })?;
        f(value.as_ref().map(CellRef::of_value))
    }

    /// Calls `f` with the source and row of each change, and the value from then on.
    pub(crate) fn changes(
        &self,
        pieces: &[Piece],
        text: &mut impl FnMut(u32) -> Result<Box<str>, StoreError>,
        mut f: impl FnMut(u32, u32, Option<CellRef<'_>>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if !self.only_set {
            return self.fold(pieces, text, |source, row, value| {
                f(source, row, value.map(CellRef::of_value))
            });
        }
        for piece in pieces {
            for row in piece.row..piece.row + piece.length {
                if let Some((_, cell)) = self.operation(piece.source, row)? {
                    f(piece.source, row, Some(cell))?;
                }
            }
        }
        Ok(())
    }

    fn fold(
        &self,
        pieces: &[Piece],
        text: &mut impl FnMut(u32) -> Result<Box<str>, StoreError>,
        mut f: impl FnMut(u32, u32, Option<&Value>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut value = None;
        for piece in pieces {
            for row in piece.row..piece.row + piece.length {
                let Some((operator, cell)) = self.operation(piece.source, row)? else {
                    continue;
                };
                // Clearing all properties does not change a property without a value, which may
                // never have had one.
                if operator == Operator::ClearAll && value.is_none() {
                    continue;
                }
                let operand = match operator {
                    Operator::Unset | Operator::ClearAll => None,
                    _ => Some(cell.to_value(text)?),
                };
                value = operator.apply(value, operand);
                f(piece.source, row, value.as_ref())?;
            }
        }
        Ok(())
    }
}

/// Returns the pieces of each user, in order.
pub(crate) fn by_user(selection: &Selection) -> impl Iterator<Item = &[Piece]> {
    let mut start = 0;
    selection.users.iter().map(move |end| {
        let pieces = selection
            .pieces
            .get(start..end.pieces as usize)
            .unwrap_or_default();
        start = end.pieces as usize;
        pieces
    })
}

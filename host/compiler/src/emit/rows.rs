//! Emits access to the rows of a user in a stream, and to the part of them that a window selects.

use muster_definition::End;

use super::{constant, function, global};
use crate::layout::{batch, calendar, column, rows};
use crate::plan::{PlanWindow, SpanStart};
use crate::wasm::{Expr, F64, FunctionBody, I32, I64, Var, call, global, int, long};

/// An `event-rows` of the batch.
#[derive(Clone, Copy)]
pub(super) struct RowLocals {
    starts: Var<I32>,
    pub(super) times: Var<I32>,
    columns: Var<I32>,
}

impl RowLocals {
    /// Loads a stream of the batch.
    pub(super) fn stream(body: &mut FunctionBody, index: usize) -> Self {
        Self::load(body, batch::STREAMS, index)
    }

    /// Loads a property's history.
    pub(super) fn history(body: &mut FunctionBody, index: usize) -> Self {
        Self::load(body, batch::PROPERTY_HISTORIES, index)
    }

    fn load(body: &mut FunctionBody, list: u64, index: usize) -> Self {
        let record = body.var(record(list, index));
        Self {
            starts: body.var(record.load::<I32>(rows::STARTS)),
            times: body.var(record.load::<I32>(rows::TIMES)),
            columns: body.var(record.load::<I32>(rows::COLUMNS)),
        }
    }

    /// Emits the address of the record of a column.
    pub(super) fn column(self, index: usize) -> Expr<I32> {
        self.columns + int(constant(index * column::SIZE as usize))
    }

    /// Emits the first row of a user.
    pub(super) fn start(self, user: Var<I32>) -> Expr<I32> {
        self.starts.at(user, 4).load(0)
    }

    /// Emits the row after the last row of a user.
    pub(super) fn end(self, user: Var<I32>) -> Expr<I32> {
        self.starts.at(user, 4).load(4)
    }

    pub(super) fn time(self, row: impl Into<Expr<I32>>) -> Expr<I64> {
        self.times.at(row, 8).load(0)
    }

    /// Emits the first row of `from..to` that is later than an instant.
    pub(super) fn after(
        self,
        from: impl Into<Expr<I32>>,
        to: impl Into<Expr<I32>>,
        instant: impl Into<Expr<I64>>,
    ) -> Expr<I32> {
        call(
            function::LATER,
            vec![
                self.times.into(),
                from.into().into(),
                to.into().into(),
                instant.into().into(),
            ],
        )
    }
}

/// Emits the address of the record of a property's history, whose first column is the only one.
pub(super) fn history_column(index: usize) -> Expr<I32> {
    record(batch::PROPERTY_HISTORIES, index).load(rows::COLUMNS)
}

fn record(list: u64, index: usize) -> Expr<I32> {
    let size = rows::SIZE as usize;
    global::<I32>(global::BATCH).load::<I32>(list) + int(constant(index * size))
}

/// Emits `later(times, from, to, instant) -> row`, a binary search.
pub(super) fn later() -> wasm_encoder::Function {
    let mut body = FunctionBody::new(4);
    let (times, from) = (Var::<I32>::parameter(0), Var::<I32>::parameter(1));
    let (to, instant) = (Var::<I32>::parameter(2), Var::<I64>::parameter(3));
    let middle = body.local::<I32>();
    body.while_(from.lt(to), |body| {
        body.set(middle, (from + to).shr(int(1)));
        body.if_else(
            times.at(middle, 8).load::<I64>(0).le(instant),
            |body| body.set(from, middle + int(1)),
            |body| body.set(to, middle),
        );
    });
    body.push(from);
    body.finish()
}

/// Emits the instant after which a window selects.
pub(super) fn after(start: SpanStart) -> Expr<I64> {
    match start {
        SpanStart::Ever => long(i64::MIN),
        SpanStart::Last(length) => now() - long(length),
        SpanStart::Calendar(index) => first_unit(index) - long(1),
        SpanStart::At(at) => long(at.saturating_sub(1)),
    }
}

/// Emits the last instant that a window selects.
pub(super) fn up_to(end: End, user: Var<I32>) -> Expr<I64> {
    match end {
        End::Now => now(),
        End::Before(length) => now() - long(millis(length)),
        End::At(at) => long(at.0.saturating_sub(1)),
        End::WithinFirst(length) => first_seen(user) + long(millis(length) - 1),
    }
}

/// Emits the time of the user's first event; `i64::MAX`: none.
pub(super) fn first_seen(user: Var<I32>) -> Expr<I64> {
    global::<I32>(global::BATCH)
        .load::<I32>(batch::FIRST_SEEN)
        .at(user, 8)
        .load(0)
}

/// Emits the instant at which a row leaves a window whose start moves. Returns `None` if rows never
/// leave.
pub(super) fn leaves(span: &PlanWindow, time: Expr<I64>) -> Option<Expr<F64>> {
    match span.start {
        SpanStart::Last(length) => Some((time + long(length)).float()),
        SpanStart::Calendar(index) => Some(moves_at(index).float()),
        SpanStart::Ever | SpanStart::At(_) => None,
    }
}

pub(super) fn now() -> Expr<I64> {
    global(global::NOW)
}

fn millis(length: muster_definition::Duration) -> i64 {
    i64::try_from(length.millis()).unwrap_or(i64::MAX)
}

fn bounds(index: usize) -> Expr<I32> {
    let size = calendar::SIZE as usize;
    global::<I32>(global::BATCH).load::<I32>(batch::CALENDARS) + int(constant(index * size))
}

/// Emits the address of the starts of a calendar's units.
pub(super) fn units(index: usize) -> Expr<I32> {
    bounds(index).load(calendar::STARTS)
}

/// Emits the number of units of a calendar.
pub(super) fn unit_count(index: usize) -> Expr<I32> {
    bounds(index).load(calendar::STARTS_LENGTH)
}

fn first_unit(index: usize) -> Expr<I64> {
    units(index).load(0)
}

/// Emits the instant at which a calendar's next unit begins.
pub(super) fn moves_at(index: usize) -> Expr<I64> {
    bounds(index).load(calendar::MOVES_AT)
}

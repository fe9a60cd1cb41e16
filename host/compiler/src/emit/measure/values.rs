//! Emits measures of the values that events carry, and of single events.

use muster_definition::Aggregate;
use muster_model::DecimalSum;

use super::{Locals, Measuring};
use crate::emit::compare::compare;
use crate::emit::gather::{ENTRY, Entries, row_of};
use crate::emit::rows::leaves;
use crate::emit::{constant, global};
use crate::plan::{Compare, RowTest};
use crate::wasm::{
    Expr, F64, FunctionBody, I32, I64, Var, address, float, global as global_, int, long, select,
};

impl Measuring<'_> {
    pub(super) fn number(
        &self,
        body: &mut FunctionBody,
        inside: Entries,
        of: &[(Aggregate, usize, Vec<Compare>)],
    ) -> Expr<I32> {
        let (row, count) = (self.locals.row, self.locals.count);
        let value = body.local::<F64>();
        let mut holds = Vec::new();
        for (aggregate, column, comparison) in of {
            let Some(column) = self.columns.column(*column) else {
                continue;
            };
            body.set(count, int(0));
            let extreme = match aggregate {
                Aggregate::Sum | Aggregate::Average => None,
                Aggregate::Smallest => Some(f64::INFINITY),
                Aggregate::Largest => Some(f64::NEG_INFINITY),
            };
            let result = body.local::<F64>();
            let sum = extreme.is_none().then(|| SumLocals::begin(body));
            body.set(result, float(extreme.unwrap_or_default()));
            self.each_entry(body, inside, |body, entry| {
                body.set(row, row_of(entry));
                body.set(value, column.number(row));
                // NaN means no number, and does not equal itself.
                body.if_(value.eq(value), |body| {
                    body.add(count, int(1));
                    match (&sum, aggregate) {
                        (Some(sum), _) => sum.add(body, value),
                        (None, Aggregate::Smallest) => body.set(result, result.min(value)),
                        (None, _) => body.set(result, result.max(value)),
                    }
                });
            });
            if let Some(sum) = sum {
                let over = match aggregate {
                    Aggregate::Average => count.float(),
                    _ => float(1.0),
                };
                body.set(result, sum.over(over));
            }
            let meets = compare(comparison, &result.get(), &[]);
            let some = match aggregate {
                Aggregate::Sum => meets,
                Aggregate::Average | Aggregate::Smallest | Aggregate::Largest => {
                    meets.and(count.ne(int(0)))
                }
            };
            holds.push(body.var(some).get());
        }
        holds
            .into_iter()
            .reduce(|a, b| a.and(b))
            .unwrap_or_else(|| int(1))
    }

    pub(super) fn distinct(
        &self,
        body: &mut FunctionBody,
        inside: Entries,
        of: &[(usize, Vec<Compare>)],
    ) {
        let Locals {
            row, count, holds, ..
        } = self.locals;
        let (seen, stamp) = (body.local::<I32>(), body.local::<I32>());
        body.set(holds, int(1));
        for (column, comparison) in of {
            let Some(column) = self.columns.column(*column) else {
                continue;
            };
            // A text counts when the list has it for the first time: every list has a stamp of its
            // own.
            body.set(stamp, global_::<I32>(global::STAMP) + int(1));
            body.set_global(global::STAMP, stamp);
            body.set(count, int(0));
            self.each_entry(body, inside, |body, entry| {
                body.set(row, row_of(entry));
                column.each_code(body, row, |body, code| {
                    body.set(seen, global_::<I32>(global::STAMPS).at(code, 4));
                    body.if_(seen.load::<I32>(0).ne(stamp), |body| {
                        body.store(seen, 0, stamp);
                        body.add(count, int(1));
                    });
                });
            });
            body.set(holds, holds.and(compare(comparison, &count.float(), &[])));
        }
    }

    pub(super) fn single(
        &self,
        body: &mut FunctionBody,
        inside: Entries,
        test: &RowTest,
        first: bool,
    ) {
        let Locals { row, holds, .. } = self.locals;
        let entry = if first {
            inside.from.get()
        } else {
            inside.to - address(ENTRY)
        };
        body.set(holds, int(0));
        body.if_(inside.from.lt(inside.to), |body| {
            body.set(row, row_of(entry));
            body.set(holds, self.columns.test(test, row, self.user));
        });
    }

    pub(super) fn nth(&self, body: &mut FunctionBody, group: Entries, nth: i32) {
        let Locals {
            after,
            up_to,
            answer,
            ..
        } = self.locals;
        let skipped = (nth - 1).saturating_mul(constant(ENTRY as usize));
        let (entry, time) = (body.local::<I32>(), body.local::<I64>());
        body.set(answer, float(f64::NEG_INFINITY));
        // Both are in bytes of entries, so that no address overflows.
        let enough = (group.to - group.from.get()).gt(int(skipped));
        body.if_(enough, |body| {
            body.set(entry, group.from + int(skipped));
            body.set(time, self.time(entry));
            body.if_(time.gt(after), |body| {
                let stays =
                    leaves(&self.node.span, time.get()).unwrap_or_else(|| float(f64::INFINITY));
                let waits = match self.node.span.enters() {
                    Some(length) => (time + long(length)).float().neg(),
                    None => float(f64::NEG_INFINITY),
                };
                body.set(answer, select(time.le(up_to), stays, waits));
            });
        });
    }
}

/// The parts of a sum, as [`DecimalSum`] has them.
struct SumLocals {
    whole: Var<F64>,
    millionths: Var<F64>,
    rest: Var<F64>,
    size: Var<F64>,
    /// The parts of the number that is added.
    part: Var<F64>,
    rounded: Var<F64>,
}

impl SumLocals {
    fn begin(body: &mut FunctionBody) -> Self {
        let sum = Self {
            whole: body.local(),
            millionths: body.local(),
            rest: body.local(),
            size: body.local(),
            part: body.local(),
            rounded: body.local(),
        };
        for part in [sum.whole, sum.millionths, sum.rest, sum.size] {
            body.set(part, float(0.0));
        }
        sum
    }

    /// Emits [`DecimalSum::add`].
    fn add(&self, body: &mut FunctionBody, number: Var<F64>) {
        body.set(self.rounded, number.trunc());
        body.set(
            self.part,
            (number - self.rounded) * float(DecimalSum::PARTS),
        );
        body.set(self.whole, self.whole + self.rounded);
        body.set(self.rounded, self.part.nearest());
        body.set(self.millionths, self.millionths + self.rounded);
        body.set(self.rest, self.rest + (self.part - self.rounded));
        body.set(self.size, self.size + number.abs());
    }

    /// Emits [`DecimalSum::over`].
    fn over(&self, count: Expr<F64>) -> Expr<F64> {
        let parts = || float(DecimalSum::PARTS);
        let error = self.size * float(DecimalSum::ERROR);
        let rest = select(self.rest.abs().le(error), float(0.0), self.rest.get());
        let exact =
            (self.whole * parts() + self.millionths + rest.clone()).over(parts() * count.clone());
        let large = (self.whole + (self.millionths + rest).over(parts())).over(count);
        select(self.whole.abs().lt(float(DecimalSum::EXACT)), exact, large)
    }
}

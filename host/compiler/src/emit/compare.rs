//! Conditions on a number.

use crate::plan::{Bound, Compare, Operator};
use crate::wasm::{Expr, F64, I32, float, int};

/// Whether all conditions hold; `counts` are those of the steps.
pub(super) fn compare(
    conditions: &[Compare],
    number: &Expr<F64>,
    counts: &[Expr<F64>],
) -> Expr<I32> {
    let holds = |condition: &Compare| {
        let number = number.clone();
        let bound = match condition.bound {
            Bound::Number(bound) => float(bound.number()),
            Bound::Times(step) => counts.get(step).cloned().unwrap_or_else(|| float(0.0)),
        };
        match condition.operator {
            Operator::Exactly => number.eq(bound),
            Operator::Not => number.ne(bound),
            Operator::AtLeast => number.ge(bound),
            Operator::MoreThan => number.gt(bound),
            Operator::AtMost => number.le(bound),
            Operator::LessThan => number.lt(bound),
        }
    };
    let conditions = conditions.iter().map(holds);
    conditions.reduce(|a, b| a.and(b)).unwrap_or_else(|| int(1))
}

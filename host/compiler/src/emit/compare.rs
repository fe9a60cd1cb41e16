//! Emits conditions on a number.

use crate::plan::{Compare, CompareOperator, PlanBound};
use crate::wasm::{Expr, F64, I32, float, int};

/// Emits 1 if all conditions hold; `counts` are the numbers of the steps.
pub(super) fn compare(
    conditions: &[Compare],
    number: &Expr<F64>,
    counts: &[Expr<F64>],
) -> Expr<I32> {
    let holds = |condition: &Compare| {
        let number = number.clone();
        let bound = match condition.bound {
            PlanBound::Number(bound) => float(bound.number()),
            PlanBound::Times(step) => counts.get(step).cloned().unwrap_or_else(|| float(0.0)),
        };
        match condition.operator {
            CompareOperator::Exactly => number.eq(bound),
            CompareOperator::Not => number.ne(bound),
            CompareOperator::AtLeast => number.ge(bound),
            CompareOperator::MoreThan => number.gt(bound),
            CompareOperator::AtMost => number.le(bound),
            CompareOperator::LessThan => number.lt(bound),
        }
    };
    let conditions = conditions.iter().map(holds);
    conditions.reduce(|a, b| a.and(b)).unwrap_or_else(|| int(1))
}

//! CMP: conditions on a number (docs/cohorts.md, "did").

use crate::{Bound, Comparison, Step};

/// Whether all conditions hold for a number, given how many events each step of a [`Bound::Times`]
/// has.
pub(super) fn compare(
    comparison: &Comparison,
    number: f64,
    times: impl Fn(&Step) -> usize,
) -> bool {
    comparison.conditions.iter().all(|condition| {
        let bound = match condition.bound() {
            Bound::Number(bound) => *bound,
            Bound::Times(step) => count(times(step)),
        };
        condition.holds(number, bound)
    })
}

/// Whether all conditions hold for a number. Other events than those counted have none.
pub(crate) fn comparison_holds(comparison: &Comparison, number: f64) -> bool {
    compare(comparison, number, |_| 0)
}

#[expect(clippy::cast_precision_loss, reason = "no one has 2^53 events")]
pub(super) fn count(count: usize) -> f64 {
    count as f64
}

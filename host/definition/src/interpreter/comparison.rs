//! CMP: conditions on a number (docs/cohorts.md, "did").

use crate::{Bound, Comparison, Step};

/// Returns true if all conditions hold for a number. `times` counts the events of the step of a
/// [`Bound::Times`].
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

/// Returns true if all conditions hold for a number. The number of other events is taken as 0.
pub(crate) fn comparison_holds(comparison: &Comparison, number: f64) -> bool {
    compare(comparison, number, |_| 0)
}

#[expect(clippy::cast_precision_loss, reason = "no one has 2^53 events")]
pub(super) fn count(count: usize) -> f64 {
    count as f64
}

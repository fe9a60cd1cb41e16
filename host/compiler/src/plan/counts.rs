//! Turns comparisons of counts into ranges of whole numbers.

use std::collections::BTreeSet;

use muster_definition::{Comparison, Condition};

use super::{Bits, Compare, CompareOperator, PlanBound};

/// The allowed whole numbers: `least..=most` without `excluded`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AllowedCounts {
    pub(crate) least: i32,
    pub(crate) most: i32,
    pub(crate) excluded: BTreeSet<i32>,
}

impl AllowedCounts {
    /// Returns the numbers that meet a comparison. Returns `None` if it compares with the number of
    /// another event.
    pub(super) fn of(comparison: &Comparison) -> Option<Self> {
        let mut counts = Self {
            least: 0,
            most: i32::MAX,
            excluded: BTreeSet::new(),
        };
        for condition in &comparison.conditions {
            let number = condition.bound().number()?;
            match condition {
                Condition::Exactly(_) => {
                    counts.raise(number.ceil());
                    counts.lower(number.floor());
                }
                Condition::Not(_) if number.fract() == 0.0 => {
                    counts.excluded.insert(clamp(number));
                }
                Condition::Not(_) => {}
                Condition::AtLeast(_) => counts.raise(number.ceil()),
                Condition::MoreThan(_) => counts.raise(number.floor() + 1.0),
                Condition::AtMost(_) => counts.lower(number.floor()),
                Condition::LessThan(_) => counts.lower(number.ceil() - 1.0),
            }
        }
        Some(counts)
    }

    fn raise(&mut self, least: f64) {
        self.least = self.least.max(clamp(least));
    }

    fn lower(&mut self, most: f64) {
        self.most = self.most.min(clamp(most));
    }

    /// Returns true if all counts from some number on are allowed. Then rows that leave the window
    /// can only end the clause.
    pub(crate) fn rises(&self) -> bool {
        self.most == i32::MAX && self.excluded.is_empty()
    }

    /// Returns true if all counts up to some number are allowed. Then rows that leave the window
    /// can only begin the clause.
    pub(crate) fn falls(&self) -> bool {
        self.least <= 0 && self.excluded.is_empty()
    }
}

/// Converts a bound on a count of rows. The count is never negative and below 2^31 (a batch's rows
/// are counted in 32 bits).
fn clamp(number: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "clamped to the type's range first"
    )]
    let clamped = number.clamp(-1.0, f64::from(i32::MAX)) as i32;
    clamped
}

/// Converts a comparison's conditions; `step` returns the index of the step that a count of other
/// events belongs to.
pub(super) fn compares(
    comparison: &Comparison,
    mut step: impl FnMut(&muster_definition::Step) -> usize,
) -> Vec<Compare> {
    let compare = |condition: &Condition| {
        let operator = match condition {
            Condition::Exactly(_) => CompareOperator::Exactly,
            Condition::Not(_) => CompareOperator::Not,
            Condition::AtLeast(_) => CompareOperator::AtLeast,
            Condition::MoreThan(_) => CompareOperator::MoreThan,
            Condition::AtMost(_) => CompareOperator::AtMost,
            Condition::LessThan(_) => CompareOperator::LessThan,
        };
        let bound = match condition.bound() {
            muster_definition::Bound::Number(number) => PlanBound::Number(Bits::of(*number)),
            muster_definition::Bound::Times(other) => PlanBound::Times(step(other)),
        };
        Compare { operator, bound }
    };
    comparison.conditions.iter().map(compare).collect()
}

/// Converts a comparison with numbers only.
pub(super) fn numbers(comparison: &Comparison) -> Vec<Compare> {
    // The reader allows comparisons with other events only in `times`.
    compares(comparison, |_| 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_definition::Bound;

    fn of(conditions: Vec<Condition>) -> AllowedCounts {
        AllowedCounts::of(&Comparison { conditions }).unwrap()
    }

    fn range(conditions: Vec<Condition>) -> (i32, i32) {
        let counts = of(conditions);
        (counts.least, counts.most)
    }

    #[test]
    fn comparisons_become_ranges_of_whole_numbers() {
        let number = Bound::Number;
        let between = vec![
            Condition::AtLeast(number(2.0)),
            Condition::AtMost(number(4.0)),
        ];
        assert_eq!(range(vec![Condition::AtLeast(number(2.5))]), (3, i32::MAX));
        assert_eq!(range(vec![Condition::MoreThan(number(2.0))]), (3, i32::MAX));
        assert_eq!(range(vec![Condition::LessThan(number(3.0))]), (0, 2));
        assert_eq!(range(vec![Condition::AtMost(number(2.5))]), (0, 2));
        assert_eq!(range(vec![Condition::Exactly(number(3.0))]), (3, 3));
        assert_eq!(range(between), (2, 4));
    }

    #[test]
    fn rises_and_falls_follow_the_bounds() {
        let number = Bound::Number;
        assert!(of(vec![Condition::AtLeast(number(1.0))]).rises());
        assert!(of(vec![Condition::AtMost(number(1.0))]).falls());
        assert!(!of(vec![Condition::Exactly(number(1.0))]).rises());
        assert!(!of(vec![Condition::Not(number(2.0))]).falls());
    }
}

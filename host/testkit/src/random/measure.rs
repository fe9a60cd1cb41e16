//! Random measures.

use muster_definition::{Aggregate, Bound, Comparison, Condition, End, Measure, NumberOf, Window};
use proptest::prelude::*;
use proptest::sample::select;

use super::predicate::{different, properties, step};
use super::window::{calendar, length, unit, window_of_events, zone};
use super::{Era, READ};

fn comparison(bound: impl Strategy<Value = Bound> + Clone + 'static) -> BoxedStrategy<Comparison> {
    let kinds: [fn(Bound) -> Condition; 10] = [
        Condition::Exactly,
        Condition::Not,
        Condition::AtLeast,
        Condition::AtLeast,
        Condition::AtLeast,
        Condition::AtLeast,
        Condition::MoreThan,
        Condition::AtMost,
        Condition::AtMost,
        Condition::LessThan,
    ];
    let condition = (select(kinds.to_vec()), bound).prop_map(|(kind, bound)| kind(bound));
    prop::collection::vec(condition, 1..3)
        .prop_map(|conditions| Comparison {
            conditions: different(conditions),
        })
        .boxed()
}

fn numbers(of: &'static [f64]) -> impl Strategy<Value = Bound> + Clone {
    select(of).prop_map(Bound::Number)
}

pub(super) fn count() -> BoxedStrategy<Comparison> {
    comparison(numbers(&[0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 5.0]))
}

pub(super) fn property() -> impl Strategy<Value = Box<str>> + Clone {
    let names = ["amount", "amount", "kind", "kind", "seen", "absent"];
    select(names.to_vec()).prop_map(Box::from)
}

/// Generates different properties with a comparison each.
fn of_properties(
    comparison: BoxedStrategy<Comparison>,
) -> BoxedStrategy<Vec<(Box<str>, Comparison)>> {
    let names = select(&READ[..]).prop_map(<[&str]>::to_vec);
    (names, prop::collection::vec(comparison, 2))
        .prop_map(|(names, comparisons)| {
            names.into_iter().map(Box::from).zip(comparisons).collect()
        })
        .boxed()
}

/// Generates a measure, with a window that the measure allows.
pub(super) fn measured(era: Era) -> impl Strategy<Value = (Measure, Window)> {
    let bound = prop_oneof![
        5 => numbers(&[0.0, 1.0, 1.0, 2.0, 3.0, 5.0]),
        1 => step(era).prop_map(Bound::Times),
    ];
    let sums = comparison(numbers(&[0.0, 0.3, 0.6, 1.0, 2.0, 50.0, 50.5, 100.5, -3.0]));
    let aggregates = [
        Aggregate::Sum,
        Aggregate::Sum,
        Aggregate::Average,
        Aggregate::Smallest,
        Aggregate::Largest,
    ];
    let number = (select(aggregates.to_vec()), of_properties(sums)).prop_map(|(aggregate, of)| {
        let one = |(property, comparison)| NumberOf {
            aggregate,
            property,
            comparison,
        };
        Measure::Number(of.into_iter().map(one).collect())
    });
    let of_window = prop_oneof![
        8 => comparison(bound).prop_map(Measure::Times),
        3 => number,
        2 => of_properties(count()).prop_map(Measure::Distinct),
        2 => (unit(), zone(), count()).prop_map(|(unit, zone, count)| Measure::Units(unit, zone, count)),
        2 => (1..4_u32).prop_map(Measure::Nth),
        1 => properties(era, true, 1).prop_map(Measure::First),
        1 => properties(era, true, 1).prop_map(Measure::Last),
    ];
    let regularly =
        (length(), 1..5_u32, 1..5_u32, count()).prop_map(|(every, of_last, at_least, times)| {
            Measure::Regularly {
                every,
                of_last,
                at_least: at_least.min(of_last),
                times,
            }
        });
    let each = unit().prop_flat_map(|unit| {
        let window = calendar(Some(unit)).prop_map(|start| Window {
            start,
            end: End::Now,
        });
        (
            count().prop_map(move |count| Measure::Each(unit, count)),
            window,
        )
    });
    prop_oneof![
        10 => (of_window, window_of_events(era)),
        1 => regularly.prop_map(|measure| (measure, Window::EVER)),
        1 => each,
    ]
}

//! Predicates on properties (docs/cohorts.md, "Predicates").

use std::borrow::Cow;

use muster_model::{Scalar, Value};

use super::moment::Moment;
use crate::{Predicate, Properties, Test};

/// Returns true if each property satisfies its predicate.
pub(super) fn properties_hold<'v>(
    properties: &Properties,
    moment: Moment<'_>,
    value: impl Fn(&str) -> Option<&'v Value>,
) -> bool {
    properties
        .iter()
        .all(|(name, predicate)| predicate_holds(predicate, value(name), moment))
}

/// Returns true if all tests of a predicate hold for a value, or for a value that is absent.
pub(super) fn predicate_holds(
    predicate: &Predicate,
    value: Option<&Value>,
    moment: Moment<'_>,
) -> bool {
    let mut tests = predicate.tests.iter();
    tests.all(|test| test_holds(test, value, moment))
}

fn test_holds(test: &Test, value: Option<&Value>, moment: Moment<'_>) -> bool {
    // A list has the text of each element, an absent value has no text. So an absent value
    // satisfies only the negations.
    let texts = texts(value);
    let one_of = |wanted: &[Box<str>]| {
        texts
            .iter()
            .any(|text| wanted.iter().any(|w| **w == **text))
    };
    let number = value.and_then(Value::as_number);
    let instant = value.and_then(Value::as_instant);
    match test {
        Test::AnyOf(wanted) => one_of(wanted),
        Test::NoneOf(wanted) => !one_of(wanted),
        Test::Fits(pattern) => texts.iter().any(|text| pattern.fits(text)),
        Test::FitsNot(pattern) => !texts.iter().any(|text| pattern.fits(text)),
        Test::AtLeast(bound) => number.is_some_and(|number| number >= *bound),
        Test::MoreThan(bound) => number.is_some_and(|number| number > *bound),
        Test::AtMost(bound) => number.is_some_and(|number| number <= *bound),
        Test::LessThan(bound) => number.is_some_and(|number| number < *bound),
        Test::Before(bound) => instant.is_some_and(|at| at < *bound),
        Test::After(bound) => instant.is_some_and(|at| at > *bound),
        // now − W < t ≤ now
        Test::InLast(length) => {
            instant.is_some_and(|at| moment.ago(*length) < at && at <= moment.now)
        }
        // t ≤ now − W
        Test::BeforeLast(length) => instant.is_some_and(|at| at <= moment.ago(*length)),
        Test::Set(set) => value.is_some() == *set,
        Test::SameAs(property) => {
            let others = self::texts(moment.property(property));
            texts.iter().any(|text| others.contains(text))
        }
    }
}

/// Returns the canonical texts of a value.
fn texts(value: Option<&Value>) -> Vec<Cow<'_, str>> {
    let scalars = value.into_iter().flat_map(Value::scalars);
    scalars.map(Scalar::canonical_text).collect()
}

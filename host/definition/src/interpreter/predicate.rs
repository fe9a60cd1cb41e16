//! Predicates on properties (docs/cohorts.md, "Predicates").

use std::borrow::Cow;

use muster_model::{Scalar, Value, Version};

use super::comparison::{comparison_holds, count};
use super::instant;
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
    let (numbers, others): (Vec<_>, Vec<_>) = predicate
        .tests
        .iter()
        .partition(|test| on_number(test, 0.0).is_some());
    let one_meets_all = || {
        let scalars = value.map(Value::scalars).unwrap_or_default();
        let mut elements = scalars.iter().filter_map(Scalar::as_number);
        elements.any(|number| {
            let mut tests = numbers.iter();
            tests.all(|test| on_number(test, number) == Some(true))
        })
    };
    (numbers.is_empty() || one_meets_all())
        && others
            .into_iter()
            .all(|test| test_holds(test, value, moment))
}

/// Returns the answer of a test of numbers, or `None` for another test.
fn on_number(test: &Test, number: f64) -> Option<bool> {
    match test {
        Test::AtLeast(bound) => Some(number >= *bound),
        Test::MoreThan(bound) => Some(number > *bound),
        Test::AtMost(bound) => Some(number <= *bound),
        Test::LessThan(bound) => Some(number < *bound),
        Test::AnyOf(_)
        | Test::NoneOf(_)
        | Test::Fits(_)
        | Test::FitsNot(_)
        | Test::Instant(_)
        | Test::Version(_)
        | Test::CountOf(_)
        | Test::Set(_)
        | Test::SameAs(_) => None,
    }
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
    match test {
        Test::AnyOf(wanted) => one_of(wanted),
        Test::NoneOf(wanted) => !one_of(wanted),
        Test::Fits(pattern) => texts.iter().any(|text| pattern.fits(text)),
        Test::FitsNot(pattern) => !texts.iter().any(|text| pattern.fits(text)),
        // Of a list, one element meets all tests of numbers; `predicate_holds` checks that.
        Test::AtLeast(_) | Test::MoreThan(_) | Test::AtMost(_) | Test::LessThan(_) => true,
        Test::Instant(test) => value
            .and_then(|value| instant::instant(test, value))
            .is_some_and(|at| instant::holds(test, at, moment.now)),
        Test::Version(conditions) => texts.iter().any(|text| {
            Version::new(text).is_some_and(|version| {
                let mut conditions = conditions.iter();
                conditions.all(|(order, bound)| order.holds(version.cmp(bound)))
            })
        }),
        Test::CountOf(comparison) => comparison_holds(comparison, count(texts.len())),
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

//! Random predicates, and steps with them.

use muster_definition::{
    EventName, InstantBound, InstantTest, Length, LetterCase, Pattern, PatternKind, Predicate,
    Properties, Step, Test, Unit,
};
use muster_model::{Order, Version};
use proptest::prelude::*;
use proptest::sample::select;

use super::measure::{count, property};
use super::window::{length, unit, zone};
use super::{Era, GLOBS, NUMBERS, READ, TEXTS, VERSIONS, instant};

fn pattern(kinds: &'static [PatternKind]) -> impl Strategy<Value = Pattern> {
    let texts = ["a", "B", "5", "0", "ünÏ", "k", "tru", ""];
    let globs = ["a", "5*", "*0*", "*", "t*e", r"\*", r"*\**"];
    let expressions = ["a", "^5", "0$", "^(a|b)?$", "(?i)ÜN", "."];
    select(kinds).prop_flat_map(move |kind| {
        let texts = match kind {
            PatternKind::Glob => globs.to_vec(),
            PatternKind::Regex => expressions.to_vec(),
            _ => texts.to_vec(),
        };
        select(texts).prop_map(move |text| Pattern::new(kind, text).unwrap())
    })
}

fn calendar_length() -> impl Strategy<Value = Length> {
    (unit(), 1..4_u32).prop_map(|(unit, count)| {
        // Months beyond the era add nothing new.
        let most = if unit == Unit::Month { 2 } else { 4 };
        Length::Calendar(unit, count.min(most))
    })
}

/// Generates one condition on a version, or two.
fn versions() -> impl Strategy<Value = Vec<(Order, Version)>> {
    let orders = [
        Order::Exactly,
        Order::Not,
        Order::AtLeast,
        Order::AtLeast,
        Order::MoreThan,
        Order::AtMost,
        Order::LessThan,
    ];
    let version = select(&VERSIONS[..]).prop_map(|text| Version::new(text).unwrap());
    prop::collection::vec((select(orders.to_vec()), version), 1..3).prop_map(|mut conditions| {
        conditions.sort_by_key(|(order, _)| *order);
        conditions.dedup_by_key(|(order, _)| *order);
        conditions
    })
}

/// Generates one test; `clock`: tests that compare with now are among them.
fn test(era: Era, clock: bool) -> impl Strategy<Value = Test> {
    use LetterCase::{Exact, Ignored};
    use PatternKind::{Contains, EndsWith, Glob, Regex, StartsWith};
    let texts = || prop::collection::vec(select(&TEXTS[..]).prop_map(Box::from), 1..4);
    let number = || select(&NUMBERS[..]);
    let set = || any::<bool>().prop_map(Test::Set);
    let length = || prop_oneof![3 => length().prop_map(Length::Rolling), 2 => calendar_length()];
    let relative = if clock {
        let bound = prop_oneof![
            length().prop_map(InstantBound::InLast),
            length().prop_map(InstantBound::InNext),
            (length(), length()).prop_map(|(last, next)| InstantBound::Around(last, next)),
            length().prop_map(InstantBound::BeforeLast),
        ];
        bound.boxed()
    } else {
        instant(era).prop_map(InstantBound::Before).boxed()
    };
    let fixed = prop_oneof![
        instant(era).prop_map(InstantBound::Before),
        instant(era).prop_map(InstantBound::After),
    ];
    let in_zone = |(zone, bound)| Test::Instant(InstantTest { zone, bound });
    prop_oneof![
        4 => texts().prop_map(Test::AnyOf),
        2 => texts().prop_map(Test::NoneOf),
        1 => pattern(&[
            Contains(Ignored), StartsWith(Ignored), EndsWith(Ignored), Glob, Regex,
            Contains(Exact), StartsWith(Exact), EndsWith(Exact),
        ]).prop_map(Test::Fits),
        1 => pattern(&[Contains(Ignored), StartsWith(Ignored), Glob, Contains(Exact)]).prop_map(Test::FitsNot),
        2 => number().prop_map(Test::AtLeast),
        1 => number().prop_map(Test::MoreThan),
        1 => number().prop_map(Test::AtMost),
        1 => number().prop_map(Test::LessThan),
        2 => (zone(), fixed).prop_map(in_zone),
        3 => (zone(), relative).prop_map(in_zone),
        1 => versions().prop_map(Test::Version),
        1 => count().prop_map(Test::CountOf),
        2 => set(),
        1 => property().prop_map(Test::SameAs),
    ]
}

/// Keeps the first item of each kind: a map has no key twice.
pub(super) fn different<T>(mut items: Vec<T>) -> Vec<T> {
    let mut kinds = Vec::new();
    items.retain(|item| {
        let kind = std::mem::discriminant(item);
        let is_new = !kinds.contains(&kind);
        kinds.push(kind);
        is_new
    });
    items
}

/// Keeps the patterns of one treatment of case: a predicate has one `case`.
fn of_one_case(tests: Vec<Test>) -> Vec<Test> {
    let case = |test: &Test| match test {
        Test::Fits(pattern) | Test::FitsNot(pattern) => pattern.case(),
        _ => None,
    };
    let first = tests.iter().find_map(case);
    let mut tests = tests;
    tests.retain(|test| case(test).is_none_or(|case| Some(case) == first));
    tests
}

pub(super) fn properties(era: Era, clock: bool, least: usize) -> BoxedStrategy<Properties> {
    let texts = || select(&TEXTS[..]).prop_map(|text| Test::AnyOf(vec![text.into()]));
    let predicate = prop_oneof![
        12 => prop::collection::vec(test(era, clock), 1),
        4 => prop::collection::vec(test(era, clock), 2)
            .prop_map(|tests| of_one_case(different(tests))),
        // `contains_all`
        1 => prop::collection::vec(texts(), 2),
    ];
    let predicate = predicate.prop_map(|tests| Predicate { tests });
    let none = if least == 0 { 12 } else { 0 };
    let names =
        (0..READ.len() + none).prop_map(|at| READ.get(at).copied().unwrap_or_default().to_vec());
    (names, prop::collection::vec(predicate, 2))
        .prop_map(|(names, predicates)| names.into_iter().map(Box::from).zip(predicates).collect())
        .boxed()
}

pub(super) fn step(era: Era) -> BoxedStrategy<Step> {
    let names = prop::collection::vec(select(&GLOBS[..]).prop_map(EventName::from), 1..3);
    let with = prop_oneof![3 => Just(Vec::new()), 1 => properties(era, true, 1)];
    let any = prop::collection::vec(properties(era, true, 1), 1..3);
    let with_any = prop_oneof![5 => Just(Vec::new()), 1 => any];
    let with_user = prop_oneof![7 => Just(Vec::new()), 1 => properties(era, true, 1)];
    (names, with, with_any, with_user)
        .prop_map(|(names, with, with_any, with_user)| Step {
            names,
            with,
            with_any,
            with_user,
        })
        .boxed()
}

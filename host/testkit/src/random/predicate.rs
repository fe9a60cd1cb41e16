//! Random predicates, and steps with them.

use muster_definition::{EventName, Pattern, PatternKind, Predicate, Properties, Step, Test};
use proptest::prelude::*;
use proptest::sample::select;

use super::measure::property;
use super::window::length;
use super::{Era, GLOBS, NUMBERS, READ, TEXTS, instant};

fn pattern(kinds: &'static [PatternKind]) -> impl Strategy<Value = Pattern> {
    let texts = ["a", "B", "5", "0", "ünÏ", "k", "tru", ""];
    let globs = ["a", "5*", "*0*", "*", "t*e"];
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

/// Generates one test; `clock`: tests that compare with now are among them.
fn test(era: Era, clock: bool) -> impl Strategy<Value = Test> {
    use PatternKind::{Contains, EndsWith, Glob, Regex, StartsWith};
    let texts = || prop::collection::vec(select(&TEXTS[..]).prop_map(Box::from), 1..4);
    let number = || select(&NUMBERS[..]);
    let set = || any::<bool>().prop_map(Test::Set);
    let relative = if clock {
        prop_oneof![
            length().prop_map(Test::InLast),
            length().prop_map(Test::BeforeLast),
        ]
        .boxed()
    } else {
        set().boxed()
    };
    prop_oneof![
        4 => texts().prop_map(Test::AnyOf),
        2 => texts().prop_map(Test::NoneOf),
        1 => pattern(&[Contains, StartsWith, EndsWith, Glob, Regex]).prop_map(Test::Fits),
        1 => pattern(&[Contains, StartsWith, Glob]).prop_map(Test::FitsNot),
        2 => number().prop_map(Test::AtLeast),
        1 => number().prop_map(Test::MoreThan),
        1 => number().prop_map(Test::AtMost),
        1 => number().prop_map(Test::LessThan),
        1 => instant(era).prop_map(Test::Before),
        1 => instant(era).prop_map(Test::After),
        3 => relative,
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

pub(super) fn properties(era: Era, clock: bool, least: usize) -> BoxedStrategy<Properties> {
    let texts = || select(&TEXTS[..]).prop_map(|text| Test::AnyOf(vec![text.into()]));
    let predicate = prop_oneof![
        12 => prop::collection::vec(test(era, clock), 1),
        4 => prop::collection::vec(test(era, clock), 2).prop_map(different),
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

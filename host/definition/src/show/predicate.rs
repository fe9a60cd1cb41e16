//! Writes predicates and comparisons.

use std::fmt;

use muster_model::{Order, Version};

use super::text::{calendar, duration, entry, list, map, quoted};
use crate::{
    Bound, Comparison, Condition, InstantBound, Length, LetterCase, Pattern, PatternKind,
    Predicate, Properties, Test,
};

/// Writes `{city: Seattle, amount: {at_least: 50}}`.
pub(super) fn properties(properties: &Properties) -> String {
    let one = |(name, predicate): &(Box<str>, Predicate)| entry(&quoted(name), predicate);
    map(&properties.iter().map(one).collect::<Vec<_>>())
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tests.as_slice() {
            [Test::AnyOf(texts)] => match texts.as_slice() {
                [text] => f.write_str(&quoted(text)),
                _ => f.write_str(&texts_of(texts)),
            },
            tests => f.write_str(&map(&entries(tests))),
        }
    }
}

fn texts_of(texts: &[Box<str>]) -> String {
    list(texts.iter().map(|text| quoted(text)))
}

/// Writes one key per test. A map has no key twice, so several single values become `contains_all`.
/// An `AtLeast` and the next `AtMost` become `between`, as another test may have one of their keys.
fn entries(tests: &[Test]) -> Vec<String> {
    let single = |test: &&Test| matches!(test, Test::AnyOf(texts) if texts.len() == 1);
    let all: Vec<_> = tests.iter().filter(single).collect();
    let mut not = false;
    let mut entries = Vec::new();
    if all.len() > 1 {
        let texts = all.iter().flat_map(|test| match test {
            Test::AnyOf(texts) => texts.as_slice(),
            _ => &[],
        });
        entries.push(entry("contains_all", list(texts.map(|text| quoted(text)))));
    }
    let numbers = |pair: &[Test]| match pair {
        [Test::AtLeast(low), Test::AtMost(high)] if low <= high => Some((*low, *high)),
        _ => None,
    };
    let between = tests.windows(2).position(|pair| numbers(pair).is_some());
    for (at, test) in tests.iter().enumerate() {
        if let Test::Instant(test) = test {
            entries.extend(instant(test.bound));
            continue;
        }
        if between == Some(at)
            && let Some((low, high)) = tests.get(at..at + 2).and_then(numbers)
        {
            entries.push(entry("between", list([low, high])));
            continue;
        }
        if between.is_some_and(|between| between + 1 == at) || (all.len() > 1 && single(&test)) {
            continue;
        }
        entries.push(match test {
            Test::AnyOf(texts) => match texts.as_slice() {
                [text] => entry("is", quoted(text)),
                _ => entry("any_of", texts_of(texts)),
            },
            Test::NoneOf(texts) => match texts.as_slice() {
                [text] if !not => {
                    not = true;
                    entry("not", quoted(text))
                }
                _ => entry("none_of", texts_of(texts)),
            },
            Test::Fits(pattern) => entry(key(pattern), quoted(pattern.text())),
            Test::FitsNot(pattern) => {
                entry(&format!("not_{}", key(pattern)), quoted(pattern.text()))
            }
            Test::AtLeast(bound) => entry("at_least", bound),
            Test::MoreThan(bound) => entry("more_than", bound),
            Test::AtMost(bound) => entry("at_most", bound),
            Test::LessThan(bound) => entry("less_than", bound),
            Test::Instant(_) => continue,
            Test::Version(conditions) => entry("version", version(conditions)),
            Test::CountOf(comparison) => entry("count_of", comparison),
            Test::Set(set) => entry("set", set),
            Test::SameAs(property) => entry("same_as", map(&[entry("user", quoted(property))])),
        });
    }
    let exact = |test: &Test| match test {
        Test::Fits(pattern) | Test::FitsNot(pattern) => pattern.case() == Some(LetterCase::Exact),
        _ => false,
    };
    if tests.iter().any(exact) {
        entries.push(entry("case", "exact"));
    }
    entries
}

fn instant(bound: InstantBound) -> Vec<String> {
    match bound {
        InstantBound::Before(at) => vec![entry("before", at)],
        InstantBound::After(at) => vec![entry("after", at)],
        InstantBound::InLast(last) => vec![entry("in_last", length(last))],
        InstantBound::InNext(next) => vec![entry("in_next", length(next))],
        InstantBound::Around(last, next) => vec![
            entry("in_last", length(last)),
            entry("in_next", length(next)),
        ],
        InstantBound::BeforeLast(last) => vec![entry("before_last", length(last))],
    }
}

fn length(length: Length) -> String {
    match length {
        Length::Rolling(length) => duration(length),
        Length::Calendar(unit, count) => calendar(unit, count),
    }
}

fn version(conditions: &[(Order, Version)]) -> String {
    let quoted = |version: &Version| format!("\"{version}\"");
    if let [(Order::Exactly, version)] = conditions {
        return quoted(version);
    }
    let one = |(order, version): &(Order, Version)| {
        let key = match order {
            Order::Exactly => "exactly",
            Order::Not => "not",
            Order::AtLeast => "at_least",
            Order::MoreThan => "more_than",
            Order::AtMost => "at_most",
            Order::LessThan => "less_than",
        };
        entry(key, quoted(version))
    };
    map(&conditions.iter().map(one).collect::<Vec<_>>())
}

fn key(pattern: &Pattern) -> &'static str {
    match pattern.kind() {
        PatternKind::Contains(_) => "contains",
        PatternKind::StartsWith(_) => "starts_with",
        PatternKind::EndsWith(_) => "ends_with",
        PatternKind::Glob => "glob",
        PatternKind::Regex => "matches",
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [Condition::Exactly(Bound::Number(number))] = self.conditions.as_slice() {
            return number.fmt(f);
        }
        let numbers = |pair: &[Condition]| match pair {
            [
                Condition::AtLeast(Bound::Number(low)),
                Condition::AtMost(Bound::Number(high)),
            ] if low <= high => Some((*low, *high)),
            _ => None,
        };
        let conditions = &self.conditions;
        let between = conditions
            .windows(2)
            .position(|pair| numbers(pair).is_some());
        let mut entries = Vec::new();
        for (at, condition) in conditions.iter().enumerate() {
            if between == Some(at)
                && let Some((low, high)) = conditions.get(at..at + 2).and_then(numbers)
            {
                entries.push(entry("between", list([low, high])));
            } else if between.is_none_or(|between| between + 1 != at) {
                let key = match condition {
                    Condition::Exactly(_) => "exactly",
                    Condition::Not(_) => "not",
                    Condition::AtLeast(_) => "at_least",
                    Condition::MoreThan(_) => "more_than",
                    Condition::AtMost(_) => "at_most",
                    Condition::LessThan(_) => "less_than",
                };
                entries.push(entry(key, bound(condition.bound())));
            }
        }
        f.write_str(&map(&entries))
    }
}

fn bound(bound: &Bound) -> String {
    match bound {
        Bound::Number(number) => number.to_string(),
        Bound::Times(step) => map(&super::did::step(step)),
    }
}

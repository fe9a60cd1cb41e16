//! Reads predicates on properties (docs/cohorts.md, "Predicates").

use std::collections::HashSet;

use muster_document::{Entry, Map, Node, NodeContent, YamlReader, list, names, quote};
use muster_model::{Millis, Order, Scalar, Version};

use crate::clause::{InstantBound, InstantTest, Length, Predicate, Test};
use crate::limits;
use crate::pattern::{LetterCase, PatternKind};

use super::clause::Clauses;
use super::comparison::{ComparisonKind, between};
use super::duration::length;
use super::instant::is_like_instant;
use super::key::{LanguageKey, LanguageKind, key, needed_key};
use super::version;
use super::words::unknown_key;

pub(crate) const TABLE: [LanguageKey; 28] = [
    key("is", LanguageKind::Scalar, "The value is this one."),
    key(
        "not",
        LanguageKind::Scalar,
        "The value is not this one, or there is none.",
    ),
    key("any_of", LanguageKind::Values, "The value is one of these."),
    key(
        "none_of",
        LanguageKind::Values,
        "The value is not one of these, or there is none.",
    ),
    key(
        "contains",
        LanguageKind::Scalar,
        "The value contains this text, in upper or lower case (see `case`).",
    ),
    key(
        "not_contains",
        LanguageKind::Scalar,
        "The value does not contain this text, in upper or lower case (see `case`).",
    ),
    key(
        "starts_with",
        LanguageKind::Scalar,
        "The value begins with this text, in upper or lower case (see `case`).",
    ),
    key(
        "not_starts_with",
        LanguageKind::Scalar,
        "The value does not begin with this text, in upper or lower case (see `case`).",
    ),
    key(
        "ends_with",
        LanguageKind::Scalar,
        "The value ends with this text, in upper or lower case (see `case`).",
    ),
    key(
        "glob",
        LanguageKind::Scalar,
        "The value fits this text, in which `*` stands for any text and `\\*` for a star; case counts.",
    ),
    key(
        "not_glob",
        LanguageKind::Scalar,
        "The value does not fit this text, in which `*` stands for any text and `\\*` for a star; case counts.",
    ),
    key(
        "matches",
        LanguageKind::Scalar,
        "The regular expression (RE2 syntax) fits somewhere in the value; case counts.",
    ),
    key(
        "at_least",
        LanguageKind::Number,
        "A number of at least this.",
    ),
    key(
        "more_than",
        LanguageKind::Number,
        "A number greater than this.",
    ),
    key("at_most", LanguageKind::Number, "A number of at most this."),
    key(
        "less_than",
        LanguageKind::Number,
        "A number less than this.",
    ),
    key(
        "between",
        LanguageKind::Range,
        "A number from the first to the second, both included.",
    ),
    key(
        "before",
        LanguageKind::Instant,
        "An instant earlier than this.",
    ),
    key(
        "after",
        LanguageKind::Instant,
        "An instant later than this.",
    ),
    key(
        "in_last",
        LanguageKind::Length,
        "An instant at most this length of time ago; with `in_next` also one to come.",
    ),
    key(
        "in_next",
        LanguageKind::Length,
        "An instant to come, at most this length of time from now.",
    ),
    key(
        "before_last",
        LanguageKind::Length,
        "An instant at least this length of time ago.",
    ),
    key(
        "version",
        LanguageKind::Version,
        "A version in the order of Semantic Versioning: `{at_least: \"1.10.0\"}`.",
    ),
    key(
        "count_of",
        LanguageKind::Count,
        "The number of elements of the list; without a value it is 0.",
    ),
    key(
        "case",
        LanguageKind::Case,
        "With `exact`, case counts in `contains`, `starts_with`, `ends_with` and their negations.",
    ),
    key(
        "set",
        LanguageKind::Flag,
        "There is a value (`true`), or there is none (`false`).",
    ),
    key(
        "contains_all",
        LanguageKind::Elements,
        "Each of these is an element of the list.",
    ),
    key(
        "same_as",
        LanguageKind::SameAs,
        "The value is the current value of a user property.",
    ),
];

const KEYS: [&str; 28] = names(&TABLE);

/// The key that says whether case counts.
const CASE: &str = "case";

/// The operators that ignore case without `case: exact`.
const FOLDING: [&str; 5] = [
    "contains",
    "not_contains",
    "starts_with",
    "not_starts_with",
    "ends_with",
];

/// The keys of the value of `same_as`.
pub(crate) static SAME_AS: Map<LanguageKind> = Map::new(
    "a user property",
    &[needed_key(
        "user",
        LanguageKind::Property,
        "The user property to compare with.",
    )],
);

impl Clauses<'_, '_> {
    /// Reads a scalar, a list of scalars, or a map of operators.
    pub(super) fn predicate(&mut self, node: &Node) -> Option<Predicate> {
        let tests = match &node.content {
            NodeContent::Nothing => {
                return self.reader.expected(
                    node,
                    "a predicate for the property",
                    "for a property without a value write `{set: false}`",
                );
            }
            NodeContent::List(_) => vec![Test::AnyOf(self.literals(node, limits::VALUES)?)],
            NodeContent::Map(entries) => {
                if entries.is_empty() {
                    return self.reader.wrong(
                        node.span,
                        "this predicate is empty",
                        "write a value, a list, or a map such as `{at_least: 50}`",
                    );
                }
                self.operators(entries, node)?
            }
            _ => vec![Test::AnyOf(vec![self.literal(node)?])],
        };
        let predicate = Predicate { tests };
        self.warn_if_empty(&predicate, node);
        Some(predicate)
    }

    fn operators(&mut self, entries: &[Entry], node: &Node) -> Option<Vec<Test>> {
        let case = match entries.iter().find(|entry| &*entry.key == CASE) {
            Some(entry) => self.case(entry, entries),
            None => Some(LetterCase::Ignored),
        };
        let operators = entries.iter().filter(|entry| &*entry.key != CASE);
        let tests: Vec<_> = operators
            .map(|entry| self.operator(entry, case.unwrap_or(LetterCase::Ignored)))
            .collect();
        let tests = tests.into_iter().collect::<Option<Vec<_>>>()?.concat();
        case?;
        if tests.is_empty() {
            let help = "write a value, a list, or a map such as `{at_least: 50}`";
            return self
                .reader
                .wrong(node.span, "this predicate is empty", help);
        }
        Some(around(tests))
    }

    /// Reads `case: exact`, which belongs to the operators that ignore case.
    fn case(&mut self, entry: &Entry, entries: &[Entry]) -> Option<LetterCase> {
        let exact = matches!(&entry.value.content, NodeContent::Text(text) if &**text == "exact");
        if !exact {
            return self.reader.expected(
                &entry.value,
                "`exact`",
                "leave `case` out to ignore case",
            );
        }
        if !entries.iter().any(|entry| FOLDING.contains(&&*entry.key)) {
            let message = "`case` changes no operator of this predicate";
            let help = format!(
                "it belongs to {}; in all others case counts",
                list(&FOLDING)
            );
            return self.reader.wrong(entry.key_span, message, help);
        }
        Some(LetterCase::Exact)
    }

    fn operator(&mut self, entry: &Entry, case: LetterCase) -> Option<Vec<Test>> {
        use PatternKind::{Contains, EndsWith, Glob, Regex, StartsWith};
        let value = &entry.value;
        let test = match &*entry.key {
            "is" => Test::AnyOf(vec![self.one(value, "any_of")?]),
            "not" => Test::NoneOf(vec![self.one(value, "none_of")?]),
            "any_of" => Test::AnyOf(self.literals(value, limits::VALUES)?),
            "none_of" => Test::NoneOf(self.literals(value, limits::VALUES)?),
            "contains" => Test::Fits(self.pattern(entry, Contains(case))?),
            "not_contains" => Test::FitsNot(self.pattern(entry, Contains(case))?),
            "starts_with" => Test::Fits(self.pattern(entry, StartsWith(case))?),
            "not_starts_with" => Test::FitsNot(self.pattern(entry, StartsWith(case))?),
            "ends_with" => Test::Fits(self.pattern(entry, EndsWith(case))?),
            "glob" => Test::Fits(self.pattern(entry, Glob)?),
            "not_glob" => Test::FitsNot(self.pattern(entry, Glob)?),
            "matches" => Test::Fits(self.pattern(entry, Regex)?),
            "at_least" => Test::AtLeast(number(self.reader, value)?),
            "more_than" => Test::MoreThan(number(self.reader, value)?),
            "at_most" => Test::AtMost(number(self.reader, value)?),
            "less_than" => Test::LessThan(number(self.reader, value)?),
            "between" => {
                let (low, high) = between(self.reader, value, number)?;
                return Some(vec![Test::AtLeast(low), Test::AtMost(high)]);
            }
            "before" => {
                let bound = InstantBound::Before(self.instant(value)?);
                self.instant_test(bound)
            }
            "after" => {
                let bound = InstantBound::After(self.instant(value)?);
                self.instant_test(bound)
            }
            "in_last" => {
                let bound = InstantBound::InLast(length(self.reader, value)?);
                self.instant_test(bound)
            }
            "in_next" => {
                let bound = InstantBound::InNext(length(self.reader, value)?);
                self.instant_test(bound)
            }
            "before_last" => {
                let bound = InstantBound::BeforeLast(length(self.reader, value)?);
                self.instant_test(bound)
            }
            "version" => Test::Version(version::conditions(self.reader, value)?),
            "count_of" => Test::CountOf(self.comparison(value, ComparisonKind::Count("elements"))?),
            "set" => Test::Set(self.reader.flag(value, "`true` or `false`")?),
            "contains_all" => {
                let values = self.literals(value, limits::ELEMENTS)?;
                let each = values.into_iter().map(|value| Test::AnyOf(vec![value]));
                return Some(each.collect());
            }
            "same_as" => Test::SameAs(self.same_as(value)?),
            other => return self.unknown_operator(entry, other),
        };
        Some(vec![test])
    }

    fn instant_test(&self, bound: InstantBound) -> Test {
        Test::Instant(InstantTest {
            zone: self.zone.clone(),
            bound,
        })
    }

    fn unknown_operator<T>(&mut self, entry: &Entry, key: &str) -> Option<T> {
        match key.strip_prefix("not_") {
            Some(negated) if KEYS.contains(&negated) => {
                let help = format!(
                    "put `not` before the whole clause: `not: {{user: {{city: {{{negated}: …}}}}}}`"
                );
                let message = format!("there is no {}", quote(key));
                self.reader.wrong(entry.key_span, message, help)
            }
            _ => {
                unknown_key(self.reader, entry, "a predicate", &KEYS);
                None
            }
        }
    }

    /// Reads `{user: PROP}`, the user property to compare with.
    fn same_as(&mut self, node: &Node) -> Option<Box<str>> {
        if !matches!(node.content, NodeContent::Map(_)) {
            let help = match &node.content {
                NodeContent::Text(text) => format!(
                    "write {}, or write a fixed value under `is`",
                    quote(&format!("{{user: {text}}}"))
                ),
                _ => "write `{user: city}`".to_owned(),
            };
            return self.reader.expected(node, SAME_AS.name, &help);
        }
        let fields = self.reader.fields_of(node, &SAME_AS)?;
        match (fields.get("user"), fields.entries) {
            (Some(name), _) => self.property(name),
            (None, []) => self
                .reader
                .wrong(node.span, "`user` is missing", "write `{user: city}`"),
            // The wrong key was reported.
            (None, _) => None,
        }
    }

    /// Reads one value. A list is reported with the operator that takes several values.
    fn one(&mut self, node: &Node, several: &str) -> Option<Box<str>> {
        if let NodeContent::List(_) = node.content {
            return self.reader.expected(
                node,
                "one value",
                &format!("for several values write `{several}`"),
            );
        }
        self.literal(node)
    }

    fn literals(&mut self, node: &Node, most: usize) -> Option<Vec<Box<str>>> {
        let items = self.reader.list(node, "a list of values", most)?;
        if items.is_empty() {
            return self.reader.wrong(
                node.span,
                "this list of values is empty",
                "name at least one value",
            );
        }
        let read: Vec<_> = items.iter().map(|item| self.literal(item)).collect();
        read.into_iter().collect()
    }

    /// Returns a value's canonical text: `is`, `not`, `any_of` and `none_of` compare it.
    pub(super) fn literal(&mut self, node: &Node) -> Option<Box<str>> {
        let reader = &mut *self.reader;
        match &node.content {
            NodeContent::Text(text) => Some(text.clone()),
            NodeContent::Flag(flag) => Some(Scalar::Flag(*flag).canonical_text().into()),
            NodeContent::Number(number) => {
                let written = reader.source().slice(node.span);
                let exact = Scalar::from_written(written).unwrap_or(Scalar::Number(*number));
                let canonical = exact.canonical_text().into_owned();
                let digits = written.trim_start_matches(['-', '+']);
                if digits.bytes().all(|byte| byte.is_ascii_digit())
                    && digits != canonical.trim_start_matches('-')
                {
                    let message = format!("{} is read as the number `{canonical}`", quote(written));
                    reader.warn(
                        node.span,
                        message,
                        format!("if it is a text, put quotes around it: \"{written}\""),
                    );
                }
                Some(canonical.into())
            }
            NodeContent::Nothing => reader.expected(
                node,
                "a value",
                "for a property without a value write `{set: false}`",
            ),
            NodeContent::List(_) | NodeContent::Map(_) => reader.expected(
                node,
                "a text, a number or a flag",
                "write one value, or a list of values",
            ),
        }
    }

    /// Warns of bounds that no value meets, and of `set` that contradicts the other tests.
    fn warn_if_empty(&mut self, predicate: &Predicate, node: &Node) {
        if let Some(message) = never(predicate) {
            self.reader
                .warn(node.span, message, "the predicate never holds");
        }
    }
}

/// Joins `in_last` and `in_next` of one predicate to one range around now.
fn around(mut tests: Vec<Test>) -> Vec<Test> {
    let bounds = |test: &Test| match test {
        Test::Instant(test) => Some(test.bound),
        _ => None,
    };
    let last = tests
        .iter()
        .filter_map(bounds)
        .find_map(|bound| match bound {
            InstantBound::InLast(length) => Some(length),
            _ => None,
        });
    let next = tests
        .iter()
        .filter_map(bounds)
        .find_map(|bound| match bound {
            InstantBound::InNext(length) => Some(length),
            _ => None,
        });
    if let (Some(last), Some(next)) = (last, next) {
        tests.retain(|test| !matches!(bounds(test), Some(InstantBound::InNext(_))));
        for test in &mut tests {
            if let Test::Instant(test) = test
                && let InstantBound::InLast(_) = test.bound
            {
                test.bound = InstantBound::Around(last, next);
            }
        }
    }
    tests
}

/// Returns the reason why a predicate never holds, or `None` if it may hold.
pub(super) fn never(predicate: &Predicate) -> Option<&'static str> {
    let tests = &predicate.tests;
    if tests.contains(&Test::Set(false)) && !tests.iter().all(Test::holds_for_none) {
        Some("a property without a value meets none of the other tests")
    } else if no_number(predicate) {
        Some("no number meets this predicate")
    } else if no_instant(predicate) {
        Some("no instant meets this predicate")
    } else if no_version(predicate) {
        Some("no version meets this predicate")
    } else if no_text(predicate) {
        Some("one test requires a value that another forbids")
    } else {
        None
    }
}

/// Reads a number. A date is reported with the operators that compare instants.
fn number(reader: &mut YamlReader<'_>, node: &Node) -> Option<f64> {
    if let NodeContent::Text(text) = &node.content
        && is_like_instant(text)
    {
        let help = "to compare instants, write `before` or `after`";
        return reader.expected(node, "a number", help);
    }
    reader.number(node, "a number")
}

/// Returns true if no number meets all bounds.
fn no_number(predicate: &Predicate) -> bool {
    let (mut low, mut high) = ((f64::NEG_INFINITY, false), (f64::INFINITY, false));
    for test in &predicate.tests {
        match test {
            Test::AtLeast(bound) if *bound > low.0 => low = (*bound, false),
            Test::MoreThan(bound) if *bound >= low.0 => low = (*bound, true),
            Test::AtMost(bound) if *bound < high.0 => high = (*bound, false),
            Test::LessThan(bound) if *bound <= high.0 => high = (*bound, true),
            Test::AnyOf(_)
            | Test::NoneOf(_)
            | Test::Fits(_)
            | Test::FitsNot(_)
            | Test::AtLeast(_)
            | Test::MoreThan(_)
            | Test::AtMost(_)
            | Test::LessThan(_)
            | Test::Instant(_)
            | Test::Version(_)
            | Test::CountOf(_)
            | Test::Set(_)
            | Test::SameAs(_) => {}
        }
    }
    low.0 > high.0 || (low.0 == high.0 && (low.1 || high.1))
}

/// Returns true if no instant meets all tests.
fn no_instant(predicate: &Predicate) -> bool {
    let (mut after, mut before) = (Millis(i64::MIN), Millis(i64::MAX));
    let (mut in_last, mut before_last) = (u64::MAX, 0);
    let (mut past, mut future) = (false, false);
    for test in &predicate.tests {
        let Test::Instant(test) = test else {
            continue;
        };
        match test.bound {
            InstantBound::After(at) => after = after.max(at),
            InstantBound::Before(at) => before = before.min(at),
            InstantBound::InLast(length) => {
                past = true;
                if let Length::Rolling(length) = length {
                    in_last = in_last.min(length.millis());
                }
            }
            InstantBound::BeforeLast(length) => {
                past = true;
                if let Length::Rolling(length) = length {
                    before_last = before_last.max(length.millis());
                }
            }
            InstantBound::InNext(_) => future = true,
            InstantBound::Around(..) => {}
        }
    }
    after.0.saturating_add(1) >= before.0 || before_last >= in_last || (past && future)
}

/// Returns true if no version meets all bounds.
fn no_version(predicate: &Predicate) -> bool {
    predicate.tests.iter().any(|test| match test {
        Test::Version(conditions) => {
            let unmet = |(order, bound): &(Order, Version)| {
                let low = matches!(order, Order::AtLeast | Order::MoreThan | Order::Exactly);
                low && conditions.iter().any(|(other, most)| match other {
                    Order::AtMost | Order::Exactly => bound > most,
                    Order::LessThan => bound >= most,
                    Order::AtLeast | Order::MoreThan | Order::Not => false,
                })
            };
            conditions.iter().any(unmet)
        }
        _ => false,
    })
}

/// Returns true if a text that one test requires is forbidden by another.
fn no_text(predicate: &Predicate) -> bool {
    let out: HashSet<_> = predicate
        .tests
        .iter()
        .filter_map(|test| match test {
            Test::NoneOf(texts) => Some(texts),
            Test::AnyOf(_)
            | Test::Fits(_)
            | Test::FitsNot(_)
            | Test::AtLeast(_)
            | Test::MoreThan(_)
            | Test::AtMost(_)
            | Test::LessThan(_)
            | Test::Instant(_)
            | Test::Version(_)
            | Test::CountOf(_)
            | Test::Set(_)
            | Test::SameAs(_) => None,
        })
        .flatten()
        .collect();
    let tests = predicate.tests.iter();
    !out.is_empty()
        && tests.into_iter().any(|test| match test {
            Test::AnyOf(texts) => texts.iter().all(|text| out.contains(text)),
            Test::NoneOf(_)
            | Test::Fits(_)
            | Test::FitsNot(_)
            | Test::AtLeast(_)
            | Test::MoreThan(_)
            | Test::AtMost(_)
            | Test::LessThan(_)
            | Test::Instant(_)
            | Test::Version(_)
            | Test::CountOf(_)
            | Test::Set(_)
            | Test::SameAs(_) => false,
        })
}

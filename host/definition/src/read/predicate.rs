//! What a property must hold (COHORTS.md, "Predicates").

use muster_model::Scalar;

use crate::clause::{Predicate, Test};
use crate::diagnostic::quote;
use crate::limits;
use crate::yaml::{Content, Entry, Node, Reader};

use super::comparison::between;
use super::not_yet::{Place, is_not_yet, message};

const KEYS: [&str; 10] = [
    "is",
    "not",
    "any_of",
    "none_of",
    "at_least",
    "more_than",
    "at_most",
    "less_than",
    "between",
    "set",
];

const NUMBER: &str = "a number";

/// `{PROP: PRED, ..}`: what `with` and `user` say.
pub(super) fn properties(
    reader: &mut Reader<'_>,
    entry: &Entry,
) -> Option<Vec<(Box<str>, Predicate)>> {
    let key = &*entry.key;
    let help = format!("write a map: `{key}: {{city: Seattle}}`");
    let Content::Map(entries) = &entry.value.content else {
        return reader.expected(&entry.value, "a map of properties", &help);
    };
    if entries.is_empty() {
        return reader.wrong(entry.value.span, format!("`{key}` names no property"), help);
    }
    if entries.len() > limits::PROPERTIES {
        let message = format!("`{key}` names {} properties", entries.len());
        return reader.wrong(
            entry.key_span,
            message,
            format!("at most {}", limits::PROPERTIES),
        );
    }
    let read: Vec<_> = entries
        .iter()
        .map(|entry| property(reader, entry))
        .collect();
    read.into_iter().collect()
}

fn property(reader: &mut Reader<'_>, entry: &Entry) -> Option<(Box<str>, Predicate)> {
    let predicate = predicate(reader, &entry.value);
    if entry.key.is_empty() || entry.key.len() > limits::NAME_BYTES {
        let help = format!("a property's name has 1 to {} bytes", limits::NAME_BYTES);
        return reader.wrong(
            entry.key_span,
            format!("{} is not a property's name", quote(&entry.key)),
            help,
        );
    }
    Some((entry.key.clone(), predicate?))
}

fn predicate(reader: &mut Reader<'_>, node: &Node) -> Option<Predicate> {
    let tests = match &node.content {
        Content::Nothing => {
            return reader.expected(
                node,
                "what the property must hold",
                "a property without a value is `{set: false}`",
            );
        }
        Content::List(_) => vec![Test::AnyOf(literals(reader, node)?)],
        Content::Map(entries) => {
            if entries.is_empty() {
                return reader.wrong(
                    node.span,
                    "this predicate says nothing",
                    "write a value, a list, or a map such as `{at_least: 50}`",
                );
            }
            let tests: Vec<_> = entries
                .iter()
                .map(|entry| operator(reader, entry))
                .collect();
            tests
                .into_iter()
                .collect::<Option<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect()
        }
        _ => vec![Test::AnyOf(vec![literal(reader, node)?])],
    };
    let predicate = Predicate { tests };
    warn_if_empty(reader, &predicate, node);
    Some(predicate)
}

fn operator(reader: &mut Reader<'_>, entry: &Entry) -> Option<Vec<Test>> {
    let value = &entry.value;
    let test = match &*entry.key {
        "is" => Test::AnyOf(vec![one(reader, value, "any_of")?]),
        "not" => Test::NoneOf(vec![one(reader, value, "none_of")?]),
        "any_of" => Test::AnyOf(literals(reader, value)?),
        "none_of" => Test::NoneOf(literals(reader, value)?),
        "at_least" => Test::AtLeast(reader.number(value, NUMBER)?),
        "more_than" => Test::MoreThan(reader.number(value, NUMBER)?),
        "at_most" => Test::AtMost(reader.number(value, NUMBER)?),
        "less_than" => Test::LessThan(reader.number(value, NUMBER)?),
        "between" => {
            let (low, high) = between(reader, value, |reader, node| reader.number(node, NUMBER))?;
            return Some(vec![Test::AtLeast(low), Test::AtMost(high)]);
        }
        "set" => Test::Set(reader.flag(value, "`true` or `false`")?),
        later if is_not_yet(Place::Predicate, later) => {
            return reader.wrong(entry.key_span, message(later), Place::Predicate.help());
        }
        _ => {
            reader.unknown_key(entry, "a predicate", &KEYS);
            return None;
        }
    };
    Some(vec![test])
}

/// One value; a list is a slip for the operator that takes several.
fn one(reader: &mut Reader<'_>, node: &Node, several: &str) -> Option<Box<str>> {
    if let Content::List(_) = node.content {
        return reader.expected(
            node,
            "one value",
            &format!("for several values write `{several}`"),
        );
    }
    literal(reader, node)
}

fn literals(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Box<str>>> {
    let items = reader.list(node, "a list of values", limits::VALUES)?;
    if items.is_empty() {
        return reader.wrong(
            node.span,
            "this list of values is empty",
            "name at least one value",
        );
    }
    let read: Vec<_> = items.iter().map(|item| literal(reader, item)).collect();
    read.into_iter().collect()
}

/// A value's canonical text: how `is`, `not`, `any_of` and `none_of` compare.
fn literal(reader: &mut Reader<'_>, node: &Node) -> Option<Box<str>> {
    match &node.content {
        Content::Text(text) => Some(text.clone()),
        Content::Flag(flag) => Some(Scalar::Flag(*flag).canonical_text().into()),
        Content::Number(number) => {
            let canonical = Scalar::Number(*number).canonical_text().into_owned();
            let written = reader.source().slice(node.span);
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
        Content::Nothing => reader.expected(
            node,
            "a value",
            "a property without a value is `{set: false}`",
        ),
        Content::List(_) | Content::Map(_) => reader.expected(
            node,
            "a text, a number or a flag",
            "what is compared is one value, or a list of such values",
        ),
    }
}

/// Bounds that no number keeps, and `set` against the other tests, are slips.
fn warn_if_empty(reader: &mut Reader<'_>, predicate: &Predicate, node: &Node) {
    let (mut low, mut high) = ((f64::NEG_INFINITY, false), (f64::INFINITY, false));
    let (mut wants_value, mut wants_none) = (false, false);
    for test in &predicate.tests {
        match *test {
            Test::AtLeast(bound) if bound > low.0 => low = (bound, false),
            Test::MoreThan(bound) if bound >= low.0 => low = (bound, true),
            Test::AtMost(bound) if bound < high.0 => high = (bound, false),
            Test::LessThan(bound) if bound <= high.0 => high = (bound, true),
            _ => {}
        }
        match test {
            Test::Set(false) => wants_none = true,
            Test::NoneOf(_) => {}
            _ => wants_value = true,
        }
    }
    if wants_value && wants_none {
        reader.warn(
            node.span,
            "a property without a value meets none of the other tests",
            "the predicate never holds",
        );
    } else if low.0 > high.0 || (low.0 == high.0 && (low.1 || high.1)) {
        reader.warn(
            node.span,
            "no number meets this predicate",
            "the predicate never holds",
        );
    }
}

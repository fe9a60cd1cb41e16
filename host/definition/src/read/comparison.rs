//! CMP: what a count must be (COHORTS.md, "did").

use crate::clause::{Bound, Comparison, Condition};
use crate::diagnostic::Span;
use crate::interpreter::comparison_holds;
use crate::yaml::{Content, Node, Reader};

const KEYS: [&str; 7] = [
    "exactly",
    "not",
    "at_least",
    "more_than",
    "at_most",
    "less_than",
    "between",
];

/// A condition on how many events there are: whole numbers, none below 0.
pub(super) fn count(reader: &mut Reader<'_>, node: &Node) -> Option<Comparison> {
    if let Content::Number(_) = node.content {
        let conditions = vec![Condition::Exactly(Bound::Number(whole(reader, node)?))];
        return Some(Comparison { conditions });
    }
    let Content::Map(entries) = &node.content else {
        let help = match &node.content {
            Content::Text(text) if text.parse::<u32>().is_ok() => {
                "to make it a number, leave the quotes out"
            }
            _ => "write a number for exactly that many, or a map such as `{at_least: 3}`",
        };
        return reader.expected(node, "a count", help);
    };
    if entries.is_empty() {
        return reader.wrong(
            node.span,
            "this count says nothing",
            "write a number, or a map such as `{at_least: 3}`",
        );
    }
    let mut conditions = Vec::new();
    let mut complete = true;
    for entry in entries {
        let value = &entry.value;
        let read: Option<Vec<Condition>> =
            match &*entry.key {
                "exactly" => whole(reader, value)
                    .map(|number| vec![Condition::Exactly(Bound::Number(number))]),
                "not" => {
                    whole(reader, value).map(|number| vec![Condition::Not(Bound::Number(number))])
                }
                "at_least" => whole(reader, value)
                    .map(|number| vec![Condition::AtLeast(Bound::Number(number))]),
                "more_than" => whole(reader, value)
                    .map(|number| vec![Condition::MoreThan(Bound::Number(number))]),
                "at_most" => whole(reader, value)
                    .map(|number| vec![Condition::AtMost(Bound::Number(number))]),
                "less_than" => whole(reader, value)
                    .map(|number| vec![Condition::LessThan(Bound::Number(number))]),
                "between" => between(reader, value, whole).map(|(low, high)| {
                    vec![
                        Condition::AtLeast(Bound::Number(low)),
                        Condition::AtMost(Bound::Number(high)),
                    ]
                }),
                _ => {
                    reader.unknown_key(entry, "a count", &KEYS);
                    None
                }
            };
        complete &= read.is_some();
        conditions.extend(read.into_iter().flatten());
    }
    if !complete {
        return None;
    }
    let comparison = Comparison { conditions };
    warn_if_settled(reader, &comparison, node.span);
    Some(comparison)
}

fn whole(reader: &mut Reader<'_>, node: &Node) -> Option<f64> {
    if let Content::Map(entries) = &node.content
        && entries.iter().any(|entry| &*entry.key == "did")
    {
        let help = "this version compares with a number: `{at_least: 3}`";
        return reader.wrong(
            node.span,
            "comparing with another event is not supported yet",
            help,
        );
    }
    let number = reader.number(node, "a number")?;
    if number < 0.0 || number.fract() != 0.0 {
        let message = format!("no count is `{number}`");
        return reader.wrong(node.span, message, "a count is a whole number, 0 or more");
    }
    Some(number)
}

/// `[a, b]`, with both ends.
pub(super) fn between(
    reader: &mut Reader<'_>,
    node: &Node,
    number: fn(&mut Reader<'_>, &Node) -> Option<f64>,
) -> Option<(f64, f64)> {
    const WHAT: &str = "the lowest and the highest number";
    let Content::List(items) = &node.content else {
        return reader.expected(node, WHAT, "write both in a list: `[2, 5]`");
    };
    let [low, high] = items.as_slice() else {
        let message = format!("expected {WHAT}, found a list of {}", items.len());
        return reader.wrong(node.span, message, "write both in a list: `[2, 5]`");
    };
    let (low, high) = (number(reader, low), number(reader, high));
    let (low, high) = (low?, high?);
    if low > high {
        let message = format!("nothing is between {low} and {high}");
        return reader.wrong(
            node.span,
            message,
            format!("the lower number comes first: `[{high}, {low}]`"),
        );
    }
    Some((low, high))
}

/// A count that no number of events meets, or that every number meets, is a slip.
fn warn_if_settled(reader: &mut Reader<'_>, comparison: &Comparison, span: Span) {
    let holds = |count: f64| comparison_holds(comparison, count);
    // The answer can only change at a number that is named, or right after it.
    let named = comparison
        .conditions
        .iter()
        .filter_map(|condition| {
            condition
                .bound()
                .number()
                .map(|number| [number, number + 1.0])
        })
        .flatten();
    let answers: Vec<_> = std::iter::once(0.0).chain(named).map(holds).collect();
    if answers.iter().all(|holds| !holds) {
        reader.warn(
            span,
            "no number of events meets this count",
            "the clause never holds",
        );
    } else if answers.iter().all(|holds| *holds) {
        reader.warn(
            span,
            "every number of events meets this count",
            "the clause holds for everyone, also with no event",
        );
    }
}

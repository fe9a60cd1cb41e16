//! Reads CMP: conditions on a number (docs/cohorts.md, "did").

use muster_document::{Entry, Node, NodeContent, Span, YamlReader, names};

use crate::clause::{Bound, Comparison, Condition};

use super::clause::Clauses;
use super::key::{LanguageKey, LanguageKind, key};
use super::words::unknown_key;

/// The operators and the kinds of their values. The [`ComparisonKind`] narrows the numbers.
pub(crate) const TABLE: [LanguageKey; 7] = [
    key("exactly", LanguageKind::Number, "Equal to this."),
    key("not", LanguageKind::Number, "Not equal to this."),
    key("at_least", LanguageKind::Number, "At least this."),
    key("more_than", LanguageKind::Number, "Greater than this."),
    key("at_most", LanguageKind::Number, "At most this."),
    key("less_than", LanguageKind::Number, "Less than this."),
    key(
        "between",
        LanguageKind::Range,
        "From the first to the second, both included.",
    ),
];

pub(crate) const KEYS: [&str; 7] = names(&TABLE);

/// The quantity that is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ComparisonKind {
    /// The number of events, at least `least`: a whole number, or the number of another event.
    Times {
        /// 1 where only values count that an event carries.
        least: f64,
    },
    /// The number of something else: a whole number.
    Count(&'static str),
    /// Any number.
    Number,
}

impl Clauses<'_, '_> {
    /// Reads a number, which means exactly that many, or a map of conditions.
    pub(super) fn comparison(&mut self, node: &Node, kind: ComparisonKind) -> Option<Comparison> {
        let what = kind.what();
        if let NodeContent::Number(_) = node.content {
            let number = kind.number(self.reader, node)?;
            let comparison = Comparison {
                conditions: vec![Condition::Exactly(Bound::Number(number))],
            };
            self.warn_if_settled(&comparison, kind, node.span);
            return Some(comparison);
        }
        let NodeContent::Map(entries) = &node.content else {
            let help = match &node.content {
                NodeContent::Text(text) if text.parse::<f64>().is_ok() => {
                    "to make it a number, leave the quotes out"
                }
                _ => kind.example(),
            };
            return self.reader.expected(node, what, help);
        };
        if entries.is_empty() {
            let message = format!("this {} has no condition", kind.name());
            return self.reader.wrong(
                node.span,
                message,
                "write a number, or a map such as `{at_least: 3}`",
            );
        }
        if entries.iter().any(|entry| &*entry.key == "did") {
            let help = "for more often than another event write `times: {more_than: {did: …}}`";
            return self.reader.expected(node, what, help);
        }
        let read: Vec<_> = entries
            .iter()
            .map(|entry| self.condition(entry, kind))
            .collect();
        let conditions = read.into_iter().collect::<Option<Vec<_>>>()?.concat();
        let comparison = Comparison { conditions };
        self.warn_if_settled(&comparison, kind, node.span);
        Some(comparison)
    }

    fn condition(&mut self, entry: &Entry, kind: ComparisonKind) -> Option<Vec<Condition>> {
        let condition = match &*entry.key {
            "exactly" => Condition::Exactly,
            "not" => Condition::Not,
            "at_least" => Condition::AtLeast,
            "more_than" => Condition::MoreThan,
            "at_most" => Condition::AtMost,
            "less_than" => Condition::LessThan,
            "between" => {
                let number = |reader: &mut YamlReader<'_>, node: &Node| match &node.content {
                    NodeContent::Map(_) => reader.expected(
                        node,
                        "a number",
                        "another event is compared by `at_least` and `at_most`, not by `between`",
                    ),
                    _ => kind.number(reader, node),
                };
                let (low, high) = between(self.reader, &entry.value, number)?;
                let bound = Bound::Number;
                return Some(vec![
                    Condition::AtLeast(bound(low)),
                    Condition::AtMost(bound(high)),
                ]);
            }
            _ => {
                unknown_key(self.reader, entry, kind.what(), &KEYS);
                return None;
            }
        };
        self.bound(&entry.value, kind)
            .map(|bound| vec![condition(bound)])
    }

    /// Reads a number, or another event whose number is the bound.
    fn bound(&mut self, node: &Node, kind: ComparisonKind) -> Option<Bound> {
        if let NodeContent::Map(_) = node.content {
            return match kind {
                ComparisonKind::Times { .. } => self.step(node).map(Bound::Times),
                ComparisonKind::Count(_) | ComparisonKind::Number => self.reader.expected(
                    node,
                    "a number",
                    "only `times` is compared with another event",
                ),
            };
        }
        kind.number(self.reader, node).map(Bound::Number)
    }

    /// Warns of a condition that no number meets, or that every count meets: probably a mistake.
    fn warn_if_settled(&mut self, comparison: &Comparison, kind: ComparisonKind, span: Span) {
        // Only bounds that are numbers can contradict each other, for any count of another event.
        let alone: Vec<_> = comparison
            .conditions
            .iter()
            .filter_map(|condition| Some((condition, condition.bound().number()?)))
            .collect();
        let holds = |number: &f64| {
            alone
                .iter()
                .all(|(condition, bound)| condition.holds(*number, *bound))
        };
        let numbers = kind.decisive(alone.iter().map(|(_, bound)| *bound));
        let met = numbers.iter().filter(|number| holds(number)).count();
        if met == 0 {
            let (message, help) = (
                format!("no number{} meets this {}", kind.of_what(), kind.name()),
                "the clause never holds",
            );
            self.reader.warn(span, message, help);
        } else if met == numbers.len()
            && alone.len() == comparison.conditions.len()
            && kind != ComparisonKind::Number
            && !matches!(kind, ComparisonKind::Times { least } if least > 0.0)
        {
            let (message, help) = (
                format!("every number{} meets this {}", kind.of_what(), kind.name()),
                "the clause holds for every user, also for a user without events",
            );
            self.reader.warn(span, message, help);
        }
    }
}

impl ComparisonKind {
    fn what(self) -> &'static str {
        match self {
            Self::Times { .. } | Self::Count(_) => "a count",
            Self::Number => "a comparison",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Times { .. } | Self::Count(_) => "count",
            Self::Number => "comparison",
        }
    }

    fn of_what(self) -> String {
        match self {
            Self::Times { .. } => " of events".to_owned(),
            Self::Count(what) => format!(" of {what}"),
            Self::Number => String::new(),
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Times { .. } | Self::Count(_) => {
                "write a number for exactly that many, or a map such as `{at_least: 3}`"
            }
            Self::Number => "write a number for exactly that, or a map such as `{at_least: 100}`",
        }
    }

    fn number(self, reader: &mut YamlReader<'_>, node: &Node) -> Option<f64> {
        let number = reader.number(node, "a number")?;
        if self != Self::Number && (number < 0.0 || number.fract() != 0.0) {
            let message = format!("`{number}` is not a count");
            return reader.wrong(node.span, message, "a count is a whole number, 0 or more");
        }
        Some(number)
    }

    /// Returns numbers to try for some bounds: conditions on the bounds that hold together for any
    /// number hold together for one of these.
    fn decisive(self, bounds: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut bounds: Vec<f64> = bounds.collect();
        bounds.sort_by(f64::total_cmp);
        match self {
            // The answer can change only at one of the bounds, or right after it.
            Self::Times { .. } | Self::Count(_) => {
                let least = match self {
                    Self::Times { least } => least,
                    Self::Count(_) | Self::Number => 0.0,
                };
                let named = bounds.iter().flat_map(|bound| [*bound, bound + 1.0]);
                let all = std::iter::once(least).chain(named);
                all.filter(|number| *number >= least).collect()
            }
            Self::Number => {
                let between = bounds.windows(2).filter_map(|pair| match pair {
                    [low, high] => Some(low / 2.0 + high / 2.0),
                    _ => None,
                });
                let ends = [f64::NEG_INFINITY, f64::INFINITY];
                let inner: Vec<_> = between.chain(ends).collect();
                bounds.into_iter().chain(inner).collect()
            }
        }
    }
}

/// Reads `[a, b]`, both ends included.
pub(super) fn between(
    reader: &mut YamlReader<'_>,
    node: &Node,
    number: impl Fn(&mut YamlReader<'_>, &Node) -> Option<f64>,
) -> Option<(f64, f64)> {
    const WHAT: &str = "the lowest and the highest number";
    let NodeContent::List(items) = &node.content else {
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

//! Reads measures: conditions on the events in the window (docs/cohorts.md, "Measures").

use muster_document::{Diagnostic, Entry, Node, NodeContent, names};

use crate::clause::{
    Aggregate, Bound, Comparison, Condition, Measure, NumberOf, Start, Unit, Window,
};

use super::clause::Clauses;
use super::comparison::ComparisonKind;
use super::key::{LanguageKey, LanguageKind, key};
use super::window;

pub(crate) const TABLE: [LanguageKey; 15] = [
    key(
        "times",
        LanguageKind::Times,
        "The number of matching events.",
    ),
    key(
        "more_than",
        LanguageKind::Step,
        "More matching events than other events of this kind in the same window.",
    ),
    key(
        "sum_of",
        LanguageKind::Numbers,
        "The sum of the numeric values of event properties; without values it is 0.",
    ),
    key(
        "average_of",
        LanguageKind::Numbers,
        "The average of the numeric values of event properties; without values it does not hold.",
    ),
    key(
        "smallest",
        LanguageKind::Numbers,
        "The smallest numeric value of event properties; without values it does not hold.",
    ),
    key(
        "largest",
        LanguageKind::Numbers,
        "The largest numeric value of event properties; without values it does not hold.",
    ),
    key(
        "distinct",
        LanguageKind::Counts,
        "The number of different values of event properties.",
    ),
    key(
        "days",
        LanguageKind::Count,
        "The number of different calendar days with a matching event.",
    ),
    key(
        "weeks",
        LanguageKind::Count,
        "The number of different calendar weeks (ISO, from Monday) with a matching event.",
    ),
    key(
        "months",
        LanguageKind::Count,
        "The number of different calendar months with a matching event.",
    ),
    key(
        "each",
        LanguageKind::Each,
        "The count holds in every day, week or month of the calendar window.",
    ),
    key(
        "regularly",
        LanguageKind::Regularly,
        "The count holds in at least so many of the last spans that end now.",
    ),
    key(
        "nth",
        LanguageKind::Whole,
        "The nth matching event of all history (1 is the first) lies in the window.",
    ),
    key(
        "first",
        LanguageKind::Properties,
        "The first matching event in the window has these properties.",
    ),
    key(
        "last",
        LanguageKind::Properties,
        "The last matching event in the window has these properties.",
    ),
];

pub(crate) const KEYS: [&str; 15] = names(&TABLE);

impl Clauses<'_, '_> {
    /// Reads the measure of a clause. Without the keys of a measure, it is at least one event.
    /// `window` is `None` if the window is wrong.
    pub(super) fn measure(
        &mut self,
        entries: &[Entry],
        window: Option<&Window>,
    ) -> Option<Measure> {
        let mut measures = entries.iter().filter(|entry| KEYS.contains(&&*entry.key));
        let Some(entry) = measures.next() else {
            return Some(Measure::Times(Comparison::at_least(1.0)));
        };
        if let Some(second) = measures.next() {
            return self.two_measures(entry, second);
        }
        let node = &entry.value;
        let least = match entries.iter().any(|entry| &*entry.key == "per") {
            true => 1.0,
            false => 0.0,
        };
        match &*entry.key {
            "times" => self
                .comparison(node, ComparisonKind::Times { least })
                .map(Measure::Times),
            "more_than" => self.more_than(node),
            "sum_of" => self.numbers(entry, Aggregate::Sum),
            "average_of" => self.numbers(entry, Aggregate::Average),
            "smallest" => self.numbers(entry, Aggregate::Smallest),
            "largest" => self.numbers(entry, Aggregate::Largest),
            "distinct" => self
                .property_map("distinct", node, "{sku: {at_least: 3}}", |clauses, node| {
                    clauses.comparison(node, ComparisonKind::Count("values"))
                })
                .map(Measure::Distinct),
            "days" => self.units(node, Unit::Day, window),
            "weeks" => self.units(node, Unit::Week, window),
            "months" => self.units(node, Unit::Month, window),
            "each" => self.each(entry, entries, window),
            "regularly" => self.regularly(entry, entries),
            "nth" => self.nth(node, window),
            "first" => self.properties(entry).map(Measure::First),
            _ => self.properties(entry).map(Measure::Last),
        }
    }

    fn two_measures(&mut self, first: &Entry, second: &Entry) -> Option<Measure> {
        let source = self.reader.source();
        let error = Diagnostic::error(format!(
            "a clause has one measure, and this has `{}` and `{}`",
            first.key, second.key
        ))
        .at(source, second.key_span, "the second measure")
        .at(source, first.key_span, "the first measure");
        let help = match (&*first.key, &*second.key) {
            ("times", "regularly") | ("regularly", "times") => {
                "write the count of each span inside: `regularly: {every: 7 days, of_last: 4, at_least: 3, times: 2}`"
            }
            ("times", "each") | ("each", "times") => {
                "write the count of each unit inside: `each: {day: {at_least: 2}}`"
            }
            _ => "make two clauses of it, in a list under `all:`",
        };
        self.reader.report(error.help(help));
        None
    }

    fn more_than(&mut self, node: &Node) -> Option<Measure> {
        if let NodeContent::Number(number) = node.content {
            let help = format!("for a count write `times: {{more_than: {number}}}`");
            return self.reader.expected(node, "another event", &help);
        }
        let bound = self.step(node).map(Bound::Times)?;
        Some(Measure::Times(Comparison {
            conditions: vec![Condition::MoreThan(bound)],
        }))
    }

    fn numbers(&mut self, entry: &Entry, aggregate: Aggregate) -> Option<Measure> {
        let example = "{amount: {at_least: 100}}";
        let read = self.property_map(&entry.key, &entry.value, example, |clauses, node| {
            clauses.comparison(node, ComparisonKind::Number)
        })?;
        let numbers = read.into_iter().map(|(property, comparison)| NumberOf {
            aggregate,
            property,
            comparison,
        });
        Some(Measure::Number(numbers.collect()))
    }

    fn units(&mut self, node: &Node, unit: Unit, window: Option<&Window>) -> Option<Measure> {
        let comparison = self.comparison(node, ComparisonKind::Count(plural(unit)))?;
        if let Some(Window {
            start:
                Start::Calendar {
                    unit: of,
                    count,
                    zone: _,
                },
            end: _,
        }) = window
            && *of == unit
        {
            let reached = |number: u32| {
                comparison.conditions.iter().all(|condition| {
                    let bound = condition.bound().number();
                    bound.is_some_and(|bound| condition.holds(f64::from(number), bound))
                })
            };
            if !(0..=*count).any(reached) {
                self.reader.warn(
                    node.span,
                    format!("the window has only {count} calendar {}", plural(unit)),
                    "the clause never holds",
                );
            }
        }
        Some(Measure::Units(unit, self.zone.clone(), comparison))
    }

    fn nth(&mut self, node: &Node, window: Option<&Window>) -> Option<Measure> {
        let nth = self.whole(node, "the number of an event", "`nth: 1` is the first")?;
        if window == Some(&Window::EVER) {
            let help = format!(
                "add one of {}; without a window write `times: {{at_least: {nth}}}`",
                window::keys()
            );
            let message = "`nth` needs a window, and this clause has no window";
            self.reader.warn(node.span, message, help);
        }
        Some(Measure::Nth(nth))
    }

    /// Reads a whole number, 1 or more.
    pub(super) fn whole(&mut self, node: &Node, what: &str, help: &str) -> Option<u32> {
        let help = format!("write a whole number, 1 or more: {help}");
        let NodeContent::Number(number) = node.content else {
            return self.reader.expected(node, what, &help);
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number that fits"
        )]
        if number.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&number) {
            return Some(number as u32);
        }
        let message = format!("`{number}` is not {what}");
        self.reader.wrong(node.span, message, help)
    }
}

/// Returns the plural of a calendar unit.
pub(super) fn plural(unit: Unit) -> &'static str {
    match unit {
        Unit::Day => "days",
        Unit::Week => "weeks",
        Unit::Month => "months",
    }
}

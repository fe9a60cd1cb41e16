//! Reads `regularly` (docs/cohorts.md, "Measures"): a count that holds in most of the last spans.

use muster_document::{Diagnostic, Entry, Fields, Map, Node, NodeContent};

use crate::clause::{Comparison, Duration, Measure};
use crate::limits;

use super::clause::Clauses;
use super::comparison::ComparisonKind;
use super::key::{LanguageKind, key, needed_key};
use super::window;

pub(crate) static TABLE: Map<LanguageKind> = Map::new(
    "`regularly`",
    &[
        needed_key("every", LanguageKind::Duration, "The length of a span."),
        needed_key(
            "of_last",
            LanguageKind::Spans,
            "The number of spans that count.",
        ),
        needed_key(
            "at_least",
            LanguageKind::Spans,
            "The number of spans in which the count must hold.",
        ),
        key(
            "times",
            LanguageKind::Count,
            "The count of matching events in a span; at least one, if it is left out.",
        ),
    ],
);

const EXAMPLE: &str = "write `regularly: {every: 7 days, of_last: 4, at_least: 3}`";

impl Clauses<'_, '_> {
    pub(super) fn regularly(&mut self, entry: &Entry, entries: &[Entry]) -> Option<Measure> {
        let alone = self.without_window(entry, entries);
        let node = &entry.value;
        let NodeContent::Map(_) = node.content else {
            return self.reader.expected(
                node,
                "a map with `every`, `of_last` and `at_least`",
                EXAMPLE,
            );
        };
        let fields = self.reader.fields_of(node, &TABLE)?;
        let every = self.required(&fields, "every", Self::duration);
        let of_last = self.required(&fields, "of_last", |clauses, node| {
            clauses.whole(
                node,
                "a number of spans",
                "`of_last: 4` means the last four",
            )
        });
        let at_least = self.required(&fields, "at_least", |clauses, node| {
            let help = "`at_least: 3` means three of the spans";
            clauses.whole(node, "a number of spans", help)
        });
        let times = match fields.get("times") {
            Some(node) => self.comparison(node, ComparisonKind::Count("events")),
            None => Some(Comparison::at_least(1.0)),
        };
        let (every, of_last, at_least) = (every?, of_last?, at_least?);
        self.spans(&fields, every, of_last, at_least)?;
        alone.then_some(Measure::Regularly {
            every,
            of_last,
            at_least,
            times: times?,
        })
    }

    fn without_window(&mut self, regularly: &Entry, entries: &[Entry]) -> bool {
        let windows: Vec<_> = entries
            .iter()
            .filter(|entry| window::KEYS.contains(&&*entry.key))
            .collect();
        for entry in &windows {
            let source = self.reader.source();
            let message = format!(
                "`regularly` takes no window, and this clause has `{}`",
                entry.key
            );
            let error = Diagnostic::error(message)
                .at(source, entry.key_span, "")
                .at(source, regularly.key_span, "");
            self.reader.report(
                error.help("leave it out: the spans end now, and `of_last` is their number"),
            );
        }
        windows.is_empty()
    }

    fn required<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<T> {
        match fields.get(key) {
            Some(node) => read(self, node),
            None => self
                .reader
                .wrong(fields.span, format!("`{key}` is missing"), EXAMPLE),
        }
    }

    /// Checks that the spans are within the limit, and at least as many as must hold.
    fn spans(
        &mut self,
        fields: &Fields<'_>,
        every: Duration,
        of_last: u32,
        at_least: u32,
    ) -> Option<()> {
        let place = |key: &str| fields.get(key).map_or(fields.span, |node| node.span);
        if of_last > limits::SPANS {
            let message = format!("`of_last: {of_last}` is too many spans");
            let help = format!("at most {}", limits::SPANS);
            return self.reader.wrong(place("of_last"), message, help);
        }
        if u64::from(of_last).saturating_mul(every.millis()) > limits::DURATION_MS {
            let help = format!(
                "make them at most {} days (100 years) together",
                limits::DURATION_MS / 86_400_000
            );
            return self
                .reader
                .wrong(place("every"), "all spans together are too long", help);
        }
        if at_least > of_last {
            let message =
                format!("`at_least: {at_least}` is more than the {of_last} spans of `of_last`");
            let help = format!("write at most `at_least: {of_last}`, which means all spans");
            return self.reader.wrong(place("at_least"), message, help);
        }
        Some(())
    }
}

//! Reads windows: the range of time in which events lie (docs/cohorts.md, "Windows").

use muster_document::{Diagnostic, Entry, Node, Span, list, names};

use crate::clause::{Duration, End, Length, Start, Unit, Window};

use super::clause::Clauses;
use super::duration::{duration, length};
use super::instant::instant;
use super::key::{LanguageKey, LanguageKind, key};

pub(crate) const TABLE: [LanguageKey; 5] = [
    key(
        "in_last",
        LanguageKind::Length,
        "At most this length of time ago: `30 days` are 30 · 24 hours, `30 calendar days` begin with the day 29 days before today.",
    ),
    key(
        "before_last",
        LanguageKind::Duration,
        "At least this length of time ago.",
    ),
    key(
        "since",
        LanguageKind::Instant,
        "At this instant or later; a date is the start of its day.",
    ),
    key(
        "until",
        LanguageKind::Instant,
        "Earlier than this instant; a date is the start of its day.",
    ),
    key(
        "within_first",
        LanguageKind::Duration,
        "Earlier than the user's first event ever plus this length of time.",
    ),
];

pub(crate) const KEYS: [&str; 5] = names(&TABLE);

/// The keys of starts and those of ends. A clause has at most one of each group.
pub(crate) const GROUPS: [&[&str]; 2] = [
    &["in_last", "since", "within_first"],
    &["before_last", "until", "within_first"],
];

impl Clauses<'_, '_> {
    /// Reads the window of a clause. Without the keys of a window, it is all of history.
    pub(super) fn window(&mut self, entries: &[Entry]) -> Option<Window> {
        let start = self.beside(entries, "in_last", Self::start);
        let before_last = self.beside(entries, "before_last", Self::duration);
        let since = self.beside(entries, "since", Self::instant);
        let until = self.beside(entries, "until", Self::instant);
        let within_first = self.beside(entries, "within_first", Self::duration);
        let place = self.one_of_each_group(entries)?;
        let start = match (start?, since?) {
            (Some(start), _) => start,
            (None, Some(since)) => Start::At(since),
            (None, None) => Start::Ever,
        };
        let end = match (before_last?, until?, within_first?) {
            (Some(length), _, _) => End::Before(length),
            (_, Some(until), _) => End::At(until),
            (_, _, Some(length)) => End::WithinFirst(length),
            _ => End::Now,
        };
        let window = Window { start, end };
        if let (true, Some(place)) = (is_empty(&window), place) {
            self.reader.warn(
                place,
                "nothing lies in this window: it ends before it starts",
                "`in_last` must be longer than `before_last`, and `since` earlier than `until`",
            );
        }
        Some(window)
    }

    /// Reads `in_last`: the start of a window that ends now.
    pub(super) fn start(&mut self, node: &Node) -> Option<Start> {
        Some(match length(self.reader, node)? {
            Length::Rolling(length) => Start::Last(length),
            Length::Calendar(unit, count) => Start::Calendar {
                unit,
                count,
                zone: self.zone.clone(),
            },
        })
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        duration(self.reader, node)
    }

    pub(super) fn instant(&mut self, node: &Node) -> Option<muster_model::Millis> {
        instant(self.reader, self.zone, node)
    }

    /// Checks that no two window keys are of one group. Returns the place of the last value.
    fn one_of_each_group(&mut self, entries: &[Entry]) -> Option<Option<Span>> {
        let keys = entries.iter().filter(|entry| KEYS.contains(&&*entry.key));
        let keys: Vec<_> = keys.collect();
        for (at, second) in keys.iter().enumerate() {
            let apart = |first: &&&Entry| {
                let both =
                    |keys: &&[&str]| keys.contains(&&*first.key) && keys.contains(&&*second.key);
                GROUPS.iter().any(both)
            };
            let Some(first) = keys.iter().take(at).find(apart) else {
                continue;
            };
            let source = self.reader.source();
            let error = Diagnostic::error(format!(
                "a window has one start and one end, and this has `{}` and `{}`",
                first.key, second.key
            ))
            .at(source, second.key_span, "the second")
            .at(source, first.key_span, "the first");
            self.reader.report(error.help(
                "a window starts with `in_last` or `since` and ends with `before_last` or `until`; `within_first` stands alone",
            ));
            return None;
        }
        Some(keys.last().map(|entry| entry.value.span))
    }
}

/// Returns true if no instant can lie in a window, for any now.
fn is_empty(window: &Window) -> bool {
    match (&window.start, window.end) {
        (Start::Last(length), End::Before(before)) => before >= *length,
        (
            Start::Calendar {
                unit,
                count,
                zone: _,
            },
            End::Before(before),
        ) => before.millis() >= longest(*unit, *count),
        (Start::At(since), End::At(until)) => until <= *since,
        (Start::Ever | Start::At(_), End::Before(_))
        | (Start::Ever | Start::Last(_) | Start::Calendar { .. }, End::At(_))
        | (_, End::Now | End::WithinFirst(_)) => false,
    }
}

/// Returns a length that no calendar window exceeds, even if clocks change.
fn longest(unit: Unit, count: u32) -> u64 {
    const DAY: u64 = 86_400_000;
    let days = match unit {
        Unit::Day => 1,
        Unit::Week => 7,
        Unit::Month => 31,
    };
    (u64::from(count) * days + 1) * DAY
}

/// Lists the keys of a window as a choice, for a message.
pub(super) fn keys() -> String {
    list(&KEYS)
}

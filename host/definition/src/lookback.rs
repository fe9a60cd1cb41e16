//! The lookback of a clause: how far back it reads events, and so which events must be kept for a
//! right answer.

use crate::clause::visit::{Visit, walk_clause};
use crate::show::text;
use crate::{Clause, Did, Duration, Measure, Start, Unit, Window};

/// The clause that reads furthest back.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookback<'c> {
    /// The longest that its window can be, in ms; `None`: it reads all events, or all since a fixed
    /// instant.
    pub length: Option<u64>,
    /// The window as an author would write it; `None`: there is no length to write.
    pub window: Option<String>,
    /// The clause.
    pub clause: &'c Clause,
}

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Returns the part of a clause that reads events furthest back, or `None` if no part reads events.
/// The store keeps the first event's time and the history of user properties apart from events, so
/// they do not count.
///
/// ```
/// use muster_definition::{Body, lookback, parse};
/// use muster_document::SourceFile;
/// let text = "where:
///   all:
///     - {did: A, in_last: 7 days}
///     - {did: B, in_last: 30 days}
///     - {user: {city: Reno}}
/// ";
/// let definition = parse(&SourceFile::new("a.yaml", text))?;
/// let Body::Where(clause) = &definition.body else { unreachable!() };
/// assert_eq!(lookback(clause).and_then(|furthest| furthest.window).as_deref(), Some("30 days"));
/// # Ok::<(), muster_document::Diagnostics>(())
/// ```
#[must_use]
pub fn lookback(clause: &Clause) -> Option<Lookback<'_>> {
    let mut furthest = Furthest(None);
    furthest.visit_clause(clause);
    furthest.0
}

/// The clause that reads furthest back of those visited so far.
struct Furthest<'c>(Option<Lookback<'c>>);

impl<'c> Visit<'c> for Furthest<'c> {
    fn visit_clause(&mut self, clause: &'c Clause) {
        let (length, window) = match clause {
            Clause::Did(did) => of_did(did),
            Clause::DidInOrder(order) => of_window(&order.window),
            Clause::InAnyOrder(order) => of_window(&order.window),
            Clause::All(_)
            | Clause::Any(_)
            | Clause::Not(_)
            | Clause::Everyone
            | Clause::User(_)
            | Clause::FirstSeen(_)
            | Clause::Sample(_)
            | Clause::InCohort(_)
            | Clause::Listed(_) => return walk_clause(self, clause),
        };
        // Of equal clauses the first stays.
        let further = match self.0.as_ref().map(|furthest| furthest.length) {
            None => true,
            Some(None) => false,
            Some(Some(longest)) => length.is_none_or(|length| length > longest),
        };
        if further {
            self.0 = Some(Lookback {
                length,
                window,
                clause,
            });
        }
    }
}

fn of_did(did: &Did) -> (Option<u64>, Option<String>) {
    let (length, window) = of_measured(did);
    let Some(earlier) = earlier(did) else {
        return (None, None);
    };
    let length = length.map(|length| length.saturating_add(earlier));
    let window = window.map(|window| match earlier {
        0 => window,
        _ => format!(
            "{window} and {}",
            text::duration(Duration::from_millis(earlier))
        ),
    });
    (length, window)
}

/// Returns how much further back than the window the relations of a `did` read; `None`: there is no
/// bound.
fn earlier(did: &Did) -> Option<u64> {
    let before = did
        .relations
        .iter()
        .filter(|relation| relation.kind.is_before());
    before
        .map(|relation| relation.within.map(Duration::millis))
        .try_fold(0, |longest, within| Some(longest.max(within?)))
}

fn of_measured(did: &Did) -> (Option<u64>, Option<String>) {
    match &did.measure {
        // The nth of all events may lie in any window.
        Measure::Nth(_) => (None, None),
        Measure::Regularly {
            every,
            of_last,
            at_least: _,
            times: _,
        } => {
            let length = every.millis().saturating_mul((*of_last).into());
            (
                Some(length),
                Some(text::duration(Duration::from_millis(length))),
            )
        }
        Measure::Times(_)
        | Measure::Number(_)
        | Measure::Distinct(_)
        | Measure::Units(..)
        | Measure::Each(..)
        | Measure::First(_)
        | Measure::Last(_) => of_window(&did.window),
    }
}

fn of_window(window: &Window) -> (Option<u64>, Option<String>) {
    match &window.start {
        Start::Ever | Start::At(_) => (None, None),
        Start::Last(length) => (Some(length.millis()), Some(text::duration(*length))),
        Start::Calendar {
            unit,
            count,
            zone: _,
        } => {
            let units = u64::from(*count);
            let days = match unit {
                Unit::Day => units,
                Unit::Week => units.saturating_mul(7),
                // Twelve months in a row have at most 366 days, fewer months at most 31 days each.
                Unit::Month => (units / 12).saturating_mul(366) + units % 12 * 31,
            };
            // Clocks that were put back within the window add an hour; no zone puts them back
            // further.
            let length = days.saturating_mul(DAY_MS).saturating_add(HOUR_MS);
            (Some(length), Some(text::calendar(*unit, *count)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, parse};
    use muster_document::SourceFile;

    /// Returns the length in hours and the window of the clause that reads furthest back.
    fn furthest(clause: &str) -> Option<(Option<u64>, Option<String>)> {
        let source = SourceFile::new("a.yaml", &format!("where: {clause}"));
        let definition = parse(&source).unwrap();
        let Body::Where(clause) = &definition.body else {
            panic!("a clause")
        };
        let furthest = lookback(clause)?;
        Some((furthest.length.map(|ms| ms / HOUR_MS), furthest.window))
    }

    #[test]
    fn a_window_counts_with_its_longest_length() {
        let window = |hours, text: &str| Some((Some(hours), Some(text.to_owned())));
        for (clause, expected) in [
            ("{did: A, in_last: 36 hours}", window(36, "36 hours")),
            ("{did_not: A, in_last: 2 weeks}", window(336, "14 days")),
            (
                "{did: A, in_last: 1 calendar day}",
                window(25, "1 calendar day"),
            ),
            (
                "{did: A, in_last: 2 calendar weeks}",
                window(337, "2 calendar weeks"),
            ),
            (
                "{did: A, in_last: 3 calendar months}",
                window(93 * 24 + 1, "3 calendar months"),
            ),
            (
                "{did: A, in_last: 13 calendar months}",
                window(397 * 24 + 1, "13 calendar months"),
            ),
            (
                "{did: A, in_last: 30 days, before_last: 7 days}",
                window(720, "30 days"),
            ),
            (
                "{did: A, first: {p: 1}, in_last: 1 day}",
                window(24, "1 day"),
            ),
            (
                "{did: A, not_followed_by: {did: B, within: 9 days}, in_last: 1 day}",
                window(24, "1 day"),
            ),
            (
                "{did: A, preceded_by: {did: B, within: 2 hours}, in_last: 1 day}",
                window(26, "1 day and 2 hours"),
            ),
            (
                "{did_in_order: [A, B], in_last: 1 day, all_within: 9 days}",
                window(24, "1 day"),
            ),
            (
                "{did: A, regularly: {every: 1 week, of_last: 4, at_least: 3}}",
                window(672, "28 days"),
            ),
            (
                "{any: [{did: A, in_last: 1 day}, {not: {did: B, in_last: 3 days}}, {did: C, in_last: 2 days}]}",
                window(72, "3 days"),
            ),
        ] {
            assert_eq!(furthest(clause), expected, "{clause}");
        }
    }

    #[test]
    fn a_clause_without_a_bound_reads_all_events() {
        for clause in [
            "{did: A}",
            "{did_not: A}",
            "{did: A, before_last: 7 days}",
            "{did: A, within_first: 7 days}",
            "{did: A, since: 2026-01-01}",
            "{did: A, nth: 2, in_last: 1 day}",
            "{did: A, not_preceded_by: B, in_last: 1 day}",
            "{did_in_order: [A, B]}",
            "{all: [{did: A, in_last: 1 day}, {did: B}, {did: C, in_last: 1 day}]}",
        ] {
            assert_eq!(furthest(clause), Some((None, None)), "{clause}");
        }
    }

    #[test]
    fn a_clause_that_reads_no_events_has_no_lookback() {
        for clause in [
            "{everyone: true}",
            "{user: {city: Reno}}",
            "{first_seen: {in_last: 30 days}}",
            "{sample: {percent: 10}}",
            "{not: {user: {city: Reno}}}",
        ] {
            assert_eq!(furthest(clause), None, "{clause}");
        }
    }
}

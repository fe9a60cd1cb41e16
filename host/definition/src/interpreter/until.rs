//! Later instants at which an answer can change by the clock alone.
//!
//! An answer compares now with instants of the history plus a length of time of the clause, with
//! instants in properties, and with starts of calendar units. The answer can change only at such
//! instants; the caller tries them all.

use std::collections::BTreeSet;

use muster_model::{Millis, UserHistory, Value};

use super::moment::after;
use super::{calendar, instant};
use crate::clause::visit::{Visit, walk_did, walk_test, walk_when};
use crate::{
    Clause, Did, Duration, End, InstantTest, Measure, Start, Test, TimeZoneName, Unit, When,
};

/// Returns the history up to an instant, so that nothing new happens after it.
pub(super) fn up_to(history: &UserHistory, now: Millis) -> UserHistory {
    let mut past = history.clone();
    past.events.retain(|event| event.time <= now);
    for changes in past.properties.values_mut() {
        changes.retain(|(at, _)| *at <= now);
    }
    past
}

/// Returns all instants later than now at which the answer of a clause may change, ascending.
pub(super) fn instants(clause: &Clause, past: &UserHistory, now: Millis) -> BTreeSet<Millis> {
    let mut clocks = Clocks::default();
    clocks.visit_clause(clause);
    let times = happened(past);
    let mut instants = BTreeSet::new();
    for at in &times {
        instants.extend(clocks.lengths.iter().map(|length| after(*at, *length)));
    }
    // An instant in a property may lie in the future: now will reach it.
    for test in &clocks.instants {
        let held = values(past).filter_map(|value| instant::instant(test, value));
        instants.extend(held.flat_map(|at| instant::changes(test, at)));
    }
    for calendar in &clocks.calendars {
        instants.extend(calendar.starts(&times, now));
    }
    // No clock shows an instant later than the latest one.
    instants.retain(|at| now < *at && *at <= Millis::MAX);
    instants
}

/// Returns the instants of all events and changes.
fn happened(past: &UserHistory) -> BTreeSet<Millis> {
    let events = past.events.iter().map(|event| event.time);
    let changes = past.properties.values().flatten().map(|(at, _)| *at);
    events.chain(changes).collect()
}

/// Returns the values of properties, those of events and those of the user.
fn values(past: &UserHistory) -> impl Iterator<Item = &Value> {
    let events = past
        .events
        .iter()
        .flat_map(|event| event.properties.values());
    let changes = past.properties.values().flatten();
    events.chain(changes.filter_map(|(_, value)| value.as_ref()))
}

/// The lengths of time, the calendar windows and the tests of instants that a clause contains.
#[derive(Default)]
struct Clocks<'c> {
    instants: Vec<&'c InstantTest>,
    lengths: BTreeSet<Duration>,
    calendars: Vec<CalendarWindow>,
    /// The unit of `each` in the `did` that is visited.
    each: Option<Unit>,
}

/// A calendar window of `count` units; `step` is the smallest unit that is read in it.
struct CalendarWindow {
    step: Unit,
    unit: Unit,
    count: u32,
    zone: TimeZoneName,
}

impl CalendarWindow {
    /// Returns the starts of units, from now until all events and changes have left the window.
    /// After that nothing changes: the window has only empty units.
    fn starts(&self, times: &BTreeSet<Millis>, now: Millis) -> Vec<Millis> {
        let mut starts = Vec::new();
        let Some(last) = times.last() else {
            return starts;
        };
        let mut at = now;
        let window = |at| calendar::start(self.unit, &self.zone, at, 1 - i64::from(self.count));
        while window(at) <= *last && at < Millis::MAX {
            at = calendar::start(self.step, &self.zone, at, 1);
            starts.push(at);
        }
        starts
    }
}

impl<'c> Visit<'c> for Clocks<'c> {
    fn visit_did(&mut self, did: &'c Did) {
        match &did.measure {
            Measure::Each(unit, _) => self.each = Some(*unit),
            Measure::Regularly {
                every,
                of_last,
                at_least: _,
                times: _,
            } => {
                let ends = (1..=u64::from(*of_last)).map(|k| every.millis().saturating_mul(k));
                self.lengths.extend(ends.map(Duration::from_millis));
            }
            // The units of events do not move.
            Measure::Times(_)
            | Measure::Number(_)
            | Measure::Distinct(_)
            | Measure::Units(..)
            | Measure::Nth(_)
            | Measure::First(_)
            | Measure::Last(_) => {}
        }
        walk_did(self, did);
        self.each = None;
    }

    fn visit_when(&mut self, when: &'c When) {
        match when {
            When::Now | When::Ever | When::During(_) => {}
            When::HeldFor(length) => drop(self.lengths.insert(*length)),
        }
        walk_when(self, when);
    }

    fn visit_start(&mut self, start: &'c Start) {
        match start {
            Start::Last(length) => drop(self.lengths.insert(*length)),
            Start::Calendar { unit, count, zone } => self.calendars.push(CalendarWindow {
                step: self.each.unwrap_or(*unit),
                unit: *unit,
                count: *count,
                zone: zone.clone(),
            }),
            Start::Ever | Start::At(_) => {}
        }
    }

    fn visit_end(&mut self, end: &'c End) {
        match end {
            End::Before(length) => drop(self.lengths.insert(*length)),
            // Events within the first days stay there, and so do events before an instant.
            End::Now | End::At(_) | End::WithinFirst(_) => {}
        }
    }

    fn visit_test(&mut self, test: &'c Test) {
        match test {
            Test::Instant(test) => self.instants.push(test),
            Test::AnyOf(_)
            | Test::NoneOf(_)
            | Test::Fits(_)
            | Test::FitsNot(_)
            | Test::AtLeast(_)
            | Test::MoreThan(_)
            | Test::AtMost(_)
            | Test::LessThan(_)
            | Test::Version(_)
            | Test::CountOf(_)
            | Test::Set(_)
            | Test::SameAs(_) => {}
        }
        walk_test(self, test);
    }
}

//! Later instants at which an answer can change by the clock alone.
//!
//! An answer compares now with two kinds of instants. One is an instant of the history plus a
//! length of time of the clause, the other is the start of a calendar unit. The answer can change
//! only at such instants; the caller tries them all.

use std::collections::BTreeSet;

use muster_model::{Millis, UserHistory, Value};

use super::calendar;
use super::moment::after;
use crate::{
    Bound, Clause, Comparison, Did, DidInOrder, Duration, End, Measure, Properties, Start, Step,
    Test, TimeZoneName, Unit, UserClause, When, Window,
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
    clocks.of_clause(clause);
    let times = happened(past);
    let mut instants = BTreeSet::new();
    for at in times.iter().chain(&observed(past)) {
        // An instant in a property may lie in the future: now will reach it.
        instants.insert(*at);
        instants.extend(clocks.lengths.iter().map(|length| after(*at, *length)));
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

/// Returns the instants that properties contain, those of events and those of the user.
fn observed(past: &UserHistory) -> BTreeSet<Millis> {
    let events = past
        .events
        .iter()
        .flat_map(|event| event.properties.values());
    let changes = past.properties.values().flatten();
    let values = events.chain(changes.filter_map(|(_, value)| value.as_ref()));
    values.filter_map(Value::as_instant).collect()
}

/// The lengths of time and the calendar windows that a clause contains.
#[derive(Default)]
struct Clocks {
    lengths: BTreeSet<Duration>,
    calendars: Vec<CalendarWindow>,
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

impl Clocks {
    fn of_clause(&mut self, clause: &Clause) {
        match clause {
            Clause::All(clauses) | Clause::Any(clauses) => {
                clauses.iter().for_each(|clause| self.of_clause(clause));
            }
            Clause::Not(clause) => self.of_clause(clause),
            Clause::Did(did) => self.of_did(did),
            Clause::DidInOrder(order) => self.of_order(order),
            Clause::User(user) => self.of_user(user),
            Clause::FirstSeen(window) => self.of_window(window, None),
            Clause::Everyone | Clause::Sample(_) | Clause::InCohort(_) | Clause::Listed(_) => {}
        }
    }

    fn of_did(&mut self, did: &Did) {
        self.of_step(&did.step);
        let mut each = None;
        match &did.measure {
            Measure::Times(Comparison { conditions }) => {
                for condition in conditions {
                    if let Bound::Times(step) = condition.bound() {
                        self.of_step(step);
                    }
                }
            }
            Measure::Each(unit, _) => each = Some(*unit),
            Measure::Regularly { every, of_last, .. } => {
                let ends = (1..=u64::from(*of_last)).map(|k| every.millis().saturating_mul(k));
                self.lengths.extend(ends.map(Duration::from_millis));
            }
            Measure::First(properties) | Measure::Last(properties) => {
                self.of_properties(properties);
            }
            // The units of events do not move.
            Measure::Number(_) | Measure::Distinct(_) | Measure::Units(..) | Measure::Nth(_) => {}
        }
        self.of_window(&did.window, each);
    }

    fn of_order(&mut self, order: &DidInOrder) {
        let steps = order.steps.iter().chain(&order.without);
        steps.for_each(|step| self.of_step(step));
        self.of_window(&order.window, None);
    }

    fn of_user(&mut self, user: &UserClause) {
        self.of_properties(&user.properties);
        match &user.when {
            When::Now | When::Ever => {}
            When::During(start) => self.of_start(start, None),
            When::HeldFor(length) => {
                self.lengths.insert(*length);
            }
        }
    }

    fn of_window(&mut self, window: &Window, each: Option<Unit>) {
        self.of_start(&window.start, each);
        match window.end {
            End::Before(length) => {
                self.lengths.insert(length);
            }
            // Events within the first days stay there, and so do events before an instant.
            End::Now | End::At(_) | End::WithinFirst(_) => {}
        }
    }

    fn of_start(&mut self, start: &Start, each: Option<Unit>) {
        match start {
            Start::Last(length) => {
                self.lengths.insert(*length);
            }
            Start::Calendar { unit, count, zone } => self.calendars.push(CalendarWindow {
                step: each.unwrap_or(*unit),
                unit: *unit,
                count: *count,
                zone: zone.clone(),
            }),
            Start::Ever | Start::At(_) => {}
        }
    }

    fn of_step(&mut self, step: &Step) {
        self.of_properties(&step.with);
        let any = step.with_any.iter();
        any.for_each(|properties| self.of_properties(properties));
    }

    fn of_properties(&mut self, properties: &Properties) {
        for test in properties
            .iter()
            .flat_map(|(_, predicate)| &predicate.tests)
        {
            if let Test::InLast(length) | Test::BeforeLast(length) = test {
                self.lengths.insert(*length);
            }
        }
    }
}

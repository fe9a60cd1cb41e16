//! Tests of instants that properties hold (docs/cohorts.md, "Predicates").

use muster_model::{Millis, Value};

use super::calendar;
use super::moment::{after, before};
use crate::{InstantBound, InstantTest, Length};

/// Returns the instant that a value means to a test, if it means one.
pub(super) fn instant(test: &InstantTest, value: &Value) -> Option<Millis> {
    value.as_instant(test.zone.as_str())
}

/// Returns true if an instant lies within the bounds of a test.
pub(super) fn holds(test: &InstantTest, at: Millis, now: Millis) -> bool {
    let in_last = |length| at <= now && now < passed(test, at, length);
    let in_next = |length| now < at && reached(test, at, length) <= now;
    match test.bound {
        InstantBound::Before(bound) => at < bound,
        InstantBound::After(bound) => at > bound,
        InstantBound::InLast(length) => in_last(length),
        InstantBound::InNext(length) => in_next(length),
        InstantBound::Around(last, next) => in_last(last) || in_next(next),
        InstantBound::BeforeLast(length) => passed(test, at, length) <= now,
    }
}

/// Returns the instants at which the answer of a test for an instant can change.
pub(super) fn changes(test: &InstantTest, at: Millis) -> Vec<Millis> {
    match test.bound {
        InstantBound::Before(_) | InstantBound::After(_) => Vec::new(),
        InstantBound::InLast(length) => vec![at, passed(test, at, length)],
        InstantBound::InNext(length) => vec![reached(test, at, length), at],
        InstantBound::Around(last, next) => {
            vec![reached(test, at, next), passed(test, at, last)]
        }
        InstantBound::BeforeLast(length) => vec![passed(test, at, length)],
    }
}

/// Returns the instant from which the length has passed since `at`: `at` + the length, or the start
/// of the calendar unit that comes `count` units after that of `at`.
fn passed(test: &InstantTest, at: Millis, length: Length) -> Millis {
    match length {
        Length::Rolling(length) => after(at, length),
        Length::Calendar(unit, count) => calendar::start(unit, &test.zone, at, count.into()),
    }
}

/// Returns the instant from which `at` comes within the length: `at` − the length, or the start of
/// the calendar unit that is the first of `count` units up to that of `at`.
fn reached(test: &InstantTest, at: Millis, length: Length) -> Millis {
    match length {
        Length::Rolling(length) => before(at, length),
        Length::Calendar(unit, count) => {
            calendar::start(unit, &test.zone, at, 1 - i64::from(count))
        }
    }
}

//! User properties, now and in their history (docs/cohorts.md, "user").

use muster_model::{Millis, Value};

use super::calendar;
use super::moment::Moment;
use super::predicate::{predicate_holds, properties_hold};
use crate::{Duration, Predicate, Start, UserClause, When};

/// A value that a property had from one instant to another. `to` is the next change; `None`: the
/// value is the current one.
pub(super) struct HeldValue<'h> {
    pub(super) from: Millis,
    pub(super) to: Option<Millis>,
    pub(super) value: Option<&'h Value>,
}

pub(super) fn holds(user: &UserClause, moment: Moment<'_>) -> bool {
    let each = |holds: &dyn Fn(&str, &Predicate) -> bool| {
        let mut properties = user.properties.iter();
        properties.all(|(name, predicate)| holds(name, predicate))
    };
    match &user.when {
        When::Now => properties_hold(&user.properties, moment, |name| moment.property(name)),
        When::Ever => {
            each(&|name, predicate| held_since(name, predicate, Millis(i64::MIN), moment))
        }
        When::During(start) => {
            let start = match start {
                Start::Ever => Millis(i64::MIN),
                // The value that the property had at now − W counts.
                Start::Last(length) => moment.ago(*length),
                Start::Calendar { unit, count, zone } => {
                    calendar::start(*unit, zone, moment.now, 1 - i64::from(*count))
                }
                Start::At(since) => *since,
            };
            each(&|name, predicate| held_since(name, predicate, start, moment))
        }
        When::HeldFor(length) => {
            each(&|name, predicate| held_for(name, predicate, *length, moment))
        }
    }
}

/// Returns true if a value that the property had at `start` or later satisfies the predicate.
fn held_since(name: &str, predicate: &Predicate, start: Millis, moment: Moment<'_>) -> bool {
    let within = |state: &&HeldValue<'_>| state.to.is_none_or(|to| to > start);
    let states = states(name, moment);
    let mut states = states.iter().filter(within);
    states.any(|state| predicate_holds(predicate, state.value, moment))
}

/// Returns true if the property satisfies the predicate now, and has done so without a break for a
/// length of time.
fn held_for(name: &str, predicate: &Predicate, length: Duration, moment: Moment<'_>) -> bool {
    let nothing = HeldValue {
        from: Millis(i64::MIN),
        to: None,
        value: None,
    };
    // Before its first change a property has no value.
    let mut states = states(name, moment);
    states.insert(0, nothing);
    let holding = states
        .iter()
        .rev()
        .take_while(|state| predicate_holds(predicate, state.value, moment));
    holding
        .last()
        .is_some_and(|first| first.from <= moment.ago(length))
}

/// Returns the values of a property from each change to the next, the earliest first. Of several
/// changes at one instant only the last counts.
pub(super) fn states<'h>(name: &str, moment: Moment<'h>) -> Vec<HeldValue<'h>> {
    let mut states: Vec<HeldValue<'h>> = Vec::new();
    let changes = moment.history.properties.get(name).into_iter().flatten();
    for (at, value) in changes.filter(|(at, _)| *at <= moment.now) {
        if let Some(before) = states.pop_if(|before| before.from < *at) {
            states.push(HeldValue {
                to: Some(*at),
                ..before
            });
        } else {
            states.pop();
        }
        states.push(HeldValue {
            from: *at,
            to: None,
            value: value.as_ref(),
        });
    }
    states
}

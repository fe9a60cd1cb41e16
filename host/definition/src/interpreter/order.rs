//! Steps in time order (docs/cohorts.md, "did_in_order").

use std::collections::BTreeSet;

use muster_model::Event;

use super::moment::{Moment, after};
use super::step;
use crate::{DidInOrder, Duration};

/// Returns true if at least one choice of events fits.
pub(super) fn holds(order: &DidInOrder, moment: Moment<'_>) -> bool {
    found(order, moment).is_some()
}

/// Returns the first and the last event of a choice that fits. With `same:`, all its events carry
/// one value.
pub(super) fn found<'h>(order: &DidInOrder, moment: Moment<'h>) -> Option<(&'h Event, &'h Event)> {
    let events: Vec<_> = moment.events().collect();
    let Some(property) = &order.same else {
        return fit(order, moment, &events);
    };
    let values: BTreeSet<_> = events
        .iter()
        .flat_map(|event| step::carried(event, property))
        .collect();
    values.iter().find_map(|value| {
        let mut events = events.clone();
        events.retain(|event| step::carried(event, property).contains(value));
        fit(order, moment, &events)
    })
}

/// Returns the first and the last event of a choice that fits.
///
/// With the first event given, each other step depends only on the step before it. So it is enough
/// to find, step by step, all events that the step can take.
fn fit<'h>(
    order: &DidInOrder,
    moment: Moment<'h>,
    events: &[&'h Event],
) -> Option<(&'h Event, &'h Event)> {
    let span = moment.resolve(&order.window);
    let takes =
        |event: &Event, step| span.contains(event.time) && step::matches(step, event, moment);
    let (start, others) = order.steps.split_first()?;
    for first in events.iter().filter(|event| takes(event, start)) {
        let mut reached = vec![*first];
        for step in others {
            // The event differs from the event before it, and happens at the same instant or later.
            let follows = |event: &Event, before: &Event| {
                !std::ptr::eq(event, before)
                    && event.time >= before.time
                    && within(before, event, order.each_within)
                    && within(first, event, order.all_within)
            };
            let can_take = |event: &&&Event| {
                takes(event, step) && reached.iter().any(|before| follows(event, before))
            };
            reached = events.iter().filter(can_take).copied().collect();
        }
        let undisturbed = |last: &&&Event| {
            let between = |event: &&&Event| first.time < event.time && event.time < last.time;
            let mut disturbing = events.iter().filter(between);
            let without = order.without.as_ref();
            !without.is_some_and(|step| disturbing.any(|event| step::matches(step, event, moment)))
        };
        if let Some(last) = reached.iter().find(undisturbed) {
            return Some((first, last));
        }
    }
    None
}

/// Returns true if an event lies at most a length of time after another.
fn within(earlier: &Event, later: &Event, length: Option<Duration>) -> bool {
    length.is_none_or(|length| later.time <= after(earlier.time, length))
}

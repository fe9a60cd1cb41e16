//! Steps in any order (docs/cohorts.md, "in_any_order").

use muster_model::Event;

use super::different::all_differ;
use super::moment::{Moment, after};
use super::order::of_one_value;
use super::step;
use crate::{InAnyOrder, Step};

/// Returns true if at least one choice of events fits.
pub(super) fn holds(order: &InAnyOrder, moment: Moment<'_>) -> bool {
    found(order, moment).is_some()
}

/// Returns the events of a span of time in which each step can take another event.
pub(super) fn found<'h>(order: &InAnyOrder, moment: Moment<'h>) -> Option<Vec<&'h Event>> {
    let span = moment.resolve(&order.window);
    of_one_value(order.same.as_deref(), moment, |events| {
        let takes = |event: &Event, step: &Step| step::matches(step, event, moment);
        let mut events = events.to_vec();
        events.retain(|event| {
            span.contains(event.time) && order.steps.iter().any(|step| takes(event, step))
        });
        events.iter().find_map(|first| {
            let in_time = |event: &&&Event| {
                let in_time = |length| event.time <= after(first.time, length);
                first.time <= event.time && order.all_within.is_none_or(in_time)
            };
            let near: Vec<_> = events.iter().filter(in_time).copied().collect();
            all_differ(&order.steps, &near, takes).then_some(near)
        })
    })
}

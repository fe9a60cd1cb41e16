//! Relations of an event to the events before and after it (docs/cohorts.md, "Events before and
//! after").

use muster_model::Event;

use super::moment::{Moment, after};
use super::step;
use crate::Relation;

/// Returns true if all relations hold for an event.
pub(super) fn all_hold(relations: &[Relation], event: &Event, moment: Moment<'_>) -> bool {
    relations
        .iter()
        .all(|relation| holds(relation, event, moment))
}

/// Returns true if there is another event as the relation says, or if there is none and must be
/// none.
pub(super) fn holds(relation: &Relation, event: &Event, moment: Moment<'_>) -> bool {
    other(relation, event, moment).is_some() == relation.kind.is_wanted()
}

/// Returns the other event that is nearest to an event.
pub(super) fn other<'h>(
    relation: &Relation,
    event: &Event,
    moment: Moment<'h>,
) -> Option<&'h Event> {
    let fits = |other: &&Event| {
        let (earlier, later) = match relation.kind.is_before() {
            true => (*other, event),
            false => (event, *other),
        };
        let shares = |property: &str| {
            let carried = step::carried(event, property);
            !carried.is_disjoint(&step::carried(other, property))
        };
        !std::ptr::eq(*other, event)
            && earlier.time <= later.time
            && relation
                .within
                .is_none_or(|within| later.time <= after(earlier.time, within))
            && relation.same.as_deref().is_none_or(shares)
            && step::matches(&relation.step, other, moment)
    };
    let others = moment.events().filter(fits);
    others.min_by_key(|other| other.time.0.abs_diff(event.time.0))
}

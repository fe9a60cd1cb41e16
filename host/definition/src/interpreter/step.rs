//! The match of events with a step (docs/cohorts.md, "did").

use std::collections::BTreeSet;

use muster_model::{Event, Value};

use super::moment::Moment;
use super::predicate::properties_hold;
use crate::Step;

/// Returns true if an event has one of the names and satisfies all of `with`. If there are
/// alternatives in `with_any`, the event must satisfy at least one of them too. The user properties
/// of `with_user` count with their values at the instant of the event.
pub(super) fn matches(step: &Step, event: &Event, moment: Moment<'_>) -> bool {
    let named = step.names.iter().any(|name| name.matches(&event.name));
    let holds = |properties| properties_hold(properties, moment, |name| event.properties.get(name));
    let mut any = step.with_any.iter();
    let of_user = properties_hold(&step.with_user, moment, |name| {
        moment.property_at(name, event.time)
    });
    named && holds(&step.with) && (step.with_any.is_empty() || any.any(holds)) && of_user
}

/// Returns the canonical texts that an event carries in a property: none, one, or those of a list.
pub(super) fn carried(event: &Event, property: &str) -> BTreeSet<String> {
    let value = event.properties.get(property);
    let scalars = value.into_iter().flat_map(Value::scalars);
    scalars
        .map(|scalar| scalar.canonical_text().into_owned())
        .collect()
}

//! Decides which events are accepted: an event with a name that the store does not accept is
//! malformed, and an id that stands for no user is none.

use std::collections::HashSet;

use muster_model::Operator;
use muster_store::{Store, StoreError};

use super::LineError;
use super::event_builder::EventBuilder;
use super::event_error::EventError;
use super::placeholder::is_placeholder;

/// A check of names of events and properties. Each event type is checked once for many events.
pub(crate) struct Admission<'s> {
    /// The store that accepts names; without one, every name is accepted.
    store: Option<&'s Store>,
    /// Event types that the store accepted.
    admitted: HashSet<Box<str>>,
    /// Flags that event properties, and operations on user properties, have to be checked. Each is
    /// set if the store has as many names of that kind as it may have.
    full: (bool, bool),
    /// Set if ids that stand for no user are ids.
    placeholder_ids: bool,
}

/// The context in which events are decoded.
#[derive(Clone, Copy, Default)]
pub struct DecodeContext<'s> {
    /// The store that the events are for: a line with a name that the store does not accept is
    /// malformed. Without a store all names are accepted.
    pub store: Option<&'s Store>,
    /// Keeps user ids that stand for no user, such as `null` and `undefined`. Otherwise the events
    /// of such a user count as anonymous.
    pub placeholder_ids: bool,
}

impl<'s> Admission<'s> {
    pub(crate) fn new(context: &DecodeContext<'s>) -> Self {
        let store = context.store;
        Self {
            store,
            placeholder_ids: context.placeholder_ids,
            admitted: HashSet::new(),
            full: store.map_or((false, false), Store::properties_full),
        }
    }

    /// Returns true for an id of a user or a device, and false for a text that stands for none.
    pub(super) fn admits_id(&self, id: &str) -> bool {
        self.placeholder_ids || !is_placeholder(id)
    }

    /// Checks all names of an event that is otherwise right. `event` is its type, if it is an
    /// event.
    pub(super) fn admit(
        &mut self,
        builder: &EventBuilder<'_>,
        event: Option<&str>,
    ) -> Result<(), EventError> {
        let Some(store) = self.store else {
            return Ok(());
        };
        let (properties, operations) = self.full;
        if properties || operations {
            for (operator, name) in builder.names() {
                match operator {
                    None if properties && event.is_some() => store
                        .admit_property(name)
                        .map_err(|error| refused("event_properties", &error))?,
                    // `$clearAll` names no property, so it is always accepted.
                    Some(Operator::ClearAll) => {}
                    Some(operator) if operations => store
                        .admit_user_property(operator, name)
                        .map_err(|error| refused("user_properties", &error))?,
                    _ => {}
                }
            }
        }
        // The event type is checked last, because the store then gives it a number.
        if let Some(name) = event
            && !self.admitted.contains(name)
        {
            let admitted = store.admit_event_name(name);
            admitted.map_err(|error| refused("event_type", &error))?;
            self.admitted.insert(name.into());
        }
        Ok(())
    }
}

fn refused(field: &'static str, error: &StoreError) -> EventError {
    EventError {
        field,
        missing: false,
        reason: LineError(error.to_string()),
    }
}

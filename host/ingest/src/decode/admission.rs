//! Names at the door: an event with a name that the store does not take is malformed.

use std::collections::HashSet;

use muster_model::Operator;
use muster_store::{Store, StoreError};

use super::LineError;
use super::event::EventError;
use super::event_builder::EventBuilder;

/// Asks the store for the names of events, of many events each name once.
pub(crate) struct Admission<'s> {
    /// `None`: any name is taken.
    store: Option<&'s Store>,
    /// Event types that it takes.
    admitted: HashSet<Box<str>>,
    /// Whether event properties, and operations on user properties, have to be asked for.
    full: (bool, bool),
}

impl<'s> Admission<'s> {
    pub(crate) fn new(store: Option<&'s Store>) -> Self {
        Self {
            store,
            admitted: HashSet::new(),
            full: store.map_or((false, false), Store::properties_full),
        }
    }

    /// Asks for all names of an event that is right otherwise. `event`: its type, if it is one.
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
                    // There is always room to clear all: it names no property.
                    Some(Operator::ClearAll) => {}
                    Some(operator) if operations => store
                        .admit_user_property(operator, name)
                        .map_err(|error| refused("user_properties", &error))?,
                    _ => {}
                }
            }
        }
        // Last, because it gives the name a number.
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

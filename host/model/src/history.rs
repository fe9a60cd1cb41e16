//! One user's history, row by row: what the plain interpreter reads and `explain` shows. The engine reads columns instead.

use std::collections::BTreeMap;

use crate::{Millis, Value};

/// Something the user did.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event type.
    pub name: Box<str>,
    /// When it happened.
    pub time: Millis,
    /// The event properties that hold a value.
    pub properties: BTreeMap<Box<str>, Value>,
}

/// All that is known of one user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserHistory {
    /// By time; at one instant in order of arrival.
    pub events: Vec<Event>,
    /// Per user property its changes by time: from that instant on it holds the value (`None`: nothing).
    pub properties: BTreeMap<Box<str>, Vec<(Millis, Option<Value>)>>,
}

impl UserHistory {
    /// What a user property holds at an instant.
    #[must_use]
    pub fn property(&self, name: &str, at: Millis) -> Option<&Value> {
        self.properties
            .get(name)?
            .iter()
            .take_while(|(since, _)| *since <= at)
            .last()?
            .1
            .as_ref()
    }
}

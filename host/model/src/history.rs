//! One user's history, row by row. The interpreter reads it and `explain` shows it; the engine
//! reads columns instead.

use std::collections::{BTreeMap, BTreeSet};

use crate::{CohortId, Millis, Value};

/// An event of the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event type.
    pub name: Box<str>,
    /// The instant of the event.
    pub time: Millis,
    /// The event properties that hold a value.
    pub properties: BTreeMap<Box<str>, Value>,
}

/// Everything that is known of one user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserHistory {
    /// The events in order of time. Events at one instant are in order of name (its bytes), then of
    /// arrival.
    pub events: Vec<Event>,
    /// The changes of each user property in order of time. From each instant on the property holds
    /// that value (`None`: no value).
    pub properties: BTreeMap<Box<str>, Vec<(Millis, Option<Value>)>>,
    /// [`user_hash`] of the user's id, for `sample`.
    pub hash: u64,
    /// The static lists that contain the user.
    pub lists: BTreeSet<CohortId>,
}

/// Returns the contract's `user-hash` of a user id. It is stable, uniform, and the same on every
/// machine.
#[must_use]
pub fn user_hash(user_id: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(user_id.as_bytes())
}

impl UserHistory {
    /// Returns the value of a user property at an instant.
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

//! One user's history, row by row: what the plain interpreter reads and `explain` shows. The engine
//! reads columns instead.

use std::collections::{BTreeMap, BTreeSet};

use crate::{CohortId, Millis, Value};

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
    /// By time; at one instant by name (its bytes), then in order of arrival.
    pub events: Vec<Event>,
    /// Per user property its changes by time: from that instant on it holds the value (`None`:
    /// nothing).
    pub properties: BTreeMap<Box<str>, Vec<(Millis, Option<Value>)>>,
    /// [`user_hash`] of the user's id, for `sample`.
    pub hash: u64,
    /// The static lists that the user is on.
    pub lists: BTreeSet<CohortId>,
}

/// The contract's `user-hash`: stable and uniform, the same on every machine.
#[must_use]
pub fn user_hash(user_id: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(user_id.as_bytes())
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

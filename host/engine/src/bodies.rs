//! The JSON of users, built once for all cohorts and destinations of a commit.

use std::collections::{BTreeMap, HashMap};

use muster_model::Millis;
use muster_store::{Snapshot, UserKey};
use roaring::RoaringBitmap;

use crate::EngineError;
use crate::payload;

/// The JSON of users at an instant. A first sync of many cohorts puts each user into many messages.
pub(crate) struct Bodies<'a> {
    snapshot: &'a Snapshot,
    now: Millis,
    /// The JSON of each user, by the chosen user properties. A user who was forgotten has no JSON.
    made: BTreeMap<Vec<String>, HashMap<u32, Option<Vec<u8>>>>,
}

impl<'a> Bodies<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, now: Millis) -> Self {
        Self {
            snapshot,
            now,
            made: BTreeMap::new(),
        }
    }

    /// Returns the JSON of users with the chosen user properties, by ascending key.
    pub(crate) fn of(
        &mut self,
        users: &RoaringBitmap,
        properties: &[String],
    ) -> Result<Vec<&[u8]>, EngineError> {
        if !self.made.contains_key(properties) {
            self.made.insert(properties.to_vec(), HashMap::new());
        }
        let Some(made) = self.made.get_mut(properties) else {
            return Ok(Vec::new());
        };
        let missing = users.iter().filter(|user| !made.contains_key(user));
        let missing: Vec<UserKey> = missing.map(UserKey).collect();
        let bodies = payload::users(self.snapshot, &missing, properties, self.now)?;
        made.extend(missing.iter().map(|user| user.0).zip(bodies));
        let made = &*made;
        let known = users.iter().filter_map(|user| made.get(&user)?.as_deref());
        Ok(known.collect())
    }
}

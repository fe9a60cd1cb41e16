//! The rule of a consumer: per cohort and user, the message with the latest `computed_time` holds.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::Deserialize;

/// A message as it is in a record.
#[derive(Debug, Deserialize)]
pub struct ReceivedMessage {
    cohort_id: String,
    in_cohort: bool,
    computed_time: String,
    users: Vec<ReceivedUser>,
}

#[derive(Debug, Deserialize)]
struct ReceivedUser {
    user_id: String,
}

/// The users of all cohorts, also those that have left: an older entry of theirs may still arrive.
#[derive(Debug, Default)]
pub struct CohortMembers {
    users: BTreeMap<(String, String), KnownUser>,
}

#[derive(Debug)]
struct KnownUser {
    second: i64,
    in_cohort: bool,
}

impl CohortMembers {
    /// Applies a message, in any order. A message that comes again changes nothing, because no two
    /// messages about one cohort and user have the same `computed_time`.
    ///
    /// # Errors
    /// When the time is no number.
    pub fn apply(&mut self, message: ReceivedMessage) -> anyhow::Result<()> {
        let second = message.computed_time.parse::<i64>();
        let second = second.context("`computed_time` is no number")?;
        for user in message.users {
            let key = (message.cohort_id.clone(), user.user_id);
            if self.users.get(&key).is_none_or(|last| last.second < second) {
                let in_cohort = message.in_cohort;
                self.users.insert(key, KnownUser { second, in_cohort });
            }
        }
        Ok(())
    }

    /// Returns the members of each cohort.
    #[must_use]
    pub fn all(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for ((cohort, user), last) in &self.users {
            let users = members.entry(cohort).or_default();
            if last.in_cohort {
                users.insert(user);
            }
        }
        members
    }
}

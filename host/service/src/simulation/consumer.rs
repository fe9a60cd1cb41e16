//! The reference consumer: it drops a `message_id` that it has seen, and orders by `computed_time`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use muster_store::Outgoing;
use serde::Deserialize;

/// A message's body.
#[derive(Deserialize)]
struct MessageBody {
    cohort_id: String,
    in_cohort: bool,
    computed_time: String,
    message_id: String,
    users: Vec<BodyUser>,
}

#[derive(Deserialize)]
struct BodyUser {
    user_id: String,
}

/// A consumer's copy of all cohorts.
#[derive(Default)]
pub(super) struct Copy {
    seen: HashMap<String, Vec<u8>>,
    /// The latest message about each cohort and user.
    users: BTreeMap<(String, String), LastMessage>,
}

struct LastMessage {
    second: i64,
    in_cohort: bool,
    message_id: String,
}

impl Copy {
    /// Takes a message.
    ///
    /// # Errors
    /// Returns an error when the message breaks a promise to consumers.
    pub(super) fn take(&mut self, message: &Outgoing) -> Result<(), String> {
        let text = String::from_utf8_lossy(&message.body);
        let body: MessageBody =
            serde_json::from_slice(&message.body).map_err(|error| format!("{error}: {text}"))?;
        if body.message_id != message.id {
            return Err(format!("the outbox calls it `{}`: {text}", message.id));
        }
        if let Some(seen) = self.seen.get(&message.id) {
            if *seen == message.body {
                return Ok(());
            }
            let seen = String::from_utf8_lossy(seen);
            return Err(format!("two messages with one id: {seen} and {text}"));
        }
        self.seen.insert(message.id.clone(), message.body.clone());
        let second = body.computed_time.parse::<i64>();
        let second = second.map_err(|error| format!("{error}: {text}"))?;
        for user in body.users {
            let key = (body.cohort_id.clone(), user.user_id);
            if let Some(last) = self.users.get(&key) {
                if last.second == second {
                    return Err(format!(
                        "`{}` and `{}` speak of {key:?} and have one `computed_time`",
                        last.message_id, message.id
                    ));
                }
                if last.second > second {
                    continue;
                }
            }
            let last = LastMessage {
                second,
                in_cohort: body.in_cohort,
                message_id: message.id.clone(),
            };
            self.users.insert(key, last);
        }
        Ok(())
    }

    /// Returns the members of a cohort.
    pub(super) fn members(&self, cohort: &str) -> BTreeSet<String> {
        let of_cohort = self.users.iter().filter(|((id, _), _)| id == cohort);
        let members = of_cohort.filter(|(_, last)| last.in_cohort);
        members.map(|((_, user), _)| user.clone()).collect()
    }
}

//! A consumer of the messages, by the documented rule: drop a `message_id` that was received
//! before, order by `computed_time`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The members of every cohort.
pub(crate) type MembersByCohort = BTreeMap<String, BTreeSet<String>>;

#[derive(Default)]
pub(crate) struct Consumer {
    /// The messages by their ids.
    messages: BTreeMap<String, Value>,
}

impl Consumer {
    /// Takes messages, one per line. A message id must never come with another body.
    pub(crate) fn take(&mut self, lines: &str) -> usize {
        lines
            .lines()
            .map(|line| self.take_one(serde_json::from_str(line).unwrap()))
            .count()
    }

    pub(crate) fn take_one(&mut self, message: Value) {
        let id = message["message_id"].as_str().unwrap().to_owned();
        let known = self.messages.insert(id.clone(), message.clone());
        assert!(
            known.is_none_or(|known| known == message),
            "{id} came with two bodies"
        );
    }

    /// Returns the members after all messages, applied in the order of their `computed_time`.
    pub(crate) fn members(&self) -> MembersByCohort {
        let second = |message: &&Value| {
            message["computed_time"]
                .as_str()
                .unwrap()
                .parse::<i64>()
                .unwrap()
        };
        let mut messages: Vec<_> = self.messages.values().collect();
        messages.sort_by_key(second);
        let mut members = MembersByCohort::new();
        for message in messages {
            let cohort = members
                .entry(message["cohort_id"].as_str().unwrap().to_owned())
                .or_default();
            for user in message["users"].as_array().unwrap() {
                let user = user["user_id"].as_str().unwrap().to_owned();
                if message["in_cohort"].as_bool().unwrap() {
                    assert!(
                        cohort.insert(user.clone()),
                        "{user} entered twice: {}",
                        message["message_id"]
                    );
                } else {
                    assert!(
                        cohort.remove(&user),
                        "{user} exited without being in: {}",
                        message["message_id"]
                    );
                }
            }
        }
        members
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = &Value> {
        self.messages.values()
    }
}

/// Returns messages, one per line, without the part of their ids that differs between stores, so
/// that the messages of two stores can be compared.
pub fn without_identity(messages: &str) -> String {
    let line = |line: &str| {
        let message: Value = serde_json::from_str(line).unwrap();
        let id = message["message_id"].as_str().unwrap();
        let (run, batch) = id.rsplit_once(':').unwrap();
        let (rest, identity) = run.rsplit_once('-').unwrap();
        assert_eq!(identity.len(), 8, "{id}");
        line.replace(id, &format!("{rest}:{batch}")) + "\n"
    };
    messages.lines().map(line).collect()
}

//! The dead letters of all destinations.

use muster_store::{Snapshot, StoreError};

use crate::api::DeadLetterList;

/// The most dead letters of one answer: with a reason of some hundred bytes each, less than a
/// megabyte.
pub const MAX_DEAD_LETTERS: usize = 1_000;

/// Returns the dead letters of all destinations, at most [`MAX_DEAD_LETTERS`].
///
/// # Errors
/// If the store cannot be read.
pub fn dead_letters(snapshot: &Snapshot) -> Result<DeadLetterList, StoreError> {
    let mut letters = snapshot.dead_letters(MAX_DEAD_LETTERS + 1)?;
    let more = letters.len() > MAX_DEAD_LETTERS;
    letters.truncate(MAX_DEAD_LETTERS);
    Ok(DeadLetterList {
        dead_letters: letters.into_iter().map(Into::into).collect(),
        more,
    })
}

#[cfg(test)]
mod tests {
    use muster_model::Millis;
    use muster_store::{Message, RejectedMessage, RunCommit, Store, StoreOptions};

    use super::*;

    #[test]
    fn a_list_has_a_thousand_dead_letters_and_says_that_there_are_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
        let message = |number| Message {
            destination: "growth".to_owned(),
            id: format!("run:{number}"),
            body: b"{}".to_vec(),
        };
        let commit = RunCommit {
            messages: (1..=1_001).map(message).collect(),
            ..RunCommit::default()
        };
        store.commit_run(&commit).unwrap();
        let rejected = |sequence| RejectedMessage {
            sequence,
            reason: "no".to_owned(),
            first_attempt: Millis(0),
            last_attempt: Millis(0),
        };
        let listed = |letters: std::ops::RangeInclusive<u64>| {
            let rejected: Vec<_> = letters.map(rejected).collect();
            store.settle("growth", &[], &rejected).unwrap();
            let list = dead_letters(&store.snapshot().unwrap()).unwrap();
            (list.dead_letters.len(), list.more)
        };
        assert_eq!(listed(1..=1_000), (MAX_DEAD_LETTERS, false));
        assert_eq!(listed(1_001..=1_001), (MAX_DEAD_LETTERS, true));
    }
}

//! Messages that a destination will never accept.

use muster_model::Millis;
use muster_store::*;
use muster_testkit::store::TestStore;

fn rejected(sequence: u64, reason: &str) -> RejectedMessage {
    RejectedMessage {
        sequence,
        reason: reason.to_owned(),
        first_attempt: Millis(1_000),
        last_attempt: Millis(2_000),
    }
}

fn with_messages(messages: u64) -> TestStore {
    let store = TestStore::in_memory();
    let message = |number| Message {
        destination: "growth".to_owned(),
        id: format!("run:{number}"),
        body: format!("body {number}").into_bytes(),
    };
    let commit = RunCommit {
        messages: (1..=messages).map(message).collect(),
        ..RunCommit::default()
    };
    store.commit_run(&commit).unwrap();
    store
}

#[test]
fn a_dead_letter_leaves_the_outbox_with_its_reason_and_comes_back_unchanged() {
    let store = with_messages(3);
    let dead = [rejected(2, "too large"), rejected(99, "not there")];
    store.settle("growth", &[1], &dead).unwrap();
    assert_eq!(store.backlog().unwrap()[0].1, 1);
    let snapshot = store.snapshot().unwrap();
    let letter = DeadLetter {
        destination: "growth".to_owned(),
        sequence: 2,
        id: "run:2".to_owned(),
        reason: "too large".to_owned(),
        first_attempt: Millis(1_000),
        last_attempt: Millis(2_000),
        bytes: 6,
    };
    assert_eq!(
        snapshot.dead_letters(9).unwrap(),
        std::slice::from_ref(&letter)
    );
    let found = snapshot.dead_letter("growth", 2).unwrap().unwrap();
    assert_eq!(found, (letter, b"body 2".to_vec()));
    assert_eq!(snapshot.dead_letter("growth", 3).unwrap(), None);
    assert_eq!(store.count_dead_letters("growth").unwrap(), 1);
    assert_eq!(store.count_dead_letters("grow").unwrap(), 0);

    assert_eq!(store.retry_dead_letters("growth", Some(7)).unwrap(), 0);
    assert_eq!(store.retry_dead_letters("growth", Some(2)).unwrap(), 1);
    let waiting = store.outbox("growth", 0, 9, usize::MAX).unwrap();
    let ids: Vec<_> = waiting.iter().map(|message| &*message.id).collect();
    assert_eq!(ids, ["run:3", "run:2"], "at the end");
    assert_eq!(waiting[1].body, b"body 2");
    assert_eq!(store.count_dead_letters("growth").unwrap(), 0);
}

#[test]
fn dead_letters_are_dropped_one_by_one_or_all() {
    // More than one commit drops at once.
    let store = with_messages(250);
    let dead: Vec<_> = (1..=250).map(|number| rejected(number, "no")).collect();
    store.settle("growth", &[], &dead).unwrap();
    assert_eq!(store.drop_dead_letters("growth", Some(7)).unwrap(), 1);
    assert_eq!(store.drop_dead_letters("other", None).unwrap(), 0);
    assert_eq!(
        store.snapshot().unwrap().dead_letters(1_000).unwrap().len(),
        249
    );
    assert_eq!(store.drop_dead_letters("growth", None).unwrap(), 249);
    assert!(store.backlog().unwrap().is_empty());
}

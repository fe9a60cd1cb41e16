//! Forgetting a user: the data that are left.

use muster_model::{EventBuffer, Millis, Operator, ScalarRef, Value};
use muster_store::*;
use muster_testkit::store::{TestStore, cohort};
use roaring::RoaringBitmap;

use crate::imports::new_import;

const MODULES: [ModuleKey; 2] = [ModuleKey([1; 32]), ModuleKey([2; 32])];
const FAILURE: UserFailure = UserFailure {
    too_large: false,
    count: 1,
    batch: 1,
    next: Millis(30),
};

fn options() -> StoreOptions {
    StoreOptions {
        map_size: 1 << 28,
        import_rows: 2,
        readers: 1,
        ..StoreOptions::default()
    }
}

fn event(id: &str, name: &str, time: i64) -> EventBuffer {
    let mut buffer = EventBuffer::default();
    buffer.event(id, name, Millis(time), None);
    buffer.property("amount", ScalarRef::Number(5.0));
    buffer
}

fn key(store: &Store, id: &str) -> Option<UserKey> {
    store.snapshot().unwrap().user_key(id).unwrap()
}

#[test]
fn a_user_is_forgotten_in_one_commit_with_the_changes_of_the_engine() {
    let store = TestStore::with(&options());
    // Ann is 0, and the only user with an event `Leave`.
    for (id, name) in [("ann", "Buy"), ("bob", "Buy"), ("ann", "Leave")] {
        store.append(&event(id, name, 5), None).unwrap();
    }
    let mut city = EventBuffer::default();
    let seattle = Value::One(muster_model::Scalar::Text("Seattle".into()));
    city.operation(
        "ann",
        Millis(6),
        None,
        Operator::Set,
        "city",
        Some(&seattle),
    );
    store.append(&city, None).unwrap();
    for module in MODULES {
        let mut module = ModuleCommit::new(module);
        module.expiries = vec![(UserKey(0), 10), (UserKey(1), 20)];
        module.failures = Some(FailureChanges {
            definitions: 7,
            users: vec![(UserKey(0), Some(FAILURE)), (UserKey(1), Some(FAILURE))],
            reason: None,
        });
        let both = |cohort| MemberChange {
            cohort,
            entered: [0, 1].into_iter().collect(),
            exited: RoaringBitmap::new(),
        };
        let members = vec![both(cohort("a")), both(cohort("b"))];
        let commit = RunCommit {
            module: Some(module),
            members,
            ..RunCommit::default()
        };
        store.commit_run(&commit).unwrap();
    }
    // Changed users that no module has processed.
    let sequence = store.snapshot().unwrap().sequence();
    for id in ["ann", "bob"] {
        store.append(&event(id, "Buy", 7), None).unwrap();
    }
    let old = store.snapshot().unwrap();

    let forget = ForgetChanges {
        cohort_states: vec![(cohort("a"), b"state".to_vec())],
        messages: vec![Message {
            destination: "stream".to_owned(),
            id: "exit:1".to_owned(),
            body: b"{}".to_vec(),
        }],
        records: vec![StoredRun {
            cohort: cohort("a"),
            at: Millis(9),
            body: b"forgotten".to_vec(),
            replaces_last: false,
        }],
    };
    assert!(store.forget_user(UserKey(0), &forget).unwrap());

    let check = |store: &Store| {
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.user_key("ann").unwrap(), None);
        assert_eq!(snapshot.user_id(UserKey(0)).unwrap(), None);
        let known = snapshot.known(Millis::MAX).unwrap();
        assert_eq!(known.iter().collect::<Vec<_>>(), [1]);
        assert_eq!(snapshot.known_later(Millis(0)).unwrap().len(), 1);
        let history = snapshot.history(UserKey(0), Millis::MAX).unwrap();
        assert_eq!((history.events.len(), history.properties.len()), (0, 0));
        let names = snapshot.event_names();
        assert_eq!(names.len(), 1);
        assert_eq!((names[0].name.as_str(), names[0].rows), ("Buy", 2));
        assert_eq!(snapshot.user_properties(), []);
        for module in MODULES {
            assert_eq!(snapshot.next_due(&module).unwrap(), Some(Millis(20)));
            assert_eq!(snapshot.due(&module, Millis(20)).unwrap().len(), 1);
            let failures = snapshot.failures(&module, 7, &[0, 1].into_iter().collect());
            assert_eq!(failures.unwrap(), [(UserKey(1), FAILURE)]);
        }
        for id in ["a", "b"] {
            let members = snapshot.members(&cohort(id)).unwrap();
            assert_eq!(members.iter().collect::<Vec<_>>(), [1]);
            assert_eq!(snapshot.members_len(&cohort(id)).unwrap(), 1);
        }
        let changed = snapshot.changed_users(sequence).unwrap().unwrap();
        assert_eq!(changed.iter().collect::<Vec<_>>(), [1]);
        let state = snapshot.cohort_state(&cohort("a")).unwrap();
        assert_eq!(state.as_deref(), Some(&b"state"[..]));
        let records = snapshot.records(&cohort("a"), 9).unwrap();
        assert_eq!(records, forget.records);
        let messages = store.outbox("stream", 0, 9, 99).unwrap();
        assert_eq!(messages[0].id, "exit:1");
        assert_eq!(
            snapshot
                .history(UserKey(1), Millis::MAX)
                .unwrap()
                .events
                .len(),
            2
        );
    };
    check(&store);
    // An older snapshot is unchanged.
    assert_eq!(
        old.history(UserKey(0), Millis::MAX).unwrap().events.len(),
        3
    );
    assert_eq!(old.members(&cohort("a")).unwrap().len(), 2);
    drop(old);
    check(&store.reopened(&options()));
}

#[test]
fn a_number_is_never_used_again() {
    let mut store = TestStore::with(&options());
    for round in 0..3 {
        store.append(&event("ann", "Buy", round), None).unwrap();
        assert_eq!(key(&store, "ann"), Some(UserKey(round as u32)));
        let snapshot = store.snapshot().unwrap();
        let ann = snapshot
            .history(UserKey(round as u32), Millis::MAX)
            .unwrap();
        assert_eq!(ann.events.len(), 1);
        drop(snapshot);
        assert!(
            store
                .forget_user(UserKey(round as u32), &ForgetChanges::default())
                .unwrap()
        );
        // The last number is the one that could be used again.
        store = store.reopened(&options());
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.users(), round as u32 + 1);
    }
    assert!(
        !store
            .forget_user(UserKey(3), &ForgetChanges::default())
            .unwrap()
    );
}

#[test]
fn an_unfinished_import_forgets_too() {
    let store = TestStore::with(&options());
    let mut import = new_import(&store, "file");
    // Two rows make a segment: one of ann alone, one of both users.
    for id in ["ann", "ann", "bob", "ann"] {
        import.append(&event(id, "Buy", 5), b"4").unwrap();
    }
    store.append(&event("ann", "Buy", 9), None).unwrap();
    let ann = key(&store, "ann").unwrap();
    drop(import);
    assert!(store.forget_user(ann, &ForgetChanges::default()).unwrap());
    let source = SourceKey::new("file").unwrap();
    let ImportState::Open(mut import, Some(_)) = store.import(&source).unwrap() else {
        panic!("an import to go on with");
    };
    import.append(&event("ann", "Buy", 7), b"5").unwrap();
    assert_eq!(import.finish(b"end").unwrap().rows, 2);
    while store.maintain().unwrap() {}
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.statistics().unwrap().events, 2);
    let again = snapshot.user_key("ann").unwrap().unwrap();
    assert_ne!(again, ann);
    let history = snapshot.history(again, Millis::MAX).unwrap();
    assert_eq!(history.events.len(), 1);
    assert_eq!(history.events[0].time, Millis(7));
    assert_eq!(snapshot.known(Millis::MAX).unwrap().len(), 2);
}

#[test]
fn an_import_forgets_rows_in_memory_and_later_rows_belong_to_a_new_user() {
    let store = TestStore::with(&options());
    let mut import = new_import(&store, "file");
    // Two rows make a segment; the third is in memory, with ann's number.
    for time in [1, 2, 3] {
        import.append(&event("ann", "Buy", time), b"3").unwrap();
    }
    store.append(&event("ann", "Buy", 9), None).unwrap();
    let ann = key(&store, "ann").unwrap();
    assert!(store.forget_user(ann, &ForgetChanges::default()).unwrap());
    assert_eq!(key(&store, "ann"), None);
    import.append(&event("ann", "Buy", 4), b"4").unwrap();
    import.append(&event("bob", "Buy", 5), b"5").unwrap();
    // Bob's row, and the row of ann that came afterwards.
    assert_eq!(import.finish(b"end").unwrap().rows, 2);
    let check = |store: &Store| {
        let snapshot = store.snapshot().unwrap();
        let times = |user: UserKey| {
            let history = snapshot.history(user, Millis::MAX).unwrap();
            let times: Vec<_> = history.events.iter().map(|event| event.time.0).collect();
            times
        };
        assert_eq!(times(ann), [0; 0]);
        assert_eq!(times(key(store, "ann").unwrap()), [4]);
        assert_eq!(times(key(store, "bob").unwrap()), [5]);
        assert_eq!(snapshot.known(Millis::MAX).unwrap().len(), 2);
        assert_eq!(snapshot.statistics().unwrap().events, 2);
    };
    check(&store);
    check(&store.reopened(&options()));
}

/// Events arrive while their user is forgotten, again and again. None may get a number without an
/// id.
#[test]
fn events_acknowledged_during_forgetting_belong_to_a_user_with_an_id() {
    use std::sync::atomic::{AtomicBool, Ordering};
    const ROUNDS: i64 = 40;
    let store = TestStore::with(&options());
    store.append(&event("ann", "Buy", 1), None).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                let ann = loop {
                    if let Some(ann) = key(&store, "ann") {
                        break ann;
                    }
                };
                store.forget_user(ann, &ForgetChanges::default()).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut time = 2;
        while !done.load(Ordering::SeqCst) {
            store.append(&event("ann", "Buy", time), None).unwrap();
            time += 1;
        }
    });
    let snapshot = store.snapshot().unwrap();
    for user in 0..snapshot.users() {
        let history = snapshot.history(UserKey(user), Millis::MAX).unwrap();
        let has_id = snapshot.user_id(UserKey(user)).unwrap().is_some();
        assert!(has_id || history.events.is_empty(), "{user}");
    }
    let known = snapshot.known(Millis::MAX).unwrap();
    for user in known {
        assert!(snapshot.user_id(UserKey(user)).unwrap().is_some(), "{user}");
    }
}

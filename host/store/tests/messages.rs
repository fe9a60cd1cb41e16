//! Listeners are called for new messages.

use std::sync::{Arc, Mutex};

use muster_store::*;
use muster_testkit::store::{TestStore, events};

fn message(destination: &str, id: &str) -> Message {
    Message {
        destination: destination.to_owned(),
        id: id.to_owned(),
        body: b"{}".to_vec(),
    }
}

#[test]
fn a_listener_gets_each_destination_after_the_commit_of_its_messages() {
    let store = TestStore::with(&StoreOptions {
        map_size: 1 << 28,
        ..StoreOptions::default()
    });
    let notified = Arc::new(Mutex::new(Vec::new()));
    {
        let (notified, reader) = (Arc::clone(&notified), Store::clone(&store));
        store.on_messages(move |destination| {
            // The messages are committed when the listener is called.
            let waiting = reader.outbox(destination, 0, 100, usize::MAX).unwrap();
            notified
                .lock()
                .unwrap()
                .push((destination.to_owned(), waiting.len()));
        });
    }
    let commit = |messages: &[Message]| {
        let commit = RunCommit {
            messages: messages.to_vec(),
            ..RunCommit::default()
        };
        store.commit_run(&commit).unwrap();
        std::mem::take(&mut *notified.lock().unwrap())
    };
    assert_eq!(commit(&[]), []);
    let first = [message("b", "1"), message("a", "2"), message("b", "3")];
    assert_eq!(commit(&first), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    assert_eq!(commit(&[message("a", "4")]), [("a".to_owned(), 2)]);
    store.acknowledge("a", &[2]).unwrap();

    let buffer = events([("ann", "Purchase", 1_000)]);
    store.append(&buffer, None).unwrap();
    assert_eq!(*notified.lock().unwrap(), [], "events are no messages");
    let forget = ForgetChanges {
        messages: vec![message("b", "5")],
        ..ForgetChanges::default()
    };
    assert!(store.forget_user(UserKey(0), &forget).unwrap());
    assert_eq!(*notified.lock().unwrap(), [("b".to_owned(), 3)]);
}

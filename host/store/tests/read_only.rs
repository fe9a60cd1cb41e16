//! Read-only opens of a store that another process writes. This binary runs itself again as that
//! other process.
// With this line `clippy.toml` counts the helpers of the tests as tests too.
#![cfg(test)]

mod other_process;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use muster_model::Millis;
use muster_store::*;
use muster_testkit::store::{TestStore, cohort, events, stream};
use roaring::RoaringBitmap;

use other_process::{given_directory, other_process};

const MODULE: ModuleKey = ModuleKey([7; 32]);

fn options() -> StoreOptions {
    StoreOptions {
        map_size: 1 << 28,
        memtable_rows: 100,
        readers: 4,
        ..StoreOptions::default()
    }
}

/// Waits until the other process prints a line that ends in `word`. Before the word there may be
/// output of the test harness.
fn wait_for(child: &mut Child, word: &str) {
    let out = child.stdout.take().unwrap();
    let mut lines = BufReader::new(out).lines();
    assert!(lines.any(|line| line.unwrap().ends_with(word)), "{word}");
}

fn append(store: &Store, time: i64) {
    let buffer = events(["ann", "bob"].map(|user| (user, "Buy", time)));
    let source = SourceKey::new("live").unwrap();
    store
        .append(&buffer, Some((&source, &time.to_le_bytes())))
        .unwrap();
}

/// Checks that each commit is visible as a whole: position, both users' events, and the sequence.
/// Returns the number of commits.
fn consistent(snapshot: &Snapshot) -> u64 {
    let position = snapshot.position(&SourceKey::new("live").unwrap()).unwrap();
    let position = i64::from_le_bytes(position.unwrap().try_into().unwrap());
    assert_eq!(snapshot.sequence(), position as u64);
    let users: Vec<UserKey> = (0..snapshot.users()).map(UserKey).collect();
    assert_eq!(users.len(), 2);
    let history = snapshot
        .read(&ReadRequest {
            users: &users,
            now: Millis::MAX,
            streams: &[stream("Buy")],
            user_properties: &[],
            property_histories: &[],
        })
        .unwrap();
    let times: Vec<i64> = (1..=position).collect();
    assert_eq!(history.streams[0].times, [&times[..], &times[..]].concat());
    assert_eq!(snapshot.statistics().unwrap().events, 2 * position as u64);
    assert_eq!(snapshot.known(Millis::MAX).unwrap().len(), 2);
    let ann = snapshot.user_key("ann").unwrap().unwrap();
    assert_eq!(snapshot.user_id(ann).unwrap().as_deref(), Some("ann"));
    assert_eq!(snapshot.user_key("eve").unwrap(), None);
    position as u64
}

#[test]
fn a_read_only_open_is_consistent_while_another_process_commits() {
    let store = TestStore::with(&options());
    append(&store, 1);
    let mut reader = other_process("reads_again_and_again", store.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut time = 1;
    let ended = loop {
        time += 1;
        append(&store, time);
        store.maintain().unwrap();
        if let Some(ended) = reader.try_wait().unwrap() {
            break ended;
        }
    };
    assert!(ended.success());
}

#[test]
#[ignore = "the other process of a_read_only_open_is_consistent_while_another_process_commits"]
fn reads_again_and_again() {
    let Some(directory) = given_directory() else {
        return;
    };
    let mut before = 0;
    let mut moved = 0;
    // The writer writes until this process ends, so the number of reads is limited.
    for _ in 0..100_000 {
        let snapshot = Store::open_read_only(&directory, &options()).unwrap();
        let now = consistent(&snapshot);
        // The owner commits further, and the snapshot does not change.
        assert_eq!(consistent(&snapshot), now);
        assert!(now >= before);
        moved += u32::from(now > before);
        before = now;
        if moved == 30 {
            return;
        }
    }
    panic!("the writer stands still");
}

#[test]
fn a_store_without_an_owner_is_read() {
    let directory = tempfile::tempdir().unwrap();
    {
        let store = Store::open(directory.path(), &options()).unwrap();
        for time in 1..=130 {
            append(&store, time);
        }
        let message = Message {
            destination: "stream".to_owned(),
            id: "1".to_owned(),
            body: b"{}".to_vec(),
        };
        let mut commit = RunCommit {
            module: Some(ModuleCommit::new(MODULE)),
            messages: vec![message],
            ..RunCommit::default()
        };
        commit.members.push(MemberChange {
            cohort: cohort("buyers"),
            entered: [1].into_iter().collect(),
            exited: RoaringBitmap::new(),
        });
        store.commit_run(&commit).unwrap();
    }
    let snapshot = Store::open_read_only(directory.path(), &options()).unwrap();
    assert_eq!(consistent(&snapshot), 130);
    assert!(snapshot.members(&cohort("buyers")).unwrap().contains(1));
    assert_eq!(snapshot.backlog().unwrap(), [("stream".to_owned(), 1, 4)]);
    assert_eq!(snapshot.module_keys().unwrap(), [MODULE]);
    drop(snapshot);
    // The read-only open took no ownership.
    drop(Store::open(directory.path(), &options()).unwrap());
}

#[test]
fn a_read_only_open_makes_no_store() {
    let directory = tempfile::tempdir().unwrap();
    for place in [directory.path().to_owned(), directory.path().join("none")] {
        let error = Store::open_read_only(&place, &options()).err().unwrap();
        assert!(matches!(error, StoreError::Missing { .. }), "{error}");
        assert!(error.to_string().contains(place.to_str().unwrap()));
    }
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_killed_reader_keeps_no_pages() {
    for reopen in [false, true] {
        let mut store = TestStore::with(&options());
        append(&store, 1);
        let mut reader = other_process("reads_until_killed", store.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for(&mut reader, "reading");
        // SIGKILL.
        reader.kill().unwrap();
        reader.wait().unwrap();
        if reopen {
            store = store.reopened(&options());
        } else {
            store.maintain().unwrap();
        }
        let before = store.size_on_disk().unwrap();
        let mut module = ModuleCommit::new(MODULE);
        module.state = vec![1; 1 << 20];
        let commit = RunCommit {
            module: Some(module),
            ..RunCommit::default()
        };
        for _ in 0..20 {
            store.commit_run(&commit).unwrap();
        }
        // The same events are written twenty times into freed pages. A reader that still counted
        // would keep all those pages.
        assert!(store.size_on_disk().unwrap() - before < 5 << 20);
        append(&store, 2);
        assert_eq!(consistent(&store.snapshot().unwrap()), 2);
    }
}

#[test]
#[ignore = "the other process of a_killed_reader_keeps_no_pages"]
fn reads_until_killed() {
    let Some(directory) = given_directory() else {
        return;
    };
    let snapshot = Store::open_read_only(&directory, &options()).unwrap();
    assert_eq!(consistent(&snapshot), 1);
    println!("reading");
    loop {
        std::thread::park();
    }
}

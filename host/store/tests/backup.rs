//! Backups of a store that is in use.
// With this line `clippy.toml` counts the helpers of the tests as tests too.
#![cfg(test)]

mod other_process;

use std::path::Path;

use muster_model::Millis;
use muster_store::*;
use muster_testkit::store::events;

use other_process::{given_directory, other_process};

fn options() -> StoreOptions {
    StoreOptions {
        map_size: 1 << 28,
        memtable_rows: 50,
        readers: 2,
        ..StoreOptions::default()
    }
}

fn append(store: &Store, time: i64) {
    let buffer = events(["ann", "bob"].map(|user| (user, "Buy", time)));
    store.append(&buffer, None).unwrap();
}

fn backup(from: &Path, to: &Path) -> Result<u64, StoreError> {
    Store::backup(from, to, &options(), Millis(77), &mut |_| {})
}

fn event_counts(snapshot: &Snapshot) -> Vec<usize> {
    let keys = ["ann", "bob"].map(|id| snapshot.user_key(id).unwrap().unwrap());
    let history = |key| snapshot.history(key, Millis::MAX).unwrap().events.len();
    keys.map(history).to_vec()
}

#[test]
fn a_copy_is_a_whole_store_with_a_backup_mark() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("store"), home.path().join("a/copy"));
    let store = Store::open(&from, &options()).unwrap();
    for time in 0..200 {
        append(&store, time);
    }
    assert_eq!(store.restored().unwrap(), None);
    let original = store.identity();
    drop(store);
    let size = backup(&from, &to).unwrap();
    assert_eq!(size, std::fs::metadata(to.join("data.mdb")).unwrap().len());

    let reader = Store::open_read_only(&to, &options()).unwrap();
    assert_eq!(
        (reader.identity(), event_counts(&reader)),
        (original, vec![200, 200])
    );
    assert_eq!(reader.restored().unwrap(), Some(Millis(77)));
    drop(reader);
    // A copy of a copy is a copy too.
    let again = home.path().join("again");
    backup(&to, &again).unwrap();

    let restored = Store::open(&to, &options()).unwrap();
    let identity = restored.identity();
    assert_ne!(identity, original);
    assert_eq!(restored.restored().unwrap(), Some(Millis(77)));
    append(&restored, 300);
    assert_eq!(event_counts(&restored.snapshot().unwrap()), [201, 201]);
    drop(restored);
    let restored = Store::open(&to, &options()).unwrap();
    assert_eq!(restored.identity(), identity);
    assert_eq!(
        restored.snapshot().unwrap().restored().unwrap(),
        Some(Millis(77))
    );
    restored.acknowledge_restore().unwrap();
    assert_eq!(restored.restored().unwrap(), None);
    drop(restored);
    let restored = Store::open(&to, &options()).unwrap();
    assert_eq!(restored.restored().unwrap(), None);
    assert_eq!(restored.identity(), identity);

    let again = Store::open(&again, &options()).unwrap();
    assert!(![original, identity].contains(&again.identity()));
    let store = Store::open(&from, &options()).unwrap();
    assert_eq!(
        (store.identity(), store.restored().unwrap()),
        (original, None)
    );
}

#[test]
fn a_directory_that_is_not_empty_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("store"), home.path().join("copy"));
    append(&Store::open(&from, &options()).unwrap(), 1);
    for name in ["data.mdb", "notes"] {
        std::fs::create_dir_all(&to).unwrap();
        std::fs::write(to.join(name), "mine").unwrap();
        let error = backup(&from, &to).unwrap_err();
        assert!(
            matches!(&error, StoreError::NotEmpty { entry, .. } if entry == name),
            "{error}"
        );
        assert_eq!(std::fs::read(to.join(name)).unwrap(), b"mine");
        std::fs::remove_dir_all(&to).unwrap();
    }
    let error = backup(&home.path().join("nowhere"), &to).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert!(!to.exists());
    backup(&from, &to).unwrap();
    let error = backup(&from, &to).unwrap_err();
    assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
    // A copy that was opened for writing is a store in use.
    let _open = Store::open(&to, &options()).unwrap();
}

#[test]
fn an_interrupted_copy_is_no_store_and_is_made_again() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("store"), home.path().join("copy"));
    append(&Store::open(&from, &options()).unwrap(), 1);
    backup(&from, &to).unwrap();
    // The files that a kill in the middle leaves.
    let partial = to.join("backup.partial");
    std::fs::create_dir(&partial).unwrap();
    let whole = std::fs::read(to.join("data.mdb")).unwrap();
    std::fs::write(partial.join("data.mdb"), &whole[..whole.len() / 2]).unwrap();
    std::fs::remove_file(to.join("data.mdb")).unwrap();
    for name in std::fs::read_dir(&to).unwrap() {
        let name = name.unwrap().file_name();
        assert!(name == "backup.partial" || name == "owner.lock", "{name:?}");
    }
    let error = Store::open(&to, &options()).err().unwrap();
    assert!(
        matches!(error, StoreError::Damaged { .. } | StoreError::Io { .. }),
        "{error}"
    );
    assert!(Store::open_read_only(&to, &options()).is_err());
    backup(&from, &to).unwrap();
    let store = Store::open(&to, &options()).unwrap();
    assert_eq!(event_counts(&store.snapshot().unwrap()), [1, 1]);
}

#[test]
fn copies_are_consistent_while_another_process_commits() {
    if let Some(directory) = given_directory() {
        return commits_until_killed(&directory);
    }
    let home = tempfile::tempdir().unwrap();
    let from = home.path().join("store");
    append(&Store::open(&from, &options()).unwrap(), 0);
    let test = "copies_are_consistent_while_another_process_commits";
    let mut child = other_process(test, &from)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let (mut last, mut grown) = (0, 0);
    for round in 0..50 {
        let to = home.path().join(format!("copy-{round}"));
        backup(&from, &to).unwrap();
        let copy = Store::open(&to, &options()).unwrap();
        let [ann, bob] = event_counts(&copy.snapshot().unwrap())[..] else {
            panic!("two users")
        };
        assert_eq!(ann, bob, "half of a commit");
        assert!(ann >= last);
        grown += usize::from(ann > last);
        last = ann;
        if grown > 5 {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(grown > 5, "the other process commits");
}

fn commits_until_killed(directory: &Path) {
    let store = Store::open(directory, &options()).unwrap();
    for time in 1.. {
        append(&store, time);
        while store.maintain().unwrap() {}
    }
}

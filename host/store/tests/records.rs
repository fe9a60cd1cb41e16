//! The run records that are kept.

use muster_model::Millis;
use muster_store::*;
use muster_testkit::store::{TestStore, cohort};

fn record(id: &str, at: i64) -> StoredRun {
    StoredRun {
        cohort: cohort(id),
        at: Millis(at),
        body: format!("run at {at}").into_bytes(),
        replaces_last: false,
    }
}

fn options(keep_records: i64) -> StoreOptions {
    StoreOptions {
        map_size: 1 << 28,
        keep_records,
        ..StoreOptions::default()
    }
}

fn add(store: &Store, records: Vec<StoredRun>) {
    let commit = RunCommit {
        records,
        ..RunCommit::default()
    };
    store.commit_run(&commit).unwrap();
}

fn times(store: &Store, id: &str) -> Vec<i64> {
    let records = store.snapshot().unwrap().records(&cohort(id), usize::MAX);
    records.unwrap().iter().map(|record| record.at.0).collect()
}

#[test]
fn records_older_than_the_kept_time_are_dropped() {
    let store = TestStore::with(&options(100));
    add(
        &store,
        vec![record("a", 0), record("a", 60), record("ab", 0)],
    );
    add(&store, vec![record("a", 100)]);
    assert_eq!(times(&store, "a"), [100, 60, 0]);
    add(&store, vec![record("a", 101)]);
    assert_eq!(times(&store, "a"), [101, 100, 60]);
    // The age is counted per cohort, from its own newest record.
    assert_eq!(times(&store, "ab"), [0]);
    // The newest record stays, even if the clock went back.
    add(&store, vec![record("ab", 10_000), record("ab", 20)]);
    assert_eq!(times(&store, "ab"), [20, 10_000]);
}

#[test]
fn a_shorter_time_to_keep_records_drops_them_little_by_little() {
    let store = TestStore::with(&options(i64::MAX));
    add(&store, (0..100).map(|at| record("a", at)).collect());
    let store = store.reopened(&options(10));
    let mut lefts = Vec::new();
    for at in 100..107 {
        add(&store, vec![record("a", at)]);
        lefts.push(times(&store, "a").len());
    }
    // Each commit adds one record and drops sixteen.
    assert_eq!(lefts, [85, 70, 55, 40, 25, 11, 11]);
    assert_eq!(times(&store, "a"), (96..=106).rev().collect::<Vec<_>>());
}

#[test]
fn the_number_of_records_is_limited() {
    let store = TestStore::with(&options(i64::MAX));
    let most = MAX_RECORDS as i64;
    add(&store, (0..most).map(|at| record("a", at)).collect());
    assert_eq!(times(&store, "a").len(), most as usize);
    add(&store, vec![record("a", most)]);
    let times = times(&store, "a");
    assert_eq!(times.len(), most as usize);
    assert_eq!((times[0], times[times.len() - 1]), (most, 1));
}

#[test]
fn a_record_replaces_the_last_one() {
    let store = TestStore::with(&options(1000));
    let merged = |at| StoredRun {
        replaces_last: true,
        ..record("a", at)
    };
    // In a cohort without records it is the first record.
    add(&store, vec![merged(1)]);
    assert_eq!(times(&store, "a"), [1]);
    add(&store, vec![record("a", 2), merged(3), merged(4)]);
    assert_eq!(times(&store, "a"), [4, 1]);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.records(&cohort("a"), 1).unwrap(), [record("a", 4)]);
}

#[test]
fn records_are_read_back_to_an_instant() {
    let store = TestStore::with(&options(1000));
    add(&store, vec![record("a", 1), record("a", 5), record("a", 9)]);
    let snapshot = store.snapshot().unwrap();
    let since = |since, limit| {
        let records = snapshot.records_since(&cohort("a"), Millis(since), limit);
        records
            .unwrap()
            .iter()
            .map(|record| record.at.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(since(5, 10), [9, 5]);
    assert_eq!(since(6, 10), [9]);
    assert_eq!(since(0, 2), [9, 5]);
    assert_eq!(since(10, 10), [] as [i64; 0]);
}

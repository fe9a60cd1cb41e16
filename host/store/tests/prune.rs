//! Retention: what goes when, and what stays.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers fail as the test does"
)]

use muster_model::{EventBuffer, Millis, Operator, Scalar, Value};
use muster_store::*;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// A store with a segment for each of these lists of times.
fn store(directory: &tempfile::TempDir, segments: &[&[i64]]) -> Store {
    let options = Options {
        map_size: 1 << 28,
        memtable_rows: 1,
        readers: 1,
        ..Options::default()
    };
    let store = Store::open(directory.path(), &options).unwrap();
    for times in segments {
        let mut buffer = EventBuffer::default();
        for time in *times {
            buffer.event("ann", "Buy", Millis(*time), None);
        }
        store.append(&buffer, None).unwrap();
    }
    store
}

fn times(store: &Store) -> Vec<i64> {
    let history = store.snapshot().unwrap().history(UserKey(0), Millis::MAX);
    let events = history.unwrap().events;
    events.iter().map(|event| event.time.0).collect()
}

fn prune(store: &Store, before: i64) -> u32 {
    let mut pieces = 0;
    while store.prune(Millis(before)).unwrap() {
        pieces += 1;
    }
    pieces
}

#[test]
fn segments_that_are_older_go_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory, &[&[1, 2], &[3, 4], &[9]]);
    assert_eq!(prune(&store, 5), 2);
    assert_eq!(times(&store), [9]);
    let statistics = store.statistics().unwrap();
    assert_eq!((statistics.events, statistics.segments), (1, 1));
    // When ann was first seen is known still.
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.known(Millis(1)).unwrap().contains(0));
}

#[test]
fn a_segment_is_written_anew_for_a_quarter_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let times_of = (1..=100).collect::<Vec<i64>>();
    let store = store(&directory, &[&times_of]);
    assert_eq!(prune(&store, 25), 0);
    assert_eq!(times(&store).len(), 100);
    assert_eq!(prune(&store, 26), 1);
    assert_eq!(times(&store), times_of[25..]);
}

#[test]
fn no_event_is_kept_a_day_too_long() {
    let directory = tempfile::tempdir().unwrap();
    let times_of = (0..1000)
        .map(|n| 100 * DAY + n)
        .chain([7])
        .collect::<Vec<i64>>();
    let store = store(&directory, &[&times_of]);
    assert_eq!(prune(&store, DAY + 7), 0);
    assert_eq!(times(&store).len(), 1001);
    assert_eq!(prune(&store, DAY + 8), 1);
    assert_eq!(times(&store).len(), 1000);
}

#[test]
fn events_in_memory_go_too() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        map_size: 1 << 28,
        ..Options::default()
    };
    let store = Store::open(directory.path(), &options).unwrap();
    let mut buffer = EventBuffer::default();
    for time in [5, 10 * DAY] {
        buffer.event("ann", "Buy", Millis(time), None);
    }
    store.append(&buffer, None).unwrap();
    assert_eq!(store.statistics().unwrap().memtable_rows, 2);
    // Written as a segment, and that anew.
    assert_eq!(prune(&store, 2 * DAY), 2);
    assert_eq!(times(&store), [10 * DAY]);
}

#[test]
fn operations_stay_and_merges_prune() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory, &[&[1]]);
    let mut buffer = EventBuffer::default();
    let seattle = Value::One(Scalar::Text("Seattle".into()));
    buffer.operation(
        "ann",
        Millis(2),
        None,
        Operator::Set,
        "city",
        Some(&seattle),
    );
    store.append(&buffer, None).unwrap();
    prune(&store, 100);
    let city = |store: &Store| {
        let snapshot = store.snapshot().unwrap();
        let values = snapshot.values(&[UserKey(0)], &["city".to_owned()], Millis::MAX);
        values.unwrap()[0][0].clone()
    };
    assert_eq!(times(&store), [] as [i64; 0]);
    assert_eq!(city(&store), Some(seattle.clone()));
    // Late ones that come afterwards.
    for time in [50, 150, 60] {
        let mut buffer = EventBuffer::default();
        buffer.event("ann", "Buy", Millis(time), None);
        store.append(&buffer, None).unwrap();
    }
    while store.maintain().unwrap() {}
    assert_eq!(store.statistics().unwrap().segments, 1);
    assert_eq!(times(&store), [150]);
    assert_eq!(city(&store), Some(seattle));
}

//! Retention: the times at which events are dropped, and the data that stay.

use muster_model::{EventBuffer, Millis, Operator, Scalar, Value};
use muster_store::*;
use muster_testkit::store::{TestStore, events};

use crate::imports::import;

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
/// The clock of these tests: after all events in them.
const TODAY: i64 = 10_000 * DAY;

fn options(keep: i64) -> StoreOptions {
    StoreOptions {
        map_size: 1 << 28,
        memtable_rows: 1,
        readers: 1,
        keep_events: Some(keep),
        clock: || Millis(TODAY),
        ..StoreOptions::default()
    }
}

/// Makes a store with a segment for each of these lists of times.
fn store(keep: i64, segments: &[&[i64]]) -> TestStore {
    let store = TestStore::with(&options(keep));
    for times in segments {
        append(&store, times);
    }
    store
}

fn append(store: &Store, times: &[i64]) {
    let rows = times.iter().map(|time| ("ann", "Buy", *time));
    store.append(&events(rows), None).unwrap();
}

fn times(store: &Store) -> Vec<i64> {
    let history = store.snapshot().unwrap().history(UserKey(0), Millis::MAX);
    let events = history.unwrap().events;
    events.iter().map(|event| event.time.0).collect()
}

fn prune(store: &Store, clock: i64) -> u32 {
    let mut pieces = 0;
    loop {
        match store.prune(Millis(clock), false).unwrap() {
            Pruned::More => pieces += 1,
            Pruned::Done => return pieces,
            refused @ Pruned::Refused(_) => panic!("{refused:?}"),
        }
    }
}

#[test]
fn segments_that_are_older_are_dropped_at_once() {
    let days = [&[DAY, 2 * DAY][..], &[3 * DAY, 4 * DAY], &[15 * DAY]];
    let store = store(10 * DAY, &days);
    // Drops two segments, and the blocks of each.
    assert_eq!(prune(&store, 16 * DAY), 4);
    assert_eq!(times(&store), [15 * DAY]);
    let statistics = store.statistics().unwrap();
    assert_eq!((statistics.events, statistics.segments), (1, 1));
    // The time at which ann was first seen is still known.
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.known(Millis(DAY)).unwrap().contains(0));
}

#[test]
fn a_segment_is_rewritten_when_a_quarter_of_it_is_too_old() {
    let hours: Vec<i64> = (0..100).map(|n| n * HOUR).collect();
    // The retention is so long that an eighth of it is more than the span of all events.
    let keep = 1000 * HOUR;
    let store = store(keep, &[&hours, &[2000 * HOUR]]);
    assert_eq!(prune(&store, keep + 24 * HOUR), 0);
    assert_eq!(times(&store).len(), 101);
    assert_eq!(prune(&store, keep + 25 * HOUR), 2);
    assert_eq!(times(&store)[..75], hours[25..]);
}

#[test]
fn no_event_is_kept_too_long_by_more_than_an_eighth() {
    let hours: Vec<i64> = (0..1000).map(|n| 9000 * HOUR + n).chain([7]).collect();
    let store = store(80 * DAY, &[&hours]);
    assert_eq!(prune(&store, 90 * DAY + 7), 0);
    assert_eq!(times(&store).len(), 1001);
    assert_eq!(prune(&store, 90 * DAY + 8), 2);
    assert_eq!(times(&store).len(), 1000);
}

#[test]
fn events_in_memory_are_dropped_too() {
    let options = StoreOptions {
        memtable_rows: 1 << 18,
        ..options(8 * DAY)
    };
    let store = TestStore::with(&options);
    append(&store, &[5, 20 * DAY]);
    assert_eq!(store.statistics().unwrap().memtable_rows, 2);
    // The rows are written as a segment, the segment is rewritten, and the blocks of the first are
    // dropped.
    assert_eq!(prune(&store, 10 * DAY), 3);
    assert_eq!(times(&store), [20 * DAY]);
}

#[test]
fn operations_stay_and_merges_prune() {
    let store = store(100 * DAY, &[&[DAY]]);
    let mut buffer = EventBuffer::default();
    let seattle = Value::One(Scalar::Text("Seattle".into()));
    buffer.operation(
        "ann",
        Millis(DAY),
        None,
        Operator::Set,
        "city",
        Some(&seattle),
    );
    store.append(&buffer, None).unwrap();
    append(&store, &[130 * DAY]);
    prune(&store, 130 * DAY);
    let city = |store: &Store| {
        let snapshot = store.snapshot().unwrap();
        let values = snapshot.values(&[UserKey(0)], &["city".to_owned()], Millis::MAX);
        values.unwrap()[0][0].clone()
    };
    assert_eq!(times(&store), [130 * DAY]);
    assert_eq!(city(&store), Some(seattle.clone()));
    // Late events that arrive afterwards.
    for time in [29 * DAY, 31 * DAY, 28 * DAY, 31 * DAY + 1] {
        append(&store, &[time]);
    }
    while store.maintain().unwrap() {}
    assert!(store.statistics().unwrap().segments < 4);
    assert_eq!(times(&store), [31 * DAY, 31 * DAY + 1, 130 * DAY]);
    assert_eq!(city(&store), Some(seattle));
}

#[test]
fn a_clock_that_is_wrong_by_years_drops_no_more_than_the_newest_event_allows() {
    let days: Vec<i64> = (100..500).map(|day| day * DAY).collect();
    let store = store(400 * DAY, &[&days]);
    assert_eq!(prune(&store, 4000 * DAY), 0);
    assert_eq!(times(&store), days);
    // The newest event is still known after a restart.
    let store = store.reopened(&options(400 * DAY));
    assert_eq!(prune(&store, 4000 * DAY), 0);
    append(&store, &[600 * DAY]);
    assert!(prune(&store, 4000 * DAY) > 0);
    assert_eq!(times(&store)[0], 200 * DAY);
}

#[test]
fn an_event_ahead_of_the_clock_counts_as_received_at_the_clocks_time() {
    let days: Vec<i64> = (100..500).map(|day| day * DAY).collect();
    let options = StoreOptions {
        clock: || Millis(500 * DAY),
        ..options(400 * DAY)
    };
    let store = TestStore::with(&options);
    append(&store, &days);
    // An event from a device with a wrong clock, and the same event in a file.
    append(&store, &[4000 * DAY]);
    let buffer = events([("ann", "Buy", 4001 * DAY)]);
    import(&store, "file", &[&buffer]);
    // The system's clock becomes wrong too.
    assert_eq!(prune(&store, 5000 * DAY), 0);
    assert_eq!(times(&store).len(), 402);
}

#[test]
fn dropping_more_than_a_fifth_of_all_events_needs_a_confirmation() {
    // One day per segment; the first twenty-one days are one more than a fifth of 105.
    let hours: Vec<i64> = (0..105 * 100).map(|n| n * DAY / 100).collect();
    let store = store(84 * DAY, &[&hours]);
    append(&store, &[106 * DAY]);
    let refused = store.prune(Millis(106 * DAY), false).unwrap();
    let Pruned::Refused(refusal) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.before, Millis(22 * DAY));
    assert_eq!((refusal.events, refusal.of), (2200, 10_501));
    assert_eq!(times(&store).len(), 10_501);
    // Merges do not drop them either.
    for _ in 0..4 {
        append(&store, &[106 * DAY]);
    }
    while store.maintain().unwrap() {}
    assert_eq!(times(&store).len(), 10_505);
    // A fifth is not too much.
    assert!(prune(&store, 105 * DAY) > 0);
    assert_eq!(times(&store)[0], 21 * DAY);
    // With a confirmation any share is dropped.
    append(&store, &[200 * DAY]);
    let refused = store.prune(Millis(200 * DAY), false).unwrap();
    assert!(matches!(refused, Pruned::Refused(_)), "{refused:?}");
    while store.prune(Millis(200 * DAY), true).unwrap() == Pruned::More {}
    assert_eq!(times(&store), [200 * DAY]);
}

#[test]
fn a_few_events_are_dropped_whatever_their_share_is() {
    let times_of: Vec<i64> = (0..1000).collect();
    let store = store(10 * DAY, &[&times_of, &[20 * DAY]]);
    assert!(prune(&store, 20 * DAY) > 0);
    assert_eq!(times(&store), [20 * DAY]);
    let times_of: Vec<i64> = (0..1001).collect();
    let store = self::store(10 * DAY, &[&times_of, &[20 * DAY]]);
    let refused = store.prune(Millis(20 * DAY), false).unwrap();
    assert!(matches!(refused, Pruned::Refused(_)), "{refused:?}");
}

#[test]
fn without_a_retention_nothing_is_dropped() {
    let options = StoreOptions {
        keep_events: None,
        ..options(0)
    };
    let store = TestStore::with(&options);
    append(&store, &[1, 2, 300 * DAY]);
    assert_eq!(store.prune(Millis(TODAY), true).unwrap(), Pruned::Done);
    assert_eq!(times(&store).len(), 3);
}

//! A user with very many events: blocks and merges of bounded size.

use muster_model::{EventBuffer, Millis, ScalarRef};
use muster_store::*;
use muster_testkit::store::{TestStore, property};

use crate::imports::import;

const IMPORTS: i64 = 4;
/// The events of each import. A text of 200 bytes is stored in place, so a merge has 12 MB to
/// write, more than it writes at once.
const EVENTS: i64 = 15_000;

#[test]
fn a_user_with_very_many_events_is_merged_in_parts() {
    let options = StoreOptions {
        map_size: 1 << 30,
        block_rows: 1000,
        ..StoreOptions::default()
    };
    let store = TestStore::with(&options);
    for nth in 0..IMPORTS {
        let mut buffer = EventBuffer::default();
        for user in ["ann", "bob", "carl"] {
            let events = if user == "bob" { EVENTS } else { 3 };
            for event in 0..events {
                let time = event * IMPORTS + nth;
                buffer.event(user, "View", Millis(time), None);
                buffer.property("text", ScalarRef::Text(&format!("{time:>200}")));
                buffer.property("number", ScalarRef::Number(time as f64));
            }
        }
        import(&store, &format!("file {nth}"), &[&buffer]);
    }
    let check = |title: &str| {
        let snapshot = store.snapshot().unwrap();
        let bob = snapshot.user_key("bob").unwrap().unwrap();
        for (now, reach) in [(i64::MAX, None), (30_000, Some(10_000)), (17, Some(3))] {
            let stream = StreamRead {
                names: vec!["View".to_owned()],
                properties: vec![property("number", ValueKind::Number)],
                lookback: reach,
            };
            let prepared = snapshot.prepare(&[stream], &[], &[]).unwrap();
            let history = prepared.read(&[bob], Millis(now)).unwrap();
            let last = now.min(EVENTS * IMPORTS - 1);
            let first = reach.map_or(0, |reach| last - i64::try_from(reach).unwrap() + 1);
            let expected: Vec<i64> = (first..=last).collect();
            assert_eq!(history.streams[0].times, expected, "{title} {now}");
            let numbers = expected.iter().map(|time| *time as f64).collect();
            let column = &history.streams[0].columns[0];
            assert_eq!(*column, Column::Number(numbers), "{title} {now}");
        }
    };
    check("imported");
    while store.maintain().unwrap() {}
    assert_eq!(store.statistics().unwrap().segments, 1);
    check("merged");
    let snapshot = store.snapshot().unwrap();
    let bob = snapshot.user_key("bob").unwrap().unwrap();
    drop(snapshot);
    assert!(store.forget_user(bob, &ForgetChanges::default()).unwrap());
    let statistics = store.statistics().unwrap();
    assert_eq!(statistics.events, 2 * 3 * IMPORTS as u64);
    assert!(
        statistics.segment_bytes < 10_000,
        "{}",
        statistics.segment_bytes
    );
}

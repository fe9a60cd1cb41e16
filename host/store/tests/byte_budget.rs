//! Reads that stop at a byte budget.

use muster_model::{EventBuffer, Millis, Operator, Scalar, ScalarRef, Value};
use muster_store::*;
use muster_testkit::store::{TestStore, property, stream};

const EVENTS: usize = 10_000;

fn store() -> TestStore {
    let store = TestStore::new();
    let mut buffer = EventBuffer::default();
    for event in 0..EVENTS {
        buffer.event("ann", "View", Millis(event as i64), None);
        buffer.property("number", ScalarRef::Number(event as f64));
        buffer.property("text", ScalarRef::Text(&format!("{event:>50}")));
        let city = Value::One(Scalar::Text(format!("city {event}").into()));
        buffer.user_property(Operator::Set, "city", Some(&city));
    }
    store.append(&buffer, None).unwrap();
    store
}

/// Returns the bytes that the columns of a history take in the module's memory.
fn size(history: &History) -> usize {
    let column = |column: &Column| match column {
        Column::Number(values) => values.len() * 8,
        Column::Flag(values) => values.len(),
        Column::Text(codes) => codes.len() * 4,
        Column::Texts { starts, codes } => (starts.len() + codes.len()) * 4,
    };
    let rows = |rows: &EventRows| {
        rows.starts.len() * 4
            + rows.times.len() * 8
            + rows.columns.iter().map(column).sum::<usize>()
    };
    history.dictionary.offsets.len() * 4
        + history.dictionary.bytes.len()
        + history.first_seen.len() * 8
        + history.user_properties.iter().map(column).sum::<usize>()
        + history.property_histories.iter().map(rows).sum::<usize>()
        + history.streams.iter().map(rows).sum::<usize>()
}

/// Reads each kind of column by itself. A read succeeds within slightly more than its size, and
/// fails within less.
#[test]
fn a_read_stops_when_its_columns_exceed_the_byte_budget() {
    let store = store();
    let snapshot = store.snapshot().unwrap();
    let ann = [snapshot.user_key("ann").unwrap().unwrap()];
    let view = |properties: Vec<PropertyRead>| {
        vec![StreamRead {
            properties,
            ..stream("View")
        }]
    };
    let number = view(vec![property("number", ValueKind::Number)]);
    let flag = view(vec![property("number", ValueKind::Flag)]);
    let text = view(vec![property("text", ValueKind::Text)]);
    let none = view(Vec::new());
    let city = vec![property("city", ValueKind::Text)];
    for (what, streams, histories) in [
        ("times", none, Vec::new()),
        ("numbers", number, Vec::new()),
        ("flags", flag, Vec::new()),
        ("texts", text, Vec::new()),
        ("histories", Vec::new(), city),
    ] {
        let prepared = snapshot.prepare(&streams, &[], &histories).unwrap();
        let all = prepared.read(&ann, Millis::MAX).unwrap();
        let size = size(&all);
        let within = |bytes| prepared.read_within(&ann, Millis::MAX, bytes).unwrap();
        assert!(
            within(size - 64).is_none(),
            "{what}: less than {size} bytes"
        );
        // The selection has a byte budget of its own beside that of the columns, of the same size.
        let most = (size + 64).max(EVENTS * 28);
        assert_eq!(within(most), Some(all), "{what}: {size} bytes");
    }
}

/// Rows are counted before they are sorted, whichever columns are read of them.
#[test]
fn rows_beyond_the_byte_budget_are_not_sorted() {
    let store = store();
    let snapshot = store.snapshot().unwrap();
    let ann = [snapshot.user_key("ann").unwrap().unwrap()];
    let city = [property("city", ValueKind::Text)];
    let prepared = snapshot.prepare(&[], &city, &[]).unwrap();
    let within = |bytes| prepared.read_within(&ann, Millis::MAX, bytes).unwrap();
    assert!(within(EVENTS * 28 - 28).is_none());
    assert!(within(EVENTS * 28).is_some());
}

/// Refuses a batch of many users, which is too large even without rows.
#[test]
fn users_without_rows_count_towards_the_byte_budget() {
    let store = store();
    let snapshot = store.snapshot().unwrap();
    let users: Vec<_> = (0..1_000).map(UserKey).collect();
    let prepared = snapshot.prepare(&[], &[], &[]).unwrap();
    let within = |bytes| prepared.read_within(&users, Millis(-1), bytes).unwrap();
    assert!(within(7_000).is_none());
    assert!(within(9_000).is_some());
}

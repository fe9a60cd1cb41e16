//! Names: resolved once for many reads, and limited in number.

use muster_model::{EventBuffer, Millis, Operator, Scalar, ScalarRef, Value};
use muster_store::*;
use muster_testkit::store::{TestStore, stream};

use crate::imports::new_import;

fn event(buffer: &mut EventBuffer, name: &str, property: &str) {
    buffer.event("ann", name, Millis(1), None);
    buffer.property(property, ScalarRef::Number(1.0));
    let one = Value::One(Scalar::Number(1.0));
    buffer.user_property(Operator::Add, property, Some(&one));
}

#[test]
fn a_prepared_read_holds_for_its_snapshot() {
    let store = TestStore::new();
    let append = |name: &str| {
        let mut buffer = EventBuffer::default();
        event(&mut buffer, name, "p");
        store.append(&buffer, None).unwrap();
    };
    append("Buy a");
    let streams = ["Buy *", "Buy b", "*"].map(stream);
    let rows = |snapshot: &Snapshot| {
        let prepared = snapshot.prepare(&streams, &[], &[]).unwrap();
        let history = prepared.read(&[UserKey(0)], Millis::MAX).unwrap();
        let rows: Vec<usize> = (history.streams.iter())
            .map(|stream| stream.times.len())
            .collect();
        assert!((prepared.rows_hint() - rows.iter().sum::<usize>() as f64).abs() < 0.01);
        rows
    };
    let before = store.snapshot().unwrap();
    assert_eq!(rows(&before), [1, 0, 1]);
    append("Buy b");
    append("View");
    assert_eq!(rows(&store.snapshot().unwrap()), [2, 1, 3]);
    assert_eq!(rows(&before), [1, 0, 1]);
}

const FEW: u32 = 3;

fn few() -> StoreOptions {
    StoreOptions {
        event_names: FEW,
        event_properties: FEW,
        user_properties: FEW,
        map_size: 1 << 28,
        ..StoreOptions::default()
    }
}

#[test]
fn event_names_have_a_limit() {
    let store = TestStore::with(&few());
    let append = |store: &Store, name: &str| {
        let mut buffer = EventBuffer::default();
        buffer.event("ann", name, Millis(1), None);
        store.append(&buffer, None)
    };
    append(&store, "a").unwrap();
    store.admit_event_name("b").unwrap();
    store.admit_event_name("b").unwrap();
    append(&store, "c").unwrap();
    // An admitted name is accepted, even if others were added in between.
    append(&store, "b").unwrap();
    for name in ["d", "e"] {
        let error = store.admit_event_name(name).unwrap_err();
        let expected = format!(
            "the event type `{name}` is new, and there are 3 already: put what varies into values, not into names"
        );
        assert_eq!(error.to_string(), expected);
        assert!(matches!(
            append(&store, name),
            Err(StoreError::TooManyNames { limit: FEW, .. })
        ));
    }
    append(&store, "a").unwrap();
    // A name keeps its number; a larger limit admits more.
    let store = store.reopened(&few());
    assert!(store.admit_event_name("d").is_err());
    store.admit_event_name("b").unwrap();
    assert_eq!(store.snapshot().unwrap().event_names().len(), 3);
    let store = store.reopened(&StoreOptions::default());
    append(&store, "d").unwrap();
    assert_eq!(store.snapshot().unwrap().event_names().len(), 4);
}

#[test]
fn properties_have_a_limit_and_further_ones_are_left_out() {
    let store = TestStore::with(&few());
    let mut buffer = EventBuffer::default();
    for property in ["a", "b", "c", "d", "a"] {
        event(&mut buffer, "Buy", property);
    }
    buffer.user_property(Operator::Add, "e", Some(&Value::One(Scalar::Number(1.0))));
    assert_eq!(store.properties_full(), (false, false));
    let appended = store.append(&buffer, None).unwrap();
    assert_eq!(appended.left_out, 3);
    assert_eq!(store.properties_full(), (true, true));
    store.admit_property("a").unwrap();
    store.admit_user_property(Operator::Add, "a").unwrap();
    for error in [
        store.admit_property("d").unwrap_err(),
        store.admit_user_property(Operator::Add, "d").unwrap_err(),
        store.admit_user_property(Operator::Set, "a").unwrap_err(),
    ] {
        assert!(
            matches!(error, StoreError::TooManyNames { limit: FEW, .. }),
            "{error}"
        );
    }
    // An operation that clears all properties is always possible.
    let history = |store: &Store| {
        store
            .snapshot()
            .unwrap()
            .history(UserKey(0), Millis(1))
            .unwrap()
    };
    let names: Vec<_> = history(&store).properties.into_keys().collect();
    assert_eq!(names, ["a".into(), "b".into(), "c".into()]);
    let held = history(&store)
        .events
        .iter()
        .map(|event| event.properties.len())
        .sum::<usize>();
    assert_eq!(held, 4);
    let mut clear = EventBuffer::default();
    clear.operation("ann", Millis(1), None, Operator::ClearAll, "", None);
    assert_eq!(store.append(&clear, None).unwrap().left_out, 0);
    assert_eq!(history(&store).property("a", Millis(1)), None);

    // An import does the same.
    let mut import = new_import(&store, "file");
    assert_eq!(import.append(&buffer, b"").unwrap(), 3);
    import.finish(b"end").unwrap();
}

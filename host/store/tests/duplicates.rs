//! Duplicate events count once, as a whole: those with a known insert id when they arrive, and
//! those that also agree in name and instant at any time. Operations of one event are no duplicates
//! of each other.

use muster_model::{EventBuffer, Millis, Operator, Scalar, ScalarRef, Value};
use muster_store::*;
use muster_testkit::store::{TestStore, events, stream};

use crate::imports::import;

const ANN: UserKey = UserKey(0);

fn number(number: f64) -> Value {
    Value::One(Scalar::Number(number))
}

fn options() -> StoreOptions {
    StoreOptions {
        map_size: 1 << 30,
        memtable_rows: 1 << 20,
        ..StoreOptions::default()
    }
}

fn flushing() -> StoreOptions {
    StoreOptions {
        memtable_rows: 1,
        ..options()
    }
}

/// A way for buffers to get into the store.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Appended to one batch of rows in memory, or several.
    Append,
    /// Each in the log, and the store is opened again.
    Reopen,
    /// Each in a segment of its own.
    Flush,
    /// In segments that are merged to one.
    Merge,
    /// Each in an import of its own.
    Import,
    /// All in one import.
    OneImport,
    /// By each of the other ways in turn.
    Mixed,
}

const WAYS: [Way; 7] = [
    Way::Append,
    Way::Reopen,
    Way::Flush,
    Way::Merge,
    Way::Import,
    Way::OneImport,
    Way::Mixed,
];

/// Writes the rows in memory, and makes one segment of all. Merging takes at least four segments,
/// none larger than the memtable.
fn merge(store: TestStore) -> TestStore {
    let store = store.reopened(&flushing());
    let other = events([("bob", "View", 1)]);
    for _ in 0..4 {
        store.append(&other, None).unwrap();
    }
    let store = store.reopened(&options());
    while store.maintain().unwrap() {}
    assert_eq!(store.statistics().unwrap().segments, 1);
    store
}

fn deliver(way: Way, buffers: &[EventBuffer]) -> TestStore {
    let options = match way {
        Way::Flush | Way::Merge => flushing(),
        _ => options(),
    };
    let mut store = TestStore::with(&options);
    if let Way::OneImport = way {
        import(&store, "all", &buffers.iter().collect::<Vec<_>>());
        return store;
    }
    for (nth, buffer) in buffers.iter().enumerate() {
        let imported = matches!(way, Way::Import) || (matches!(way, Way::Mixed) && nth % 2 == 1);
        if imported {
            import(&store, &format!("import {nth}"), &[buffer]);
        } else {
            store.append(buffer, None).unwrap();
        }
        if matches!(way, Way::Reopen) || (matches!(way, Way::Mixed) && nth % 3 == 2) {
            store = store.reopened(&options);
        }
    }
    if let Way::Merge = way {
        store = merge(store);
    }
    store
}

/// Reads the values of the user's properties, and the number of events with the name `View`.
fn held(store: &Store) -> (Vec<Option<Value>>, usize) {
    let snapshot = store.snapshot().unwrap();
    let names = ["n", "city", "seen"].map(str::to_owned);
    let values = snapshot.values(&[ANN], &names, Millis::MAX).unwrap();
    let history = snapshot
        .read(&ReadRequest {
            users: &[ANN],
            now: Millis::MAX,
            streams: &[stream("View")],
            user_properties: &[],
            property_histories: &[],
        })
        .unwrap();
    (values[0].clone(), history.streams[0].times.len())
}

/// Checks the result for each way of getting the buffers into the store, and for repeated reads.
fn expect(buffers: &[EventBuffer], expected: &(Vec<Option<Value>>, usize)) {
    for way in WAYS {
        let store = deliver(way, buffers);
        assert_eq!(&held(&store), expected, "{way:?}");
        // The rows in memory are read from the log, and then written and merged.
        let store = store.reopened(&options());
        assert_eq!(&held(&store), expected, "{way:?}, opened again");
        let store = merge(store);
        assert_eq!(&held(&store), expected, "{way:?}, merged");
    }
}

fn view(buffer: &mut EventBuffer, insert: &str) {
    buffer.event("ann", "View", Millis(5), Some(insert));
}

#[test]
fn an_event_keeps_all_its_operations() {
    let mut before = EventBuffer::default();
    before.operation(
        "ann",
        Millis(1),
        Some("a"),
        Operator::Set,
        "n",
        Some(&number(7.0)),
    );
    let mut event = EventBuffer::default();
    view(&mut event, "b");
    event.user_property(Operator::ClearAll, "", None);
    event.user_property(
        Operator::Set,
        "city",
        Some(&Value::One(Scalar::Text("Rome".into()))),
    );
    let rome = Some(Value::One(Scalar::Text("Rome".into())));
    expect(&[before, event], &(vec![None, rome, None], 1));

    let mut event = EventBuffer::default();
    view(&mut event, "b");
    event.user_property(Operator::Set, "n", Some(&number(1.0)));
    event.user_property(Operator::Add, "n", Some(&number(1.0)));
    // An operation without an operand begins no event.
    event.identify("ann", Millis(6), Some("c"));
    event.user_property(Operator::Add, "n", None);
    event.user_property(Operator::Add, "n", Some(&number(2.0)));
    event.user_property(Operator::Add, "n", Some(&number(3.0)));
    expect(&[event], &(vec![Some(number(7.0)), None, None], 1));
}

/// Makes a store forget the insert ids, as if the window had passed.
fn after_the_window(store: TestStore) -> TestStore {
    let store = store.reopened(&flushing());
    while store.maintain().unwrap() {}
    let store = store.reopened(&StoreOptions {
        clock: || Millis::MAX,
        ..options()
    });
    while store.maintain().unwrap() {}
    store.reopened(&options())
}

/// Makes an event with operations, two of them on one property, and an event that consists of
/// operations only.
fn doubled() -> EventBuffer {
    let mut buffer = EventBuffer::default();
    let x = Value::One(Scalar::Text("x".into()));
    view(&mut buffer, "a");
    for _ in 0..2 {
        buffer.user_property(Operator::Add, "n", Some(&number(1.0)));
        buffer.user_property(Operator::Append, "seen", Some(&x));
    }
    buffer.identify("ann", Millis(5), Some("b"));
    buffer.user_property(Operator::Add, "n", Some(&number(10.0)));
    buffer
}

#[test]
fn an_event_sent_twice_counts_once_wherever_its_copies_are() {
    let once = doubled();
    let x = Scalar::Text("x".into());
    let seen = Some(Value::List(vec![x.clone(), x]));
    let expected = (vec![Some(number(12.0)), None, seen], 1);
    expect(std::slice::from_ref(&once), &expected);
    let mut twice = once.clone();
    twice.append(&once);
    expect(std::slice::from_ref(&twice), &expected);
    expect(&[once.clone(), once.clone()], &expected);
    let mut other = EventBuffer::default();
    other.event("ann", "Buy", Millis(5), Some("a"));
    let all = [twice.clone(), other.clone(), once.clone(), other, twice];
    expect(&all, &expected);
}

#[test]
fn the_first_of_differing_duplicates_counts_as_a_whole() {
    let event = |operands: &[f64]| {
        let mut buffer = EventBuffer::default();
        view(&mut buffer, "a");
        for operand in operands {
            buffer.user_property(Operator::Add, "n", Some(&number(*operand)));
        }
        buffer
    };
    let first = [
        event(&[1.0, 2.0]),
        event(&[10.0, 20.0, 30.0]),
        event(&[100.0]),
    ];
    expect(&first, &(vec![Some(number(3.0)), None, None], 1));
    let bare = [event(&[]), event(&[10.0, 20.0, 30.0]), event(&[100.0])];
    expect(&bare, &(vec![None, None, None], 1));
}

#[test]
fn events_of_a_user_and_an_insert_id_are_duplicates_whatever_else_they_say() {
    let mut first = EventBuffer::default();
    view(&mut first, "a");
    first.user_property(Operator::Add, "n", Some(&number(1.0)));
    let mut second = EventBuffer::default();
    second.event("ann", "Buy", Millis(5), Some("a"));
    second.user_property(Operator::Add, "n", Some(&number(10.0)));
    let mut third = EventBuffer::default();
    third.event("ann", "View", Millis(6), Some("a"));
    third.user_property(Operator::Add, "n", Some(&number(100.0)));
    let mut other = EventBuffer::default();
    // Another user, and another id.
    other.event("bob", "View", Millis(6), Some("a"));
    view(&mut other, "b");
    let expected = (vec![Some(number(1.0)), None, None], 2);
    expect(
        &[first.clone(), second.clone(), third.clone(), other.clone()],
        &expected,
    );
    for next in [&second, &third, &other] {
        first.append(next);
    }
    expect(&[first], &expected);
}

#[test]
fn an_operation_without_a_time_that_is_sent_three_times_counts_once() {
    // Its instant is that of its arrival.
    let retries = [5, 6, 7].map(|time| {
        let mut buffer = EventBuffer::default();
        let ten = number(10.0);
        let add = Operator::Add;
        buffer.operation("ann", Millis(time), Some("a"), add, "n", Some(&ten));
        buffer
    });
    expect(&retries, &(vec![Some(number(10.0)), None, None], 0));
}

#[test]
fn an_event_with_the_insert_id_of_an_identify_event_is_its_duplicate_and_the_other_way_round() {
    let identify = |buffer: &mut EventBuffer, insert| {
        buffer.identify("ann", Millis(4), Some(insert));
        buffer.user_property(Operator::Add, "n", Some(&number(1.0)));
    };
    let mut buffer = EventBuffer::default();
    identify(&mut buffer, "a");
    view(&mut buffer, "a");
    view(&mut buffer, "b");
    identify(&mut buffer, "b");
    expect(&[buffer], &(vec![Some(number(1.0)), None, None], 1));
}

#[test]
fn appended_counts_what_was_left_out() {
    let store = TestStore::with(&options());
    let count = |buffer: &EventBuffer| {
        let appended = store.append(buffer, None).unwrap();
        (appended.rows, appended.duplicates, appended.sequence)
    };
    // Two rows of operations: two of them change one property.
    assert_eq!(count(&doubled()), (4, 0, 1));
    // The event, its operations and the identify event.
    assert_eq!(count(&doubled()), (3, 3, 1));
    let mut import = match store.import(&SourceKey::new("file").unwrap()).unwrap() {
        ImportState::Open(import, None) => import,
        _ => panic!("a new import"),
    };
    import.append(&doubled(), b"1").unwrap();
    let finished = import.finish(b"end").unwrap();
    assert_eq!((finished.rows, finished.duplicates), (0, 3));
}

#[test]
fn an_insert_id_that_was_not_stored_is_not_known() {
    let mut buffer = EventBuffer::default();
    view(&mut buffer, "a");
    // A commit that failed.
    let options = StoreOptions {
        commits_left: Some(std::sync::Arc::new(2.into())),
        ..options()
    };
    let store = TestStore::with(&options);
    store.append(&events([("ann", "Buy", 1)]), None).unwrap();
    while store.append(&events([("ann", "Buy", 2)]), None).is_ok() {}
    assert!(store.append(&buffer, None).is_err());
    let store = store.reopened(&self::options());
    assert_eq!(store.append(&buffer, None).unwrap().duplicates, 0);
    // An import that was given up, and one that goes on.
    let mut other = EventBuffer::default();
    view(&mut other, "b");
    let source = SourceKey::new("file").unwrap();
    let begin = |store: &Store| match store.import(&source).unwrap() {
        ImportState::Open(import, _) => import,
        ImportState::Done(_) => panic!("an import that goes on"),
    };
    let mut import = begin(&store);
    import.append(&other, b"1").unwrap();
    import.abort().unwrap();
    let store = store.reopened(&StoreOptions {
        import_rows: 1,
        ..self::options()
    });
    let mut import = begin(&store);
    import.append(&other, b"1").unwrap();
    drop(import);
    assert_eq!(store.append(&other, None).unwrap().duplicates, 0);
    // The rows of the import are known to its own next session.
    let mut import = begin(&store);
    let mut third = EventBuffer::default();
    view(&mut third, "c");
    import.append(&third, b"2").unwrap();
    drop(import);
    let mut import = begin(&store);
    import.append(&third, b"3").unwrap();
    assert_eq!(import.finish(b"end").unwrap().duplicates, 1);
    assert_eq!(store.append(&third, None).unwrap().duplicates, 1);
    assert_eq!(held(&store).1, 3);
}

#[test]
fn after_the_window_only_events_of_one_name_and_instant_are_duplicates() {
    for imported in [false, true] {
        let mut store = TestStore::with(&options());
        for nth in 0..3 {
            let mut buffer = EventBuffer::default();
            view(&mut buffer, "a");
            buffer.user_property(Operator::Add, "n", Some(&number(1.0)));
            buffer.event("ann", "View", Millis(6 + nth), Some("b"));
            buffer.user_property(Operator::Add, "n", Some(&number(10.0)));
            if imported {
                import(&store, &format!("import {nth}"), &[&buffer]);
            } else {
                store.append(&buffer, None).unwrap();
            }
            store = after_the_window(store);
        }
        let expected = (vec![Some(number(31.0)), None, None], 4);
        assert_eq!(held(&store), expected);
        let store = merge(store);
        assert_eq!(held(&store), expected);
    }
}

/// The number of events of one instant. Comparing them in pairs would take minutes: 5 × 10^9
/// comparisons each time that they are sorted.
const TIED: u32 = 100_000;

#[test]
fn events_of_one_instant_cost_no_more_than_others() {
    let mut buffer = EventBuffer::default();
    for nth in 0..TIED {
        view(&mut buffer, &nth.to_string());
        if nth % 4 == 0 {
            buffer.user_property(Operator::Add, "n", Some(&number(1.0)));
        }
    }
    let expected = (
        vec![Some(number(f64::from(TIED / 4))), None, None],
        TIED as usize,
    );
    let store = TestStore::with(&options());
    // One batch and its duplicates in memory, read and sorted together.
    store.append(&buffer, None).unwrap();
    assert_eq!(held(&store), expected);
    store.append(&buffer, None).unwrap();
    assert_eq!(held(&store), expected);
    // The same from the log.
    let store = store.reopened(&options());
    assert_eq!(held(&store), expected);
    // The same as merged segments, which an import writes behind the rows in memory.
    let mut store = store;
    for name in ["a", "b", "c"] {
        store = after_the_window(store);
        import(&store, name, &[&buffer]);
    }
    assert_eq!(held(&store), expected);
    assert_eq!(store.statistics().unwrap().segments, 4);
    let store = merge(store);
    assert_eq!(held(&store), expected);
}

#[test]
fn the_latest_of_many_values_of_a_property_in_one_event_counts() {
    let mut buffer = EventBuffer::default();
    view(&mut buffer, "a");
    for nth in 0..2000 {
        let value = f64::from(nth);
        buffer.property(&format!("p{}", nth % 1000), ScalarRef::Number(value));
        let name = format!("u{}", nth % 1000);
        buffer.user_property(Operator::Set, &name, Some(&number(value)));
    }
    let store = TestStore::with(&options());
    store.append(&buffer, None).unwrap();
    let history = store.snapshot().unwrap().history(ANN, Millis::MAX).unwrap();
    assert_eq!(history.events[0].properties.len(), 1000);
    for nth in [0, 1, 999] {
        let latest = number(f64::from(1000 + nth));
        assert_eq!(history.events[0].properties[&*format!("p{nth}")], latest);
        let held = history.property(&format!("u{nth}"), Millis(5));
        assert_eq!(held, Some(&latest));
    }
}

//! The store against a model that keeps everything in a list.

mod comparison;

use comparison::*;
use muster_model::{Millis, Operator, Scalar, Value};
use muster_store::*;
use muster_testkit::store::{TestStore, events};
use proptest::prelude::*;

use crate::imports::new_import;

/// A step in the life of a store.
#[derive(Clone, Debug)]
enum StoreStep {
    Append(Vec<InputRow>),
    /// Events of an earlier step arrive again.
    Again(prop::sample::Index),
    Import {
        rows: Vec<Vec<InputRow>>,
        end: ImportEnd,
    },
    Maintain,
    Forget(u32),
    Prune(i64),
    Reopen,
    Read(Question),
}

#[derive(Clone, Copy, Debug)]
enum ImportEnd {
    Finish,
    Abort,
    /// The process ends; the import is continued later or never.
    Drop,
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        3 => prop::sample::select(vec!["a", "b", "50", "true", "7.5", ""]).prop_map(|text| Scalar::Text(text.into())),
        // A text too long for the dictionary.
        1 => prop::sample::select(vec!["x", "y"]).prop_map(|text| Scalar::Text(text.repeat(MAX_TEXT + 1).into())),
        3 => prop::sample::select(vec![50.0, 7.5, -0.0, -0.5, 0.1, 1e300, 12345.25, 9e15]).prop_map(Scalar::Number),
        // Instants and texts that resemble one, in the dictionary and too long for it.
        1 => prop::sample::select(vec!["1970-01-02", "2026-03-01T00:00:00.5Z", "2026-02-30", "0001234", "1234.5"])
            .prop_map(|text| Scalar::Text(text.into())),
        1 => Just(Scalar::Text(format!("{:0>1$}", 86_400_000, MAX_TEXT + 1).into())),
        1 => any::<bool>().prop_map(Scalar::Flag),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => scalar().prop_map(Value::One),
        1 => prop::collection::vec(scalar(), 1..4).prop_map(Value::List),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    // Few instants, so that equal times, late events and duplicates are common.
    prop_oneof![4 => 0..20_i64, 1 => 0..2_000_000_000_000_i64]
}

fn input() -> impl Strategy<Value = InputRow> {
    let user = prop_oneof![0..6_u32, 250..520_u32];
    let insert = prop::option::of(0..8_u8);
    let properties = prop::collection::vec((0..4_u8, value()), 0..3);
    let operator = prop_oneof![
        3 => Just(Operator::Set),
        2 => Just(Operator::Add),
        1 => prop::sample::select(Operator::ALL.to_vec()),
    ];
    // Property 0 is only ever set, as most real properties are.
    let property = prop_oneof![Just((Operator::Set, 0_u8)), (operator, 1..3_u8)];
    let operation =
        (property, value()).prop_map(|((operator, property), value)| (operator, property, value));
    let some = prop::collection::vec(operation, 1..5).boxed();
    let operations = prop_oneof![2 => Just(Vec::new()), 1 => some.clone()].boxed();
    let event = (
        user.clone(),
        0..4_u8,
        time(),
        insert.clone(),
        properties,
        operations,
    )
        .prop_map(
            |(user, name, time, insert, properties, operations)| InputRow::Event {
                user,
                name,
                time,
                insert,
                properties,
                operations,
            },
        );
    let identify = (user, time(), insert, some).prop_map(|(user, time, insert, operations)| {
        InputRow::Identify {
            user,
            time,
            insert,
            operations,
        }
    });
    prop_oneof![3 => event, 1 => identify]
}

/// Makes rows that arrive together, some of them twice.
fn rows() -> impl Strategy<Value = Vec<InputRow>> {
    let again = prop::option::weighted(0.2, any::<prop::sample::Index>());
    prop::collection::vec((input(), again), 0..12).prop_map(|rows| {
        let mut all: Vec<InputRow> = Vec::new();
        for (row, again) in rows {
            all.push(row);
            if let Some(again) = again {
                all.push(again.get(&all).clone());
            }
        }
        all
    })
}

fn kind() -> impl Strategy<Value = ValueKind> {
    prop::sample::select(vec![
        ValueKind::Text,
        ValueKind::Number,
        ValueKind::Flag,
        ValueKind::Instant,
    ])
}

fn question() -> impl Strategy<Value = Question> {
    let names = prop::sample::subsequence(vec!["Buy", "Buy *", "*", "View", "*iew", "Other"], 1..3);
    let property = prop_oneof![
        4 => (0..5_u8, kind()).prop_map(event_property),
        1 => Just(PropertyRead { name: String::new(), kind: ValueKind::Text }),
    ];
    let properties = prop::collection::vec(property, 0..4);
    let stream = (names, properties, prop::option::of(0..30_u64));
    let users = prop_oneof![
        Just(None),
        prop::collection::btree_set(0..40_u32, 1..6).prop_map(Some)
    ];
    (
        users,
        prop_oneof![0..25_i64, Just(Millis::MAX.0)],
        prop::collection::vec(stream, 0..3),
        prop::collection::vec((0..4_u8, kind()), 0..3),
        prop::collection::vec((0..4_u8, kind()), 0..3),
    )
        .prop_map(|(users, now, streams, current, histories)| Question {
            users,
            now,
            streams: streams
                .into_iter()
                .map(|(names, properties, reach)| StreamRead {
                    names: names.into_iter().map(str::to_owned).collect(),
                    properties,
                    lookback: reach,
                })
                .collect(),
            current: current.into_iter().map(user_property).collect(),
            histories: histories.into_iter().map(user_property).collect(),
        })
}

fn step() -> impl Strategy<Value = StoreStep> {
    prop_oneof![
        6 => rows().prop_map(StoreStep::Append),
        2 => any::<prop::sample::Index>().prop_map(StoreStep::Again),
        2 => (prop::collection::vec(rows(), 0..4), prop::sample::select(vec![ImportEnd::Finish, ImportEnd::Finish, ImportEnd::Abort, ImportEnd::Drop]))
            .prop_map(|(rows, end)| StoreStep::Import { rows, end }),
        2 => Just(StoreStep::Maintain),
        2 => prop_oneof![0..6_u32, 250..520_u32].prop_map(StoreStep::Forget),
        1 => prop_oneof![0..25_i64, 0..2_000_000_000_000_i64].prop_map(StoreStep::Prune),
        1 => Just(StoreStep::Reopen),
        4 => question().prop_map(StoreStep::Read),
    ]
}

proptest! {
    #[test]
    fn the_store_answers_as_the_model_does(steps in prop::collection::vec(step(), 1..40), last in question()) {
        let options = StoreOptions { memtable_rows: 25, import_rows: 10, block_rows: 3, readers: 2, map_size: 1 << 28, keep_events: Some(0), clock: || Millis::MAX, ..StoreOptions::default() };
        let mut store = TestStore::with(&options);
        let mut model = Model::default();
        let mut sent = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                StoreStep::Append(rows) => {
                    let source = SourceKey::new("live").unwrap();
                    let position = number.to_le_bytes();
                    store.append(&buffer(&rows), Some((&source, &position))).unwrap();
                    prop_assert_eq!(store.position(&source).unwrap(), Some(position.to_vec()));
                    model.add(&rows);
                    sent.push(rows);
                }
                StoreStep::Again(which) if !sent.is_empty() => {
                    let rows = which.get(&sent);
                    store.append(&buffer(rows), None).unwrap();
                    model.add(rows);
                }
                StoreStep::Again(_) => {}
                StoreStep::Import { rows, end } => {
                    let source = SourceKey::new(&format!("import {number}")).unwrap();
                    let before = store.snapshot().unwrap().sequence();
                    let mut import = new_import(&store, &format!("import {number}"));
                    for (part, rows) in rows.iter().enumerate() {
                        import.append(&buffer(rows), &part.to_le_bytes()).unwrap();
                    }
                    prop_assert_eq!(store.snapshot().unwrap().sequence(), before);
                    match end {
                        ImportEnd::Finish => {
                            import.finish(b"end").unwrap();
                            prop_assert_eq!(store.position(&source).unwrap(), Some(b"end".to_vec()));
                            for rows in rows {
                                model.add(&rows);
                                sent.push(rows);
                            }
                        }
                        ImportEnd::Abort => {
                            import.abort().unwrap();
                            prop_assert!(matches!(store.import(&source).unwrap(), ImportState::Open(_, None)));
                        }
                        ImportEnd::Drop => drop(import),
                    }
                }
                StoreStep::Maintain => while store.maintain().unwrap() {},
                StoreStep::Forget(user) => {
                    let id = format!("user {user}");
                    let key = store.snapshot().unwrap().user_key(&id).unwrap();
                    if let Some(key) = key {
                        prop_assert!(store.forget_user(key, &ForgetChanges::default()).unwrap());
                        prop_assert!(!store.forget_user(key, &ForgetChanges::default()).unwrap());
                        let snapshot = store.snapshot().unwrap();
                        prop_assert_eq!(snapshot.user_id(key).unwrap(), None);
                        prop_assert_eq!(snapshot.user_key(&id).unwrap(), None);
                    }
                    model.forget(user);
                }
                StoreStep::Prune(before) => {
                    while store.prune(Millis(before), true).unwrap() == Pruned::More {}
                    if model.newest > 0 {
                        model.prune(before.min(model.newest));
                    }
                }
                StoreStep::Reopen => {
                    store = store.reopened(&options);
                }
                StoreStep::Read(question) => check(&store, &model, &question),
            }
        }
        check(&store, &model, &last);
        while store.maintain().unwrap() {}
        check(&store, &model, &last);
        check(&store.reopened(&options), &model, &last);
    }
}

#[test]
fn an_import_goes_on_from_its_last_durable_position() {
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        import_rows: 2,
        map_size: 1 << 28,
        ..StoreOptions::default()
    };
    let source = SourceKey::new("file").unwrap();
    let one = |time| events([("ann", "Buy", time)]);
    {
        let store = Store::open(directory.path(), &options).unwrap();
        let mut import = new_import(&store, "file");
        assert!(matches!(
            store.import(&source),
            Err(StoreError::ImportBusy { .. })
        ));
        for time in 0..5 {
            import.append(&one(time), &time.to_le_bytes()).unwrap();
        }
        assert_eq!(store.statistics().unwrap().events, 0);
    }
    let store = Store::open(directory.path(), &options).unwrap();
    let ImportState::Open(mut import, Some(position)) = store.import(&source).unwrap() else {
        panic!("an import to go on with");
    };
    assert_eq!(position, 3_i64.to_le_bytes());
    import.append(&one(4), b"4").unwrap();
    assert_eq!(import.finish(b"end").unwrap().rows, 5);
    assert_eq!(store.statistics().unwrap().events, 5);
    assert!(
        matches!(store.import(&source).unwrap(), ImportState::Done(position) if position == b"end")
    );
    assert_eq!(store.snapshot().unwrap().known(Millis(0)).unwrap().len(), 1);
}

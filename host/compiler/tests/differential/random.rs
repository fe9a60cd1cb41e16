//! Random clauses and histories over few names, values and instants, so that they meet.

use std::collections::BTreeMap;

use muster_definition::{
    Clause, Comparison, Condition, Did, Duration, EventName, Predicate, Test, UserClause, Window,
};
use muster_model::{Event, Millis, Scalar, UserHistory, Value};
use proptest::prelude::*;
use proptest::sample::select;

const NAMES: [&str; 4] = ["View", "Cart", "Purchase", "Purchase Again"];
const GLOBS: [&str; 6] = ["View", "Cart", "Purchase", "Purchase*", "*", "None Such"];
const PROPERTIES: [&str; 3] = ["amount", "kind", "absent"];
const TEXTS: [&str; 8] = ["a", "b", "", "50", "50.0", "true", "1e2", "ünï"];
const NUMBERS: [f64; 6] = [0.0, 1.0, 2.0, 50.0, 50.5, -3.0];

pub(crate) fn now() -> impl Strategy<Value = Millis> {
    (0_i64..60).prop_map(Millis)
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        select(&TEXTS[..]).prop_map(|text| Scalar::Text(text.into())),
        select(&NUMBERS[..]).prop_map(Scalar::Number),
        any::<bool>().prop_map(Scalar::Flag),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalar().prop_map(Value::One),
        1 => prop::collection::vec(scalar(), 1..4).prop_map(Value::List),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let properties =
        prop::collection::btree_map(select(&PROPERTIES[..2]).prop_map(Box::from), value(), 0..3);
    (select(&NAMES[..]), 0_i64..70, properties).prop_map(|(name, time, properties)| Event {
        name: name.into(),
        time: Millis(time),
        properties,
    })
}

/// Some rows lie after any `now`: the batch leaves them out, the interpreter must not see them.
pub(crate) fn history() -> impl Strategy<Value = UserHistory> {
    let changes = prop::collection::vec((0_i64..70, prop::option::weighted(0.8, value())), 1..4)
        .prop_map(|mut changes| {
            changes.sort_by_key(|(time, _)| *time);
            changes
                .into_iter()
                .map(|(time, value)| (Millis(time), value))
                .collect::<Vec<_>>()
        });
    let properties =
        prop::collection::btree_map(select(&PROPERTIES[..2]).prop_map(Box::from), changes, 0..3);
    (prop::collection::vec(event(), 0..12), properties).prop_map(|(mut events, properties)| {
        events.sort_by_key(|event| event.time);
        UserHistory {
            events,
            properties,
            ..UserHistory::default()
        }
    })
}

/// What is visible at an instant.
pub(crate) fn up_to(history: &UserHistory, now: Millis) -> UserHistory {
    let events = history
        .events
        .iter()
        .filter(|event| event.time <= now)
        .cloned()
        .collect();
    let visible = |changes: &Vec<(Millis, Option<Value>)>| {
        changes
            .iter()
            .filter(|(at, _)| *at <= now)
            .cloned()
            .collect()
    };
    let properties: BTreeMap<_, _> = history
        .properties
        .iter()
        .map(|(name, changes)| (name.clone(), visible(changes)))
        .collect();
    UserHistory {
        events,
        properties,
        ..UserHistory::default()
    }
}

fn test() -> impl Strategy<Value = Test> {
    let texts = || prop::collection::vec(select(&TEXTS[..]).prop_map(Box::from), 1..4);
    let number = || select(&NUMBERS[..]);
    prop_oneof![
        texts().prop_map(Test::AnyOf),
        texts().prop_map(Test::NoneOf),
        number().prop_map(Test::AtLeast),
        number().prop_map(Test::MoreThan),
        number().prop_map(Test::AtMost),
        number().prop_map(Test::LessThan),
        any::<bool>().prop_map(Test::Set),
    ]
}

fn properties(most: usize) -> impl Strategy<Value = Vec<(Box<str>, Predicate)>> {
    let predicate = prop::collection::vec(test(), 1..3).prop_map(|tests| Predicate { tests });
    prop::collection::vec(
        (select(&PROPERTIES[..]).prop_map(Box::from), predicate),
        0..=most,
    )
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let number = || select(&[-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0][..]);
    let condition = prop_oneof![
        1 => number().prop_map(Condition::Exactly),
        1 => number().prop_map(Condition::Not),
        4 => number().prop_map(Condition::AtLeast),
        1 => number().prop_map(Condition::MoreThan),
        2 => number().prop_map(Condition::AtMost),
        1 => number().prop_map(Condition::LessThan),
    ];
    prop::collection::vec(condition, 1..3).prop_map(|conditions| Comparison { conditions })
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        1 => Just(Window::Ever),
        3 => (1_u64..50).prop_map(|length| Window::InLast(Duration::from_millis(length))),
    ]
}

pub(crate) fn did() -> impl Strategy<Value = Clause> {
    let names = prop::collection::vec(select(&GLOBS[..]).prop_map(EventName::from), 1..3);
    (names, properties(2), comparison(), window()).prop_map(|(names, with, times, window)| {
        Clause::Did(Did {
            names,
            with,
            times,
            window,
        })
    })
}

pub(crate) fn clause() -> impl Strategy<Value = Clause> {
    let user = properties(2).prop_map(|properties| Clause::User(UserClause { properties }));
    let leaf = prop_oneof![6 => did(), 2 => user, 1 => Just(Clause::Everyone)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::Any),
            inner.prop_map(|clause| Clause::Not(Box::new(clause))),
        ]
    })
}

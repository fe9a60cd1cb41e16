//! Random histories.

use muster_model::{Event, Millis, Scalar, UserHistory, Value, user_hash};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{Era, LISTS, NAMES, NUMBERS, PROPERTIES, TEXTS, instant, list};

fn plain() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        4 => select(&TEXTS[..]).prop_map(|text| Scalar::Text(text.into())),
        4 => select(&NUMBERS[..]).prop_map(Scalar::Number),
        1 => any::<bool>().prop_map(Scalar::Flag),
    ]
}

/// Generates an instant in the forms that senders use.
fn sent(era: Era) -> impl Strategy<Value = Scalar> {
    (instant(era), 0..6_usize).prop_map(|(at, how)| {
        let text = at.to_string();
        match how {
            0 => Scalar::Number(at.0 as f64),
            1 => Scalar::Number(at.0 as f64 + 0.5),
            2 => Scalar::Text(at.0.to_string().into()),
            3 => Scalar::Text(text[..10].into()),
            4 => Scalar::Number((at.0 / 1000) as f64),
            _ => Scalar::Text(text.into()),
        }
    })
}

/// Generates a property's value: for `seen` mostly an instant, for the others mostly anything else.
fn value(era: Era, property: &'static str) -> BoxedStrategy<Value> {
    let scalar = match property {
        "seen" => prop_oneof![5 => sent(era), 1 => plain()].boxed(),
        "amount" => {
            prop_oneof![4 => select(&NUMBERS[..]).prop_map(Scalar::Number), 1 => plain()].boxed()
        }
        _ => prop_oneof![20 => plain(), 1 => sent(era)].boxed(),
    };
    let list = prop::collection::vec(scalar.clone(), 1..4).prop_map(Value::List);
    prop_oneof![5 => scalar.prop_map(Value::One), 1 => list].boxed()
}

fn event(era: Era) -> impl Strategy<Value = Event> {
    let property = |name| prop::option::weighted(0.6, value(era, name));
    let values = PROPERTIES.map(property);
    (select(&NAMES[..]), instant(era), values).prop_map(|(name, time, values)| {
        let named = PROPERTIES.iter().zip(values);
        Event {
            name: name.into(),
            time,
            properties: named
                .filter_map(|(name, value)| Some(((*name).into(), value?)))
                .collect(),
        }
    })
}

fn changes(era: Era, property: &'static str) -> BoxedStrategy<Vec<(Millis, Option<Value>)>> {
    let value = prop::option::weighted(0.8, value(era, property));
    prop::collection::vec((instant(era), value), 0..6)
        .prop_map(|mut changes| {
            changes.sort_by_key(|(time, _)| *time);
            changes
        })
        .boxed()
}

/// Generates a user. Some rows lie after `now`: the batch leaves them out, and the interpreter must
/// not see them.
pub fn history(era: Era) -> impl Strategy<Value = UserHistory> {
    let events = prop_oneof![
        1 => Just(Vec::new()),
        9 => prop::collection::vec(event(era), 0..20),
    ];
    let properties = PROPERTIES.map(|name| changes(era, name));
    let lists = subsequence(&LISTS[..], 0..=LISTS.len());
    (events, properties, lists, any::<u16>()).prop_map(|(mut events, properties, lists, user)| {
        events.sort_by(|a, b| (a.time, &a.name).cmp(&(b.time, &b.name)));
        let named = PROPERTIES.iter().zip(properties);
        UserHistory {
            events,
            properties: named
                .filter(|(_, changes)| !changes.is_empty())
                .map(|(name, changes)| ((*name).into(), changes))
                .collect(),
            hash: user_hash(&user.to_string()),
            lists: lists.into_iter().map(list).collect(),
        }
    })
}

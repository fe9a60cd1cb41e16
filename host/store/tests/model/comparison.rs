//! A model of the store, and the comparison.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{EventBuffer, Millis, Operator, Scalar, ScalarRef, Value};
use muster_store::*;
use roaring::RoaringBitmap;

#[derive(Clone, Debug)]
pub enum InputRow {
    Event {
        user: u32,
        name: u8,
        time: i64,
        insert: Option<u8>,
        properties: Vec<(u8, Value)>,
        operations: Vec<InputOperation>,
    },
    /// An event that consists of operations only.
    Identify {
        user: u32,
        time: i64,
        insert: Option<u8>,
        operations: Vec<InputOperation>,
    },
}

/// An operation on a user property.
pub type InputOperation = (Operator, u8, Value);

#[derive(Clone, Debug)]
pub struct Question {
    /// The users to read; `None` means all.
    pub users: Option<BTreeSet<u32>>,
    pub now: i64,
    pub streams: Vec<StreamRead>,
    pub current: Vec<PropertyRead>,
    pub histories: Vec<PropertyRead>,
}

const NAMES: [&str; 4] = ["Buy", "View", "Buy again", "Leave"];

pub fn event_property((property, kind): (u8, ValueKind)) -> PropertyRead {
    PropertyRead {
        name: format!("p{property}"),
        kind,
    }
}

pub fn user_property((property, kind): (u8, ValueKind)) -> PropertyRead {
    PropertyRead {
        name: format!("u{property}"),
        kind,
    }
}

pub fn buffer(rows: &[InputRow]) -> EventBuffer {
    let mut buffer = EventBuffer::default();
    for row in rows {
        match row {
            InputRow::Event {
                user,
                name,
                time,
                insert,
                properties,
                ..
            } => {
                let insert = insert.map(|insert| insert.to_string());
                buffer.event(
                    &format!("user {user}"),
                    NAMES[usize::from(*name)],
                    Millis(*time),
                    insert.as_deref(),
                );
                for (property, value) in properties {
                    match value {
                        Value::One(scalar) => {
                            buffer.property(&format!("p{property}"), scalar.into())
                        }
                        Value::List(list) => buffer.list_property(
                            &format!("p{property}"),
                            list.iter().map(ScalarRef::from),
                        ),
                    }
                }
            }
            InputRow::Identify {
                user, time, insert, ..
            } => {
                let insert = insert.map(|insert| insert.to_string());
                buffer.identify(&format!("user {user}"), Millis(*time), insert.as_deref());
            }
        }
        let (InputRow::Event { operations, .. } | InputRow::Identify { operations, .. }) = row;
        for (operator, property, value) in operations {
            let property = if *operator == Operator::ClearAll {
                String::new()
            } else {
                format!("u{property}")
            };
            buffer.user_property(*operator, &property, Some(value));
        }
    }
    buffer
}

struct ModelEvent {
    name: &'static str,
    time: i64,
    properties: BTreeMap<String, Value>,
}

/// The operations of an event.
struct ModelOperations {
    time: i64,
    all: Vec<(Operator, String, Value)>,
}

#[derive(Default)]
pub struct Model {
    /// The insert ids per user.
    inserts: BTreeSet<(u32, u8)>,
    events: BTreeMap<u32, Vec<ModelEvent>>,
    operations: BTreeMap<u32, Vec<ModelOperations>>,
    /// The instant before which events may exist or not.
    floor: i64,
    /// The time of the newest event so far.
    pub newest: i64,
}

impl Model {
    /// Adds rows. The first of several duplicates counts, as a whole: of the events of a user with
    /// an insert id.
    pub fn add(&mut self, rows: &[InputRow]) {
        for row in rows {
            let (InputRow::Event { user, insert, .. } | InputRow::Identify { user, insert, .. }) =
                row;
            if insert.is_some_and(|insert| !self.inserts.insert((*user, insert))) {
                continue;
            }
            self.add_event(row);
            self.add_operations(row);
        }
    }

    fn add_event(&mut self, row: &InputRow) {
        let InputRow::Event {
            user,
            name,
            time,
            properties,
            ..
        } = row
        else {
            return;
        };
        self.newest = self.newest.max(*time);
        let name = NAMES[usize::from(*name)];
        let events = self.events.entry(*user).or_default();
        let properties = properties
            .iter()
            .map(|(property, value)| (format!("p{property}"), value.clone()));
        events.push(ModelEvent {
            name,
            time: *time,
            properties: properties.collect(),
        });
    }

    fn add_operations(&mut self, row: &InputRow) {
        let (InputRow::Event {
            user,
            time,
            operations,
            ..
        }
        | InputRow::Identify {
            user,
            time,
            operations,
            ..
        }) = row;
        if operations.is_empty() {
            return;
        }
        let all = operations
            .iter()
            .map(|(operator, property, value)| (*operator, format!("u{property}"), value.clone()));
        let held = self.operations.entry(*user).or_default();
        held.push(ModelOperations {
            time: *time,
            all: all.collect(),
        });
    }

    pub fn prune(&mut self, before: i64) {
        self.floor = self.floor.max(before);
    }

    pub fn forget(&mut self, user: u32) {
        self.inserts.retain(|(of, _)| *of != user);
        self.events.remove(&user);
        self.operations.remove(&user);
    }

    fn first(&self, user: u32) -> (i64, i64) {
        let event = self
            .events
            .get(&user)
            .into_iter()
            .flatten()
            .map(|event| event.time)
            .min()
            .unwrap_or(i64::MAX);
        let operation = self
            .operations
            .get(&user)
            .into_iter()
            .flatten()
            .map(|each| each.time)
            .min()
            .unwrap_or(i64::MAX);
        (event, event.min(operation))
    }

    /// Returns the changes of a property, and the time of the first hidden operation row of any
    /// property.
    fn changes(&self, user: u32, property: &str, now: i64) -> Vec<(i64, Option<Value>)> {
        let mut operations: Vec<_> = self
            .operations
            .get(&user)
            .into_iter()
            .flatten()
            .filter(|each| each.time <= now)
            .collect();
        operations.sort_by_key(|each| each.time);
        let mut changes = Vec::new();
        let mut value = None;
        for operation in operations {
            for (operator, name, operand) in &operation.all {
                let cleared = *operator == Operator::ClearAll && value.is_some();
                if cleared || (name == property && *operator != Operator::ClearAll) {
                    value = operator.apply(value, Some(operand.clone()));
                    changes.push((operation.time, value.clone()));
                }
            }
        }
        changes
    }
}

fn glob(glob: &str, name: &str) -> bool {
    match glob.split_once('*') {
        None => glob == name,
        Some((before, after)) => {
            name.len() >= before.len() + after.len()
                && name.starts_with(before)
                && name.ends_with(after)
        }
    }
}

/// A value as one kind, by the definitions of docs/cohorts.md.
#[derive(Debug, PartialEq)]
enum SeenValue {
    Absent,
    Number(f64),
    Flag(bool),
    Texts(Vec<String>),
}

fn seen(value: Option<&Value>, kind: ValueKind) -> SeenValue {
    let Some(value) = value else {
        return SeenValue::Absent;
    };
    match kind {
        ValueKind::Number => value
            .as_number()
            .map_or(SeenValue::Absent, SeenValue::Number),
        ValueKind::Instant => value
            .as_instant("UTC")
            .map_or(SeenValue::Absent, |instant| {
                SeenValue::Number(instant.0 as f64)
            }),
        ValueKind::Flag => match value {
            Value::One(scalar) => scalar.as_flag().map_or(SeenValue::Absent, SeenValue::Flag),
            Value::List(_) => SeenValue::Absent,
        },
        ValueKind::Text => SeenValue::Texts(
            value
                .scalars()
                .iter()
                .map(|scalar| scalar.canonical_text().into_owned())
                .collect(),
        ),
    }
}

fn at(column: &Column, row: usize, dictionary: &Dictionary) -> SeenValue {
    let text = |code: u32| dictionary.text(code).unwrap().to_owned();
    match column {
        Column::Number(values) if values[row].is_nan() => SeenValue::Absent,
        Column::Number(values) => SeenValue::Number(values[row]),
        Column::Flag(values) => match values[row] {
            2 => SeenValue::Absent,
            flag => SeenValue::Flag(flag == 1),
        },
        Column::Text(codes) if codes[row] == 0 => SeenValue::Absent,
        Column::Text(codes) => SeenValue::Texts(vec![text(codes[row])]),
        Column::Texts { starts, codes } => {
            let list = &codes[starts[row] as usize..starts[row + 1] as usize];
            if list.is_empty() {
                SeenValue::Absent
            } else {
                SeenValue::Texts(list.iter().map(|code| text(*code)).collect())
            }
        }
    }
}

pub fn check(store: &Store, model: &Model, question: &Question) {
    let snapshot = store.snapshot().unwrap();
    let keys: BTreeSet<UserKey> = match &question.users {
        None => (0..snapshot.users()).map(UserKey).collect(),
        Some(users) => users
            .iter()
            .map(|user| UserKey(*user))
            .filter(|user| user.0 < snapshot.users())
            .collect(),
    };
    let keys: Vec<UserKey> = keys.into_iter().collect();
    // `None` means that the user was forgotten.
    let users: Vec<Option<u32>> = keys
        .iter()
        .map(|key| {
            let id = snapshot.user_id(*key).unwrap()?;
            assert_eq!(snapshot.user_key(&id).unwrap(), Some(*key));
            Some(id.strip_prefix("user ").unwrap().parse().unwrap())
        })
        .collect();
    let now = Millis(question.now);
    let known = snapshot.known(now).unwrap();
    let later: BTreeMap<_, _> = snapshot.known_later(now).unwrap().into_iter().collect();
    let requested: RoaringBitmap = keys.iter().map(|key| key.0).collect();
    let (known_requested, later_requested) = snapshot.known_among(&requested, now).unwrap();
    assert_eq!(known_requested, &known & &requested);
    let of_requested = |(user, _): &(&UserKey, &Millis)| requested.contains(user.0);
    let later_of_requested: BTreeMap<_, _> = (later.iter().filter(of_requested))
        .map(|(user, since)| (*user, *since))
        .collect();
    assert_eq!(
        later_requested.into_iter().collect::<BTreeMap<_, _>>(),
        later_of_requested
    );
    let kept = model.events.values().flatten();
    let kept = kept.filter(|event| event.time >= model.floor).count() as u64;
    assert!(snapshot.statistics().unwrap().events >= kept);
    let history = snapshot
        .read(&ReadRequest {
            users: &keys,
            now,
            streams: &question.streams,
            user_properties: &question.current,
            property_histories: &question.histories,
        })
        .unwrap();
    let texts: Vec<_> = (1..=history.dictionary.len() as u32)
        .map(|code| history.dictionary.text(code).unwrap())
        .collect();
    assert_eq!(
        texts.iter().collect::<BTreeSet<_>>().len(),
        texts.len(),
        "every text once"
    );
    let names: Vec<String> = question
        .current
        .iter()
        .map(|read| read.name.clone())
        .collect();
    let values = snapshot.values(&keys, &names, now).unwrap();

    for (place, user) in users.iter().enumerate() {
        let key = keys[place];
        // A number that belongs to no user has no data.
        let no_user = u32::MAX;
        let user = &user.unwrap_or(no_user);
        let (event, since) = model.first(*user);
        assert_eq!(known.contains(key.0), since <= question.now);
        let expected = (since > question.now && since != i64::MAX).then_some(Millis(since));
        assert_eq!(later.get(&key).copied(), expected);
        assert_eq!(
            history.first_seen[place],
            if event <= question.now {
                event
            } else {
                i64::MAX
            }
        );
        let mut next = if event > question.now {
            event
        } else {
            i64::MAX
        };

        for (stream, rows) in question.streams.iter().zip(&history.streams) {
            let after = stream.lookback.map_or(i64::MIN, |reach| {
                question.now - i64::try_from(reach).unwrap()
            });
            let mut events: Vec<_> = model
                .events
                .get(user)
                .into_iter()
                .flatten()
                .filter(|event| stream.names.iter().any(|name| glob(name, event.name)))
                .collect();
            events.sort_by_key(|event| (event.time, event.name));
            for event in &events {
                if event.time > question.now {
                    next = next.min(event.time);
                }
            }
            let after = after.max(model.floor - 1);
            events.retain(|event| event.time > after && event.time <= question.now);
            let range = rows.starts[place] as usize..rows.starts[place + 1] as usize;
            let range: Vec<usize> = range
                .filter(|row| rows.times[*row] >= model.floor)
                .collect();
            assert_eq!(
                range.iter().map(|row| rows.times[*row]).collect::<Vec<_>>(),
                events.iter().map(|event| event.time).collect::<Vec<_>>()
            );
            for (read, column) in stream.properties.iter().zip(&rows.columns) {
                for (row, event) in range.iter().copied().zip(&events) {
                    let expected = match read.name.as_str() {
                        "" => SeenValue::Texts(vec![event.name.to_owned()]),
                        name => seen(event.properties.get(name), read.kind),
                    };
                    assert_eq!(
                        at(column, row, &history.dictionary),
                        expected,
                        "{event:?} {read:?}",
                        event = event.time
                    );
                }
            }
        }
        if !question.current.is_empty() || !question.histories.is_empty() {
            let hidden = model
                .operations
                .get(user)
                .into_iter()
                .flatten()
                .map(|each| each.time)
                .filter(|time| *time > question.now);
            next = next.min(hidden.min().unwrap_or(i64::MAX));
        }
        for (index, (read, column)) in question
            .current
            .iter()
            .zip(&history.user_properties)
            .enumerate()
        {
            let value = model
                .changes(*user, &read.name, question.now)
                .pop()
                .and_then(|change| change.1);
            assert_eq!(
                at(column, place, &history.dictionary),
                seen(value.as_ref(), read.kind),
                "{read:?}"
            );
            assert_eq!(normal(values[place][index].clone()), normal(value));
        }
        for (read, rows) in question.histories.iter().zip(&history.property_histories) {
            let changes = model.changes(*user, &read.name, question.now);
            let range = rows.starts[place] as usize..rows.starts[place + 1] as usize;
            assert_eq!(
                rows.times[range.clone()],
                changes.iter().map(|change| change.0).collect::<Vec<_>>()
            );
            for (row, (_, value)) in range.zip(&changes) {
                assert_eq!(
                    at(&rows.columns[0], row, &history.dictionary),
                    seen(value.as_ref(), read.kind)
                );
            }
        }
        // Hidden events that may have been dropped may be the next.
        if question.now >= model.floor {
            assert_eq!(history.next_row[place], next);
        }
        if *user != no_user {
            check_user(&snapshot, model, key, *user, question.now);
        }
    }
}

fn check_user(snapshot: &Snapshot, model: &Model, key: UserKey, user: u32, now: i64) {
    let history = snapshot.history(key, Millis(now)).unwrap();
    assert_eq!(
        history.hash,
        muster_model::user_hash(&format!("user {user}"))
    );
    let mut events: Vec<_> = model
        .events
        .get(&user)
        .into_iter()
        .flatten()
        .filter(|event| event.time <= now && event.time >= model.floor)
        .collect();
    events.sort_by_key(|event| (event.time, event.name));
    let held = history.events.iter();
    let held: Vec<_> = held.filter(|event| event.time.0 >= model.floor).collect();
    assert_eq!(held.len(), events.len());
    for (event, expected) in held.into_iter().zip(events) {
        assert_eq!((&*event.name, event.time.0), (expected.name, expected.time));
        assert_eq!(event.properties.len(), expected.properties.len());
        for (name, value) in &event.properties {
            assert_eq!(
                normal(Some(value.clone())),
                normal(expected.properties.get(&**name).cloned())
            );
        }
    }
    for property in ["u0", "u1", "u2"] {
        let changes = model.changes(user, property, now);
        let held: Vec<_> = history
            .properties
            .get(property)
            .into_iter()
            .flatten()
            .map(|(time, value)| (time.0, normal(value.clone())))
            .collect();
        assert_eq!(
            held,
            changes
                .into_iter()
                .map(|(time, value)| (time, normal(value)))
                .collect::<Vec<_>>(),
            "{property}"
        );
    }
}

/// Normalizes -0, which is stored as 0: they have one canonical text.
fn normal(value: Option<Value>) -> Option<Value> {
    let scalar = |scalar| match scalar {
        Scalar::Number(number) => Scalar::Number(number + 0.0),
        other => other,
    };
    match value? {
        Value::One(one) => Some(Value::One(scalar(one))),
        Value::List(list) => Some(Value::List(list.into_iter().map(scalar).collect())),
    }
}

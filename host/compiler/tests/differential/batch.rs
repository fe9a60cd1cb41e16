//! Histories row by row become a batch of columns: written apart from the store, so that it is a second opinion.

use std::collections::BTreeMap;

use muster_model::{Event, Millis, Scalar, UserHistory, Value};
use muster_sandbox::{
    Batch, Column, Description, Dictionary, EventRows, Kind, Property, TextLists,
};

/// A batch that owns its columns.
pub(crate) struct Owned {
    now: i64,
    users: u32,
    offsets: Vec<u32>,
    bytes: Vec<u8>,
    first_seen: Vec<i64>,
    user_hash: Vec<u64>,
    user_properties: Vec<Values>,
    streams: Vec<(Vec<u32>, Vec<i64>, Vec<Values>)>,
}

enum Values {
    Number(Vec<f64>),
    Flag(Vec<u8>),
    Text(Vec<u32>),
    Texts(Vec<u32>, Vec<u32>),
}

#[derive(Default)]
struct Texts {
    codes: BTreeMap<String, u32>,
    offsets: Vec<u32>,
    bytes: Vec<u8>,
}

impl Texts {
    fn code(&mut self, scalar: &Scalar) -> u32 {
        let text = scalar.canonical_text().into_owned();
        let next = self.codes.len() as u32 + 1;
        *self.codes.entry(text).or_insert_with_key(|text| {
            self.bytes.extend_from_slice(text.as_bytes());
            self.offsets.push(self.bytes.len() as u32);
            next
        })
    }

    fn column(&mut self, kind: Kind, values: &[Option<&Value>]) -> Values {
        let scalars = |value: &Option<&Value>| {
            value
                .map(|value| value.scalars().to_vec())
                .unwrap_or_default()
        };
        match kind {
            Kind::Number => Values::Number(
                values
                    .iter()
                    .map(|value| value.and_then(Value::as_number).unwrap_or(f64::NAN))
                    .collect(),
            ),
            Kind::Instant => {
                let instant = |value: &Option<&Value>| {
                    value
                        .and_then(Value::as_instant)
                        .map_or(f64::NAN, |ms| ms.0 as f64)
                };
                Values::Number(values.iter().map(instant).collect())
            }
            Kind::Flag => {
                let flag = |value: &Option<&Value>| match value {
                    Some(Value::One(scalar)) => scalar.as_flag().map_or(2, u8::from),
                    _ => 2,
                };
                Values::Flag(values.iter().map(flag).collect())
            }
            Kind::Text
                if values
                    .iter()
                    .any(|value| matches!(value, Some(Value::List(_)))) =>
            {
                let (mut starts, mut codes) = (vec![0], Vec::new());
                for value in values {
                    codes.extend(scalars(value).iter().map(|scalar| self.code(scalar)));
                    starts.push(codes.len() as u32);
                }
                Values::Texts(starts, codes)
            }
            Kind::Text => Values::Text(
                values
                    .iter()
                    .map(|value| scalars(value).first().map_or(0, |scalar| self.code(scalar)))
                    .collect(),
            ),
        }
    }
}

/// A name against a glob with `*` only, the obvious way.
fn matches(glob: &str, name: &str) -> bool {
    match glob.split_once('*') {
        None => glob == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|name| {
            (0..=name.len()).any(|at| name.get(at..).is_some_and(|name| matches(rest, name)))
        }),
    }
}

impl Owned {
    pub(crate) fn new(description: &Description, histories: &[UserHistory], now: Millis) -> Self {
        let mut texts = Texts {
            offsets: vec![0],
            ..Texts::default()
        };
        let user_properties = description
            .user_properties
            .iter()
            .map(|Property { name, kind }| {
                let values: Vec<_> = histories
                    .iter()
                    .map(|history| history.property(name, now))
                    .collect();
                texts.column(*kind, &values)
            });
        let user_properties = user_properties.collect();
        let mut streams = Vec::new();
        for stream in &description.streams {
            let reads = |event: &&Event| {
                let reached = stream
                    .reach
                    .is_none_or(|reach| event.time.0 > now.0 - reach as i64);
                event.time <= now
                    && reached
                    && stream.names.iter().any(|glob| matches(glob, &event.name))
            };
            let (mut starts, mut rows) = (vec![0], Vec::new());
            for history in histories {
                rows.extend(history.events.iter().filter(reads));
                starts.push(rows.len() as u32);
            }
            let columns = stream.properties.iter().map(|Property { name, kind }| {
                let values: Vec<_> = rows
                    .iter()
                    .map(|event| event.properties.get(name.as_str()))
                    .collect();
                texts.column(*kind, &values)
            });
            let columns = columns.collect();
            streams.push((
                starts,
                rows.iter().map(|event| event.time.0).collect(),
                columns,
            ));
        }
        Self {
            now: now.0,
            users: histories.len() as u32,
            offsets: texts.offsets,
            bytes: texts.bytes,
            first_seen: vec![i64::MAX; histories.len()],
            user_hash: Vec::new(),
            user_properties,
            streams,
        }
    }

    pub(crate) fn borrow<T>(&self, ask: impl FnOnce(&Batch<'_>) -> T) -> T {
        let user_properties: Vec<_> = self.user_properties.iter().map(Values::column).collect();
        let columns: Vec<Vec<_>> = self
            .streams
            .iter()
            .map(|(_, _, columns)| columns.iter().map(Values::column).collect())
            .collect();
        let streams: Vec<_> = self
            .streams
            .iter()
            .zip(&columns)
            .map(|((starts, times, _), columns)| EventRows {
                starts,
                times,
                columns,
            })
            .collect();
        ask(&Batch {
            now: self.now,
            users: self.users,
            dictionary: Dictionary {
                offsets: &self.offsets,
                bytes: &self.bytes,
            },
            first_seen: &self.first_seen,
            user_hash: &self.user_hash,
            user_properties: &user_properties,
            property_histories: &[],
            streams: &streams,
            calendars: &[],
            lists: &[],
        })
    }
}

impl Values {
    fn column(&self) -> Column<'_> {
        match self {
            Self::Number(values) => Column::Number(values),
            Self::Flag(values) => Column::Flag(values),
            Self::Text(codes) => Column::Text(codes),
            Self::Texts(starts, codes) => Column::Texts(TextLists { starts, codes }),
        }
    }
}

//! Turns histories row by row into a batch of columns. This code is written independently of the
//! store, so that it can find faults of the store's code too.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use muster_model::{CohortId, Event, Millis, Scalar, UserHistory, Value, ValueForm};
use muster_sandbox::{
    Batch, Calendar, CalendarBounds, CalendarUnit, Column, Description, Dictionary, EventRows,
    Kind, Property, StreamReads, TextLists,
};

/// A batch that owns its columns.
pub(crate) struct Owned {
    now: i64,
    users: u32,
    offsets: Vec<u32>,
    bytes: Vec<u8>,
    first_seen: Vec<i64>,
    user_hash: Vec<u64>,
    user_properties: Vec<BatchValues>,
    property_histories: Vec<BatchRows>,
    streams: Vec<BatchRows>,
    calendars: Vec<(Vec<i64>, i64)>,
    lists: Vec<Vec<u64>>,
}

/// The rows of all users, one user after the other.
struct BatchRows {
    starts: Vec<u32>,
    times: Vec<i64>,
    columns: Vec<BatchValues>,
}

enum BatchValues {
    Number(Vec<f64>),
    Flag(Vec<u8>),
    Text(Vec<u32>),
    Texts(Vec<u32>, Vec<u32>),
}

#[derive(Default)]
struct TextCodes {
    codes: BTreeMap<String, u32>,
    offsets: Vec<u32>,
    bytes: Vec<u8>,
}

impl TextCodes {
    fn code(&mut self, scalar: &Scalar) -> u32 {
        let text = scalar.canonical_text().into_owned();
        let next = self.codes.len() as u32 + 1;
        *self.codes.entry(text).or_insert_with_key(|text| {
            self.bytes.extend_from_slice(text.as_bytes());
            self.offsets.push(self.bytes.len() as u32);
            next
        })
    }

    fn column(
        &mut self,
        kind: Kind,
        form: Option<&ValueForm>,
        values: &[Option<&Value>],
    ) -> BatchValues {
        if let Some(form) = form {
            let number = |value: &Option<&Value>| value.and_then(|value| form.of_value(value));
            let numbers = values.iter().map(|value| number(value).unwrap_or(f64::NAN));
            return BatchValues::Number(numbers.collect());
        }
        let scalars = |value: &Option<&Value>| {
            value
                .map(|value| value.scalars().to_vec())
                .unwrap_or_default()
        };
        match kind {
            Kind::Number => BatchValues::Number(
                values
                    .iter()
                    .map(|value| value.and_then(Value::as_number).unwrap_or(f64::NAN))
                    .collect(),
            ),
            Kind::Instant => {
                let instant = |value: &Value| value.as_instant("UTC").map(|at| at.0 as f64);
                let instants = values.iter().map(|value| value.and_then(instant));
                BatchValues::Number(instants.map(|at| at.unwrap_or(f64::NAN)).collect())
            }
            Kind::Flag => {
                let flag = |value: &Option<&Value>| match value {
                    Some(Value::One(scalar)) => scalar.as_flag().map_or(2, u8::from),
                    _ => 2,
                };
                BatchValues::Flag(values.iter().map(flag).collect())
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
                BatchValues::Texts(starts, codes)
            }
            Kind::Text => BatchValues::Text(
                values
                    .iter()
                    .map(|value| scalars(value).first().map_or(0, |scalar| self.code(scalar)))
                    .collect(),
            ),
        }
    }
}

/// Splits the name of a read into the property's name and the form of its numbers.
fn split(name: &str, kind: Kind) -> (&str, Option<ValueForm>) {
    match kind {
        Kind::Number | Kind::Instant => ValueForm::split(name).unwrap(),
        Kind::Text | Kind::Flag => (name, None),
    }
}

/// Matches a name against a glob with `*` only, in the simplest way.
fn matches(glob: &str, name: &str) -> bool {
    match glob.split_once('*') {
        None => glob == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|name| {
            (0..=name.len()).any(|at| name.get(at..).is_some_and(|name| matches(rest, name)))
        }),
    }
}

/// Returns the instants at which the units of a calendar window begin, and the start of the next
/// unit: day by day, in the simplest way.
fn bounds(calendar: &Calendar, now: Millis) -> (Vec<i64>, i64) {
    let zone = TimeZoneDatabase::bundled()
        .get(&calendar.time_zone)
        .unwrap();
    let date = |at: i64| {
        zone.to_datetime(Timestamp::from_millisecond(at).unwrap())
            .date()
    };
    // The clock may have been set back over the next midnight, which has then come already.
    let mut day = date(now.0).tomorrow().unwrap();
    while !(begins(day, calendar.unit) && start(day, &zone) > now.0) {
        day = day.tomorrow().unwrap();
    }
    let moves_at = start(day, &zone);
    let (mut starts, mut units) = (Vec::new(), 0);
    while calendar.count.is_none_or(|count| units < count)
        && starts.last().is_none_or(|first| *first > 0)
    {
        day = day.yesterday().unwrap();
        if begins(day, calendar.unit) {
            units += 1;
            starts.push(start(day, &zone));
        }
    }
    starts.reverse();
    // A skipped day begins together with the next one.
    starts.dedup();
    (starts, moves_at)
}

fn begins(day: Date, unit: CalendarUnit) -> bool {
    match unit {
        CalendarUnit::Day => true,
        CalendarUnit::Week => day.weekday() == Weekday::Monday,
        CalendarUnit::Month => day.day() == 1,
    }
}

/// Returns the first instant of a day: midnight, or else the first whole minute that has its date.
fn start(day: Date, zone: &TimeZone) -> i64 {
    thread_local! {
        static KNOWN: RefCell<HashMap<(String, Date), i64>> = RefCell::default();
    }
    let key = (zone.iana_name().unwrap().to_owned(), day);
    if let Some(start) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
        return start;
    }
    let mut at = zone.to_timestamp(day.at(0, 0, 0, 0)).unwrap();
    if zone.to_datetime(at) != day.at(0, 0, 0, 0) {
        at = zone
            .to_timestamp(day.yesterday().unwrap().at(12, 0, 0, 0))
            .unwrap();
        while zone.to_datetime(at).date() < day {
            at += 1.minute();
        }
    }
    KNOWN.with_borrow_mut(|known| known.insert(key, at.as_millisecond()));
    at.as_millisecond()
}

impl Owned {
    pub(crate) fn new(description: &Description, histories: &[UserHistory], now: Millis) -> Self {
        let mut texts = TextCodes {
            offsets: vec![0],
            ..TextCodes::default()
        };
        let user_properties = description.user_properties.iter();
        let user_properties = user_properties.map(|Property { name, kind }| {
            let (name, form) = split(name, *kind);
            let values: Vec<_> = histories
                .iter()
                .map(|history| history.property(name, now))
                .collect();
            texts.column(*kind, form.as_ref(), &values)
        });
        let user_properties = user_properties.collect();
        let property_histories = description.property_histories.iter();
        let property_histories = property_histories
            .map(|property| changes(property, histories, now, &mut texts))
            .collect();
        let streams = description.streams.iter();
        let streams = streams
            .map(|stream| events(stream, histories, now, &mut texts))
            .collect();
        let first_seen = |history: &UserHistory| {
            let seen = history
                .events
                .iter()
                .map(|event| event.time)
                .filter(|at| *at <= now);
            seen.min().map_or(i64::MAX, |first| first.0)
        };
        let hashes = if description.user_hashes {
            histories
        } else {
            &[]
        };
        let on = |list: &String| {
            let list = CohortId::new(list).unwrap();
            let mut words = vec![0; histories.len().div_ceil(64)];
            for (user, history) in histories.iter().enumerate() {
                words[user / 64] |= u64::from(history.lists.contains(&list)) << (user % 64);
            }
            words
        };
        Self {
            now: now.0,
            users: histories.len() as u32,
            first_seen: histories.iter().map(first_seen).collect(),
            user_hash: hashes.iter().map(|history| history.hash).collect(),
            user_properties,
            property_histories,
            streams,
            calendars: description
                .calendars
                .iter()
                .map(|calendar| bounds(calendar, now))
                .collect(),
            lists: description.lists.iter().map(on).collect(),
            offsets: texts.offsets,
            bytes: texts.bytes,
        }
    }

    pub(crate) fn borrow<T>(&self, ask: impl FnOnce(&Batch<'_>) -> T) -> T {
        let user_properties: Vec<_> = self
            .user_properties
            .iter()
            .map(BatchValues::column)
            .collect();
        let (changes, events) = (columns(&self.property_histories), columns(&self.streams));
        let calendars = self
            .calendars
            .iter()
            .map(|(starts, moves_at)| CalendarBounds {
                starts,
                moves_at: *moves_at,
            });
        let lists: Vec<_> = self.lists.iter().map(Vec::as_slice).collect();
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
            property_histories: &rows(&self.property_histories, &changes),
            streams: &rows(&self.streams, &events),
            calendars: &calendars.collect::<Vec<_>>(),
            lists: &lists,
        })
    }
}

/// Returns the visible changes of a property, all changes of one instant included, in order of
/// arrival.
fn changes(
    property: &Property,
    histories: &[UserHistory],
    now: Millis,
    texts: &mut TextCodes,
) -> BatchRows {
    let (mut starts, mut times, mut values) = (vec![0], Vec::new(), Vec::new());
    let (name, form) = split(&property.name, property.kind);
    for history in histories {
        let changes = history.properties.get(name).into_iter().flatten();
        for (at, value) in changes.filter(|(at, _)| *at <= now) {
            times.push(at.0);
            values.push(value.as_ref());
        }
        starts.push(times.len() as u32);
    }
    BatchRows {
        starts,
        times,
        columns: vec![texts.column(property.kind, form.as_ref(), &values)],
    }
}

/// Returns the visible events of a stream, within its lookback. The property without a name is the
/// event's own name.
fn events(
    stream: &StreamReads,
    histories: &[UserHistory],
    now: Millis,
    texts: &mut TextCodes,
) -> BatchRows {
    let reads = |event: &&Event| {
        let reach = stream.reach;
        let reached = reach.is_none_or(|reach| event.time.0 > now.0 - reach as i64);
        let named = stream.names.iter().any(|glob| matches(glob, &event.name));
        event.time <= now && reached && named
    };
    let (mut starts, mut rows) = (vec![0], Vec::new());
    for history in histories {
        rows.extend(history.events.iter().filter(reads));
        starts.push(rows.len() as u32);
    }
    let columns = stream.properties.iter().map(|Property { name, kind }| {
        let names: Vec<_> = rows
            .iter()
            .map(|event| Value::One(Scalar::Text(event.name.clone())))
            .collect();
        let (name, form) = split(name, *kind);
        let values: Vec<_> = match name {
            "" => names.iter().map(Some).collect(),
            name => rows
                .iter()
                .map(|event| event.properties.get(name))
                .collect(),
        };
        texts.column(*kind, form.as_ref(), &values)
    });
    BatchRows {
        columns: columns.collect(),
        times: rows.iter().map(|event| event.time.0).collect(),
        starts,
    }
}

fn columns(rows: &[BatchRows]) -> Vec<Vec<Column<'_>>> {
    let each = rows.iter();
    each.map(|rows| rows.columns.iter().map(BatchValues::column).collect())
        .collect()
}

fn rows<'a>(rows: &'a [BatchRows], columns: &'a [Vec<Column<'a>>]) -> Vec<EventRows<'a>> {
    let each = rows.iter().zip(columns);
    each.map(|(rows, columns)| EventRows {
        starts: &rows.starts,
        times: &rows.times,
        columns,
    })
    .collect()
}

impl BatchValues {
    fn column(&self) -> Column<'_> {
        match self {
            Self::Number(values) => Column::Number(values),
            Self::Flag(values) => Column::Flag(values),
            Self::Text(codes) => Column::Text(codes),
            Self::Texts(starts, codes) => Column::Texts(TextLists { starts, codes }),
        }
    }
}

//! The batch that the host would hand in for test users.

use std::collections::HashMap;

use super::instant::{civil_from_days, days_from_civil};
use super::{TestEvent, TestUser, Value};
use crate::bindings::muster::cohort::types::{
    Batch, Calendar, CalendarBounds, CalendarUnit, Column, Description, Dictionary, EventRows,
    Kind, Property, StreamReads, TextLists,
};

const DAY: i64 = 86_400_000;

/// Returns a batch of users, for a rule that reads this. The clock is that of the first user.
#[must_use]
pub fn batch_of(description: &Description, users: &[TestUser]) -> Batch {
    let now = users.first().map_or(0, |user| user.now.0);
    let mut texts = Interner::default();
    let mut properties = Vec::new();
    for property in &description.user_properties {
        let values: Vec<_> = users.iter().map(|user| present(user, property)).collect();
        properties.push(column(property.kind, &values, &mut texts));
    }
    let mut histories = Vec::new();
    for property in &description.property_histories {
        histories.push(history(property, users, &mut texts));
    }
    let mut streams = Vec::new();
    for stream in &description.streams {
        streams.push(rows(stream, now, users, &mut texts));
    }
    let lists = description.lists.iter().map(|list| {
        let mut bitmap = vec![0_u64; users.len().div_ceil(64)];
        for (index, _) in users
            .iter()
            .enumerate()
            .filter(|(_, user)| user.lists.contains(list))
        {
            bitmap[index / 64] |= 1 << (index % 64);
        }
        bitmap
    });
    Batch {
        now,
        users: users.len() as u32,
        first_seen: users.iter().map(first_seen).collect(),
        user_hash: match description.user_hashes {
            true => users.iter().map(|user| user.hash).collect(),
            false => Vec::new(),
        },
        user_properties: properties,
        property_histories: histories,
        streams,
        calendars: (description.calendars.iter())
            .map(|calendar| bounds(calendar, now))
            .collect(),
        lists: lists.collect(),
        dictionary: texts.dictionary(),
    }
}

/// The texts of a batch, each once.
#[derive(Default)]
struct Interner {
    codes: HashMap<String, u32>,
    offsets: Vec<u32>,
    bytes: Vec<u8>,
}

impl Interner {
    fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        self.offsets.push(self.bytes.len() as u32);
        self.bytes.extend(text.as_bytes());
        let code = self.offsets.len() as u32;
        self.codes.insert(text.to_owned(), code);
        code
    }

    fn dictionary(mut self) -> Dictionary {
        self.offsets.push(self.bytes.len() as u32);
        Dictionary {
            offsets: self.offsets,
            bytes: self.bytes,
        }
    }
}

fn first_seen(user: &TestUser) -> i64 {
    let times = user.events.iter().map(|event| event.time.0);
    let seen = times.filter(|time| *time <= user.now.0);
    seen.min().unwrap_or(i64::MAX)
}

/// Returns the changes of a property up to now, in order.
fn changes(user: &TestUser, name: &str) -> Vec<(i64, Value)> {
    let of_name = |(_, known, _): &&(_, String, _)| known == name;
    let mut changes: Vec<_> = (user.changes.iter().filter(of_name))
        .map(|(time, _, value)| (time.0, value.clone()))
        .filter(|(time, _)| *time <= user.now.0)
        .collect();
    changes.sort_by_key(|(time, _)| *time);
    changes
}

fn present(user: &TestUser, property: &Property) -> Value {
    let changes = changes(user, &property.name);
    changes
        .last()
        .map_or(Value::Absent, |(_, value)| value.clone())
}

fn history(property: &Property, users: &[TestUser], texts: &mut Interner) -> EventRows {
    let (mut starts, mut times, mut values) = (vec![0], Vec::new(), Vec::new());
    for user in users {
        for (time, value) in changes(user, &property.name) {
            times.push(time);
            values.push(value);
        }
        starts.push(times.len() as u32);
    }
    EventRows {
        starts,
        times,
        columns: vec![column(property.kind, &values, texts)],
    }
}

fn rows(stream: &StreamReads, now: i64, users: &[TestUser], texts: &mut Interner) -> EventRows {
    let (mut starts, mut found) = (vec![0], Vec::new());
    for user in users {
        let mut events: Vec<&TestEvent> = (user.events.iter())
            .filter(|event| stream.names.iter().any(|name| matches(name, &event.name)))
            .filter(|event| event.time.0 <= now)
            .filter(|event| {
                let reach = stream.reach.map(|reach| reach as i64);
                reach.is_none_or(|reach| event.time.0 > now - reach)
            })
            .collect();
        events.sort_by(|one, other| (one.time, &one.name).cmp(&(other.time, &other.name)));
        found.extend(events);
        starts.push(found.len() as u32);
    }
    let mut columns = Vec::new();
    for property in &stream.properties {
        let values: Vec<_> = (found.iter())
            .map(|event| value(event, &property.name))
            .collect();
        columns.push(column(property.kind, &values, texts));
    }
    EventRows {
        starts,
        times: found.iter().map(|event| event.time.0).collect(),
        columns,
    }
}

fn value(event: &TestEvent, property: &str) -> Value {
    if property.is_empty() {
        return Value::Text(event.name.clone());
    }
    let known = event.properties.iter().rfind(|(name, _)| name == property);
    known.map_or(Value::Absent, |(_, value)| value.clone())
}

fn column(kind: Kind, values: &[Value], texts: &mut Interner) -> Column {
    match kind {
        Kind::Number => Column::Number(
            values
                .iter()
                .map(|value| value.number().unwrap_or(f64::NAN))
                .collect(),
        ),
        Kind::Instant => Column::Number(
            (values.iter())
                .map(|value| value.instant().map_or(f64::NAN, |ms| ms as f64))
                .collect(),
        ),
        Kind::Flag => Column::Flag(
            values
                .iter()
                .map(|value| value.flag().map_or(2, u8::from))
                .collect(),
        ),
        Kind::Text if values.iter().any(|value| matches!(value, Value::List(_))) => {
            let (mut starts, mut codes) = (vec![0], Vec::new());
            for value in values {
                codes.extend(value.texts().iter().map(|text| texts.code(text)));
                starts.push(codes.len() as u32);
            }
            Column::Texts(TextLists { starts, codes })
        }
        Kind::Text => Column::Text(
            (values.iter())
                .map(|value| value.texts().first().map_or(0, |text| texts.code(text)))
                .collect(),
        ),
    }
}

/// Returns true if a name matches a pattern, in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    glob(&pattern, &name)
}

fn glob(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|skipped| glob(rest, &name[skipped..])),
        ['\\', exact, rest @ ..] | [exact, rest @ ..] => {
            name.first() == Some(exact) && glob(rest, &name[1..])
        }
    }
}

/// Returns a calendar window in UTC, the only time zone of tests.
fn bounds(calendar: &Calendar, now: i64) -> CalendarBounds {
    let zone = &calendar.time_zone;
    assert!(
        matches!(zone.as_str(), "UTC" | "Etc/UTC"),
        "tests know no time zone but UTC, and the rule reads a calendar in {zone}: test it with `muster test`"
    );
    let today = now.div_euclid(DAY);
    let count = i64::from(calendar.count.unwrap_or(1));
    let starts_of = |from: i64| -> i64 {
        match calendar.unit {
            CalendarUnit::Day => today + from,
            // 1970-01-01 was a Thursday.
            CalendarUnit::Week => today - (today + 3).rem_euclid(7) + from * 7,
            CalendarUnit::Month => {
                let (year, month, _) = civil_from_days(today);
                let months = year * 12 + month - 1 + from;
                days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1)
            }
        }
    };
    CalendarBounds {
        starts: (1 - count..=0).map(|from| starts_of(from) * DAY).collect(),
        moves_at: starts_of(1) * DAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_host_matches() {
        for (pattern, name, matched) in [
            ("View", "View", true),
            ("View", "Views", false),
            ("Open *", "Open the door", true),
            ("*", "", true),
            ("a*c*", "abcd", true),
            (r"5\*", "5*", true),
            (r"5\*", "55", false),
        ] {
            assert_eq!(matches(pattern, name), matched, "{pattern} {name}");
        }
    }

    #[test]
    fn calendar_windows_in_utc() {
        let window = |unit, count| {
            let calendar = Calendar {
                time_zone: "UTC".to_owned(),
                unit,
                count: Some(count),
            };
            let bounds = bounds(&calendar, crate::Instant::from("2026-03-04T05:06:07Z").0);
            let shown = |ms| super::super::written(crate::Instant(ms))[..10].to_owned();
            let starts: Vec<_> = bounds.starts.into_iter().map(shown).collect();
            (starts.join(" "), shown(bounds.moves_at))
        };
        let pair = |starts: &str, next: &str| (starts.to_owned(), next.to_owned());
        assert_eq!(
            window(CalendarUnit::Day, 2),
            pair("2026-03-03 2026-03-04", "2026-03-05")
        );
        assert_eq!(
            window(CalendarUnit::Week, 1),
            pair("2026-03-02", "2026-03-09")
        );
        assert_eq!(
            window(CalendarUnit::Month, 4),
            pair("2025-12-01 2026-01-01 2026-02-01 2026-03-01", "2026-04-01")
        );
    }
}

//! Histories in few words.
//!
//! A history is a text of rows with `;` between them. A row has a time and a content.
//! - time: `-3h` before now, `+1ms` after it, `0` at now, `-2d-1ms`, or an instant or date in UTC.
//! - content: `Purchase amount=60 kind=[a,b]` is an event, `.city=Reno` a change of a user
//!   property, `.city` unsets it.
//! - values: `60` is a number, `true` a flag, `'60'` and all else a text, `[..]` a list.

use muster_model::{CohortId, Event, Millis, Scalar, UserHistory, Value, user_hash};

/// Returns the instant of a row.
pub fn instant(text: &str, now: Millis) -> Millis {
    if text == "0" {
        return now;
    }
    if text.starts_with(['-', '+']) {
        let mut at = now.0;
        let mut rest = text;
        while let Some(sign) = rest.chars().next() {
            let number = rest[1..]
                .split(|char: char| !char.is_ascii_digit())
                .next()
                .unwrap();
            rest = &rest[1 + number.len()..];
            let unit = rest.split(['-', '+']).next().unwrap();
            rest = &rest[unit.len()..];
            let unit = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => panic!("{text}: {unit}"),
            };
            let length = number.parse::<i64>().unwrap() * unit;
            at += if sign == '-' { -length } else { length };
        }
        return Millis(at);
    }
    text.parse().unwrap()
}

/// Returns the history of the user `ann`, who is on the list `vip`.
pub fn history(text: &str, now: Millis) -> UserHistory {
    let mut history = UserHistory {
        hash: user_hash("ann"),
        lists: [CohortId::new("vip").unwrap()].into(),
        ..UserHistory::default()
    };
    for row in text.split(';').map(str::trim).filter(|row| !row.is_empty()) {
        let (when, what) = row.split_once(' ').unwrap();
        let time = instant(when, now);
        if let Some(change) = what.strip_prefix('.') {
            let (name, value) = match change.split_once('=') {
                Some((name, text)) => (name, Some(value(text))),
                None => (change, None),
            };
            let changes = history.properties.entry(name.into()).or_default();
            changes.push((time, value));
            changes.sort_by_key(|(time, _)| *time);
            continue;
        }
        let mut words = what.split(' ');
        let name = words.next().unwrap().into();
        let properties = words.map(|word| {
            let (name, text) = word.split_once('=').unwrap();
            (name.into(), value(text))
        });
        history.events.push(Event {
            name,
            time,
            properties: properties.collect(),
        });
    }
    history.events.sort_by_key(|event| event.time);
    history
}

/// Returns a value of a row.
pub fn value(text: &str) -> Value {
    match text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
    {
        Some(items) => Value::List(items.split(',').map(scalar).collect()),
        None => Value::One(scalar(text)),
    }
}

fn scalar(text: &str) -> Scalar {
    if let Some(quoted) = text.strip_prefix('\'') {
        return Scalar::Text(quoted.strip_suffix('\'').unwrap().into());
    }
    match (text.parse(), text) {
        (_, "true") => Scalar::Flag(true),
        (_, "false") => Scalar::Flag(false),
        (Ok(number), _) => Scalar::Number(number),
        _ => Scalar::Text(text.into()),
    }
}

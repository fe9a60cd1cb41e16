//! Schemas of lengths of time and instants.

use serde_json::{Value, json};

use super::{SchemaKind, WRITER};
use crate::Unit;
use crate::read::duration::{self, CALENDAR_UNITS, UNITS};
use crate::read::each::is_whole;
use crate::read::key::LanguageKind;
use crate::read::{cadence, instant};

/// A whole number, 1 or more.
const COUNT: &str = "0*[1-9][0-9]*";

/// RFC 3339's `full-date`.
const DATE: &str = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";

/// The part after the date in RFC 3339's `date-time`. Seconds may be left out, and minutes of the
/// offset too.
const TIME: &str =
    "[Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-6][0-9]([.,][0-9]+)?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)";

pub(super) fn kinds() -> Vec<SchemaKind> {
    let rolling = alternatives(UNITS.iter().map(|(one, many, _)| (*one, *many)));
    let calendar = calendar_units(|_| true);
    vec![
        (
            LanguageKind::Duration,
            json!({
                "description": "A length of time that is always the same: a whole number and seconds, minutes, hours, days or weeks.",
                "type": "string",
                "patternErrorMessage": duration::EXAMPLE,
                "pattern": format!(r"^\s*{COUNT}\s*{rolling}\s*$"),
                "examples": ["30 days", "1 hour", "2 weeks"],
            }),
        ),
        (
            LanguageKind::Length,
            json!({
                "description": "A length of time: a whole number and a unit; days, weeks and months of the calendar include the current one.",
                "type": "string",
                "patternErrorMessage": duration::EXAMPLE,
                "pattern": format!(r"^\s*{COUNT}(\s*{rolling}|\s+calendar\s+{calendar})\s*$"),
                "examples": ["30 days", "30 calendar days", "1 calendar month"],
            }),
        ),
        (
            LanguageKind::Instant,
            json!({
                "description": "A date, which is the start of its day in the time zone, or an RFC 3339 instant.",
                "type": "string",
                "patternErrorMessage": instant::EXAMPLE,
                "pattern": format!("^{DATE}({TIME})?$"),
                "examples": ["2026-01-31", "2026-01-31T12:00:00Z"],
            }),
        ),
        (
            LanguageKind::TimeOfDay,
            json!({
                "description": "Hours and minutes.",
                "type": "string",
                "patternErrorMessage": cadence::TIME_OF_DAY,
                "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$",
                "examples": ["06:00"],
            }),
        ),
        (
            LanguageKind::Minute,
            json!({
                "description": "A minute of the hour.",
                "type": "integer",
                "minimum": 0,
                "maximum": 59,
                "examples": [15],
            }),
        ),
        (LanguageKind::Daily, WRITER.map(&cadence::DAILY)),
        (LanguageKind::Hourly, WRITER.map(&cadence::HOURLY)),
    ]
}

/// Returns the schema of a calendar window that consists of whole units.
pub(super) fn calendar_of(unit: Unit) -> Value {
    let units = calendar_units(|of| is_whole(of, unit));
    json!({
        "pattern": format!(r"^\s*{COUNT}\s+calendar\s+{units}\s*$"),
        "patternErrorMessage": "`each` checks the units of a calendar window, such as `4 calendar weeks`.",
    })
}

fn calendar_units(wanted: impl Fn(Unit) -> bool) -> String {
    let units = CALENDAR_UNITS
        .iter()
        .filter(|(_, _, unit, _)| wanted(*unit));
    alternatives(units.map(|(one, many, _, _)| (*one, *many)))
}

fn alternatives<'u>(units: impl Iterator<Item = (&'u str, &'u str)>) -> String {
    let words: Vec<_> = units.flat_map(|(one, many)| [one, many]).collect();
    format!("({})", words.join("|"))
}

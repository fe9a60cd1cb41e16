//! Reads `2026-01-01` and `2026-01-01T12:00:00Z` (docs/cohorts.md, "Windows" and "Predicates").

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use muster_document::{Node, NodeContent, YamlReader, quote};
use muster_model::Millis;

use crate::clause::TimeZoneName;

use super::duration::is_length;

const WHAT: &str = "a date or an instant";
pub(crate) const EXAMPLE: &str =
    "write a date like `2026-01-31`, or an instant like `2026-01-31T12:00:00Z`";

/// Reads a date, which means the first instant of its day in the time zone, or an RFC 3339 instant.
/// Digits beyond a millisecond are cut off.
pub(super) fn instant(
    reader: &mut YamlReader<'_>,
    zone: &TimeZoneName,
    node: &Node,
) -> Option<Millis> {
    let text = match &node.content {
        NodeContent::Text(text) => text,
        NodeContent::Number(number) => {
            let help = match of_epoch(*number) {
                Some(instant) => format!("did you mean `{instant}`?"),
                None => EXAMPLE.to_owned(),
            };
            return reader.expected(node, WHAT, &help);
        }
        _ => return reader.expected(node, WHAT, EXAMPLE),
    };
    match read(text, zone) {
        Ok(instant) => Some(instant),
        Err((message, help)) => reader.wrong(node.span, message, help),
    }
}

/// Returns true if a text was meant to be an instant.
pub(super) fn is_like_instant(text: &str) -> bool {
    text.parse::<DateTime>().is_ok()
}

/// Returns the instant of a number that was meant as milliseconds since the epoch. Small numbers
/// are years.
fn of_epoch(number: f64) -> Option<Millis> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number that is checked against the range"
    )]
    let ms = number as i64;
    (number.fract() == 0.0 && number >= 1e11)
        .then(|| Millis::in_calendar(ms))
        .flatten()
}

/// Parses an instant, or returns a message and a help line.
fn read(text: &str, zone: &TimeZoneName) -> Result<Millis, (String, String)> {
    let quoted = quote(text);
    let fault = |message: String, help: &str| Err((message, help.to_owned()));
    let is_date = is_date(text);
    // RFC 9557's suffix in brackets could name another zone than the offset.
    let instant = match text.parse::<Timestamp>() {
        Ok(instant) if !text.contains('[') => Some(instant),
        _ if is_date => {
            let Ok(date) = text.parse::<Date>() else {
                return fault(format!("{quoted} is not a day of the calendar"), EXAMPLE);
            };
            first_of(date.into(), zone)
        }
        _ => None,
    };
    if let Some(instant) = instant {
        let ms = instant.as_nanosecond().div_euclid(1_000_000);
        return match i64::try_from(ms).ok().and_then(Millis::in_calendar) {
            Some(instant) => Ok(instant),
            None => fault(
                format!("{quoted} is out of range"),
                "write an instant of the years 1 to 9999, in UTC",
            ),
        };
    }
    let help = match text.parse::<DateTime>() {
        Ok(local) if !text.contains(':') => format!("did you mean `{}`?", local.date()),
        Ok(local) => match first_of(local, zone) {
            Some(instant) => {
                let offset = jiff_zone(zone).to_offset(instant);
                let written = instant.display_with_offset(offset);
                let name = zone.as_str();
                let message = format!("{quoted} does not say its time zone");
                return fault(
                    message,
                    &format!("write `{written}` for this time in {name}"),
                );
            }
            None => EXAMPLE.to_owned(),
        },
        Err(_) if is_length(text) => {
            format!("to count from now, write `in_last: {text}` or `before_last: {text}`")
        }
        Err(_) => EXAMPLE.to_owned(),
    };
    fault(format!("{quoted} is not a date or an instant"), &help)
}

/// Returns true if a text has the form of RFC 3339's `full-date`.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Returns the instant at which the zone's clocks first show a time. If the clocks skip that time,
/// returns the first instant after the gap.
fn first_of(local: DateTime, zone: &TimeZoneName) -> Option<Timestamp> {
    jiff_zone(zone).to_timestamp(local).ok()
}

/// Returns the zone of the built-in database; a [`TimeZoneName`] is always in it.
fn jiff_zone(zone: &TimeZoneName) -> TimeZone {
    TimeZoneDatabase::bundled()
        .get(zone.as_str())
        .unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str, zone: &str) -> Option<i64> {
        let zone = TimeZoneName::new(zone).unwrap();
        read(text, &zone).ok().map(|instant| instant.0)
    }

    #[test]
    fn dates_are_the_first_instant_of_their_day() {
        let day = 86_400_000;
        assert_eq!(ms("1970-01-02", "UTC"), Some(day));
        assert_eq!(ms("1962-05-14", "UTC"), Some(-2789 * day));
        assert_eq!(
            ms("1970-01-02", "America/New_York"),
            Some(day + 5 * 3_600_000)
        );
        // Clocks went from 0:00 to 1:00: the day began at 1:00 (UTC-3 by then, UTC-4 before).
        assert_eq!(
            ms("2015-10-04", "America/Asuncion"),
            ms("2015-10-04T04:00:00Z", "UTC")
        );
        // Samoa skipped this day.
        assert_eq!(
            ms("2011-12-30", "Pacific/Apia"),
            ms("2011-12-31", "Pacific/Apia")
        );
    }

    #[test]
    fn instants_with_an_offset_are_the_same_in_every_zone() {
        for zone in ["UTC", "Asia/Tokyo"] {
            assert_eq!(
                ms("2026-03-01T01:00:00+01:00", zone),
                Some(1_772_323_200_000)
            );
            assert_eq!(
                ms("2026-03-01T00:00:00.0019Z", zone),
                Some(1_772_323_200_001)
            );
        }
        for wrong in [
            "",
            "2026",
            "2026-02-30",
            "2026-1-1",
            "20260101",
            "2026-01-01T12:00:00",
            "2026-01-01T12:00:00Z[Europe/Berlin]",
            "0000-12-31",
            "2026-01-01Z",
            "now",
        ] {
            assert_eq!(ms(wrong, "Europe/Berlin"), None, "{wrong}");
        }
    }
}

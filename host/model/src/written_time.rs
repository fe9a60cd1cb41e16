//! The spellings of an instant: numbers, digits and texts. One rule reads them in events and in
//! properties.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::value::text_number;
use crate::{Millis, time_zone};

/// An instant as a sender wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenTime {
    /// An instant.
    Instant(Millis),
    /// A date without a time. It means the start of the day.
    Date(Date),
}

/// A value that is no instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// A text that no spelling fits.
    #[error("`{0}` is not an instant: write it like 2026-03-01T00:00:00Z")]
    NoInstant(String),
    /// A number below [`FIRST_MS`].
    #[error("`{0}` is probably in seconds: write it in milliseconds")]
    Seconds(String),
    /// A number above [`LAST_MS`].
    #[error("`{0}` is probably in microseconds: write it in milliseconds")]
    Microseconds(String),
    /// An instant outside the allowed years.
    #[error("`{0}` is out of range")]
    OutOfRange(String),
}

/// The smallest number that counts milliseconds: 10^11, 1973-03-03T09:46:40Z. As seconds it is the
/// year 5138, so a smaller number is most likely in seconds.
pub const FIRST_MS: i64 = 100_000_000_000;

/// The largest number that counts milliseconds: 10^14, 5138-11-16T09:46:40Z. As microseconds it is
/// 1973-03-03, so a larger number is most likely in microseconds.
pub const LAST_MS: i64 = 100_000_000_000_000;

/// The most digits of a fraction of a second: some warehouses write picoseconds.
const FRACTION_DIGITS: usize = 12;

/// The most digits of a fraction that the general parser reads.
const PARSED_DIGITS: usize = 9;

/// The names of UTC behind a time.
const UTC_NAMES: [&str; 3] = ["UTC", "GMT", "Z"];

impl WrittenTime {
    /// Reads a number of milliseconds since the epoch and cuts off its fraction. Before 1970 it is
    /// negative.
    ///
    /// # Errors
    /// When the number is probably in another unit.
    pub fn of_number(number: f64) -> Result<Self, TimeError> {
        Self::of_ms(number, || number.to_string())
    }

    fn of_ms(number: f64, written: impl FnOnce() -> String) -> Result<Self, TimeError> {
        let whole = number.floor();
        #[expect(clippy::cast_precision_loss, reason = "both are below 2^53")]
        let (first, last) = (FIRST_MS as f64, LAST_MS as f64);
        if whole.is_nan() {
            Err(TimeError::NoInstant(written()))
        } else if whole.abs() < first {
            Err(TimeError::Seconds(written()))
        } else if whole.abs() > last {
            Err(TimeError::Microseconds(written()))
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            let ms = whole as i64;
            Ok(Self::Instant(Millis(ms)))
        }
    }

    /// Reads RFC 3339, the export format's `2020-11-24 09:59:55.977000` and the spellings of
    /// warehouses: blanks around, a blank before the zone, `UTC` or `GMT`, offsets `+01`, `+0100`
    /// and `+01:00`, up to 12 digits of a fraction, no seconds. Without a zone it is UTC. A text of
    /// eight digits or `YYYY-MM-DD` is a date. Other texts that read as a number are that number.
    /// Drops digits finer than a millisecond.
    ///
    /// # Errors
    /// When the text is no instant, or a number in another unit.
    pub fn of_text(text: &str) -> Result<Self, TimeError> {
        if let Some(ms) = export_time(text.as_bytes()) {
            return Ok(Self::Instant(Millis(ms)));
        }
        let trimmed = text.trim();
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if ((trimmed.len() == 8 && digits(trimmed)) || is_date(trimmed))
            && let Ok(date) = trimmed.parse::<Date>()
        {
            return Ok(Self::Date(date));
        }
        if let Some(number) = text_number(trimmed) {
            return Self::of_ms(number, || text.to_owned());
        }
        general(trimmed)
            .map(Self::Instant)
            .ok_or_else(|| TimeError::NoInstant(text.to_owned()))
    }

    /// Returns the instant. A date means the first instant of its day in the zone with this IANA
    /// name. Returns `None` outside [`Millis::EARLIEST`]..=[`Millis::MAX`].
    #[must_use]
    pub fn at(self, zone: &str) -> Option<Millis> {
        let ms = match self {
            Self::Instant(at) => at.0,
            Self::Date(date) => {
                let start = time_zone(zone)?.to_timestamp(date.into());
                start.ok()?.as_millisecond()
            }
        };
        Millis::in_calendar(ms)
    }

    /// Returns the time of an event. It lies where a number counts milliseconds, in every spelling:
    /// an earlier time, such as the epoch itself, is that of a clock that was never set.
    #[must_use]
    pub fn of_event(self) -> Option<Millis> {
        self.at("UTC")
            .filter(|at| (FIRST_MS..=LAST_MS).contains(&at.0))
    }
}

/// Returns true if a text has the form of RFC 3339's `full-date`.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Reads a text that is not in the common form.
fn general(text: &str) -> Option<Millis> {
    let text = normal(text)?;
    let instant = match text.parse::<Timestamp>() {
        Ok(instant) => instant,
        // The parser of local times ignores zones, so none may be left.
        Err(_) if text.get(10..)?.contains(['+', '-', '[', 'Z', 'z']) => return None,
        Err(_) => {
            let local: DateTime = text.parse().ok()?;
            TimeZone::UTC.to_timestamp(local).ok()?
        }
    };
    i64::try_from(instant.as_nanosecond().div_euclid(1_000_000))
        .ok()
        .map(Millis)
}

/// Rewrites the spellings of warehouses to RFC 3339.
fn normal(text: &str) -> Option<Cow<'_, str>> {
    let (time, zone) = split_zone(text)?;
    let (seconds, digits) = match time.rsplit_once(['.', ',']) {
        Some((seconds, digits)) => (seconds, Some(digits)),
        None => (time, None),
    };
    let short = match digits {
        Some(digits) if digits.len() > FRACTION_DIGITS => return None,
        Some(digits) if digits.len() > PARSED_DIGITS => {
            // All digits must be digits, also those that are cut off.
            let all = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.get(..PARSED_DIGITS).filter(|_| all)?
        }
        Some(digits) => digits,
        None if time.len() + zone.len() == text.len() => return Some(Cow::Borrowed(text)),
        None => return Some(Cow::Owned(format!("{time}{zone}"))),
    };
    Some(Cow::Owned(format!("{seconds}.{short}{zone}")))
}

/// Splits a text at its zone: an offset, `Z` for each name of UTC, or nothing.
fn split_zone(text: &str) -> Option<(&str, &str)> {
    let named = UTC_NAMES.iter().find_map(|name| {
        let at = text.len().checked_sub(name.len())?;
        let (time, zone) = text.split_at_checked(at)?;
        zone.eq_ignore_ascii_case(name).then(|| time.trim_end())
    });
    if let Some(time) = named {
        // Go writes `+0000 UTC`.
        let time = time.strip_suffix("+0000").map_or(time, str::trim_end);
        return Some((time, "Z"));
    }
    // The date has dashes too.
    let (_, behind) = text.split_at_checked(10)?;
    match behind.rfind(['+', '-']) {
        Some(at) => {
            let (time, zone) = text.split_at_checked(10 + at)?;
            Some((time.trim_end(), zone))
        }
        None => Some((text, "")),
    }
}

/// Reads the common form `YYYY-MM-DD[ T]HH:MM:SS[.f{1,9}][Z]`. The general parser takes ten times
/// as long per line.
fn export_time(text: &[u8]) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| {
        text.get(range)?.iter().try_fold(0_i64, |n, byte| {
            byte.is_ascii_digit()
                .then(|| n * 10 + i64::from(byte - b'0'))
        })
    };
    let is = |at: usize, wanted: &[u8]| text.get(at).is_some_and(|byte| wanted.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b" T") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let rest = text.get(19..)?;
    let rest = rest.strip_suffix(b"Z").unwrap_or(rest);
    let fraction = match rest {
        [] => 0,
        [b'.', digits @ ..]
            if (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) =>
        {
            (0..3).fold(0, |n, at| {
                n * 10 + digits.get(at).map_or(0, |byte| i64::from(byte - b'0'))
            })
        }
        _ => return None,
    };
    let date = jiff::civil::Date::new(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    )
    .ok()?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_from_civil(date);
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + fraction)
}

/// Returns the days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant's
/// `days_from_civil`).
fn days_from_civil(date: jiff::civil::Date) -> i64 {
    let (year, month, day) = (
        i64::from(date.year()),
        i64::from(date.month()),
        i64::from(date.day()),
    );
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARCH: i64 = 1_772_323_200_000;

    fn ms(text: &str, zone: &str) -> Option<i64> {
        let written = WrittenTime::of_text(text).ok()?;
        written.at(zone).map(|at| at.0)
    }

    #[test]
    fn warehouses_write_instants_in_many_ways() {
        for text in [
            "2026-03-01T00:00:00Z",
            "2026-03-01 00:00:00",
            " 2026-03-01 00:00:00\t",
            "2026-03-01 00:00:00 UTC",
            "2026-03-01 00:00:00UTC",
            "2026-03-01 00:00:00 gmt",
            "2026-03-01 00:00:00 Z",
            "2026-03-01 00:00:00.000000 UTC",
            "2026-03-01 00:00:00 +0000",
            "2026-03-01 00:00:00+0000",
            "2026-03-01 00:00:00 +0000 UTC",
            "2026-03-01 01:00:00 +01:00",
            "2026-02-28 19:00:00.000 -0500",
            "2026-03-01T01:00+01",
            "2026-03-01T00:00",
            "2026-03-01 00:00",
            "2026-03-01 00:00:00.000999999999",
            "2026-03-01T00:00:00.000000000000Z",
            "1772323200000",
            " 1772323200000 ",
            "1772323200000.7",
            "1.7723232e12",
        ] {
            assert_eq!(ms(text, "Europe/Berlin"), Some(MARCH), "{text}");
        }
    }

    #[test]
    fn a_date_is_the_start_of_its_day_in_the_zone() {
        for text in ["2026-03-01", "20260301", " 2026-03-01 "] {
            assert_eq!(ms(text, "UTC"), Some(MARCH), "{text}");
            assert_eq!(ms(text, "Europe/Berlin"), Some(MARCH - 3_600_000));
        }
        assert_eq!(ms("1962-05-14", "UTC"), Some(-240_969_600_000));
        assert_eq!(ms("0001-01-01", "UTC"), Some(Millis::EARLIEST.0));
    }

    #[test]
    fn texts_that_are_no_instants() {
        for text in [
            "",
            " ",
            "yesterday",
            "2026-02-30",
            "2026-02-30 00:00:00",
            "20260230",
            "2026-03-01 25:00:00",
            "2026-03-01 00:00:00.",
            "2026-03-01 00:00:00.0000000000000",
            "2026-03-01 00:00:00.0000000000x",
            "2026-03-01 00:00:00 CET",
            "2026-03-01 00:00:00 +0100 UTC",
            "2026-03-01T00:00:00[Europe/Berlin]",
            "2026-03-01Z",
            "0",
            "-1",
            "1606211995",
            "99999999999",
            "100000000000001",
            "99999999999999999999999",
            "é\u{301}éééééééééé",
        ] {
            assert_eq!(ms(text, "UTC"), None, "{text}");
        }
    }

    #[test]
    fn numbers_count_milliseconds_between_two_powers_of_ten() {
        let number = |number| WrittenTime::of_number(number);
        let ok = |ms| Ok(WrittenTime::Instant(Millis(ms)));
        assert_eq!(number(1e11), ok(FIRST_MS));
        assert_eq!(number(1e14), ok(LAST_MS));
        assert_eq!(number(-1e11), ok(-FIRST_MS));
        assert_eq!(number(-240_969_599_999.5), ok(-240_969_600_000));
        assert!(matches!(number(0.0), Err(TimeError::Seconds(_))));
        assert!(matches!(number(1e11 - 1.0), Err(TimeError::Seconds(_))));
        assert!(matches!(
            number(1e14 + 1.0),
            Err(TimeError::Microseconds(_))
        ));
        assert!(matches!(number(f64::MAX), Err(TimeError::Microseconds(_))));
    }

    #[test]
    fn events_have_the_same_bounds_in_every_spelling() {
        let event = |text: &str| WrittenTime::of_text(text).ok()?.of_event().map(|at| at.0);
        for text in [
            "0",
            "1970-01-01",
            "19700101",
            "1970-01-01T00:00:00Z",
            "1973-03-03T09:46:39.999Z",
            "99999999999",
            "5138-11-16T09:46:40.001Z",
            "100000000000001",
            "1962-05-14",
            "-240969600000",
        ] {
            assert_eq!(event(text), None, "{text}");
        }
        for text in ["100000000000", "1973-03-03T09:46:40Z"] {
            assert_eq!(event(text), Some(FIRST_MS), "{text}");
        }
        for text in ["100000000000000", "5138-11-16T09:46:40Z"] {
            assert_eq!(event(text), Some(LAST_MS), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_fast_path_agrees_with_the_general_parser(
            ms in Millis::EARLIEST.0..Millis::MAX.0,
        ) {
            let text = Millis(ms).to_string();
            proptest::prop_assert_eq!(export_time(text.as_bytes()), Some(ms));
            proptest::prop_assert_eq!(general(&text), Some(Millis(ms)));
        }

        #[test]
        fn no_text_panics(text in "[0-9T:. +\\-ZUTCé\\[\\]]{0,32}") {
            let _ = WrittenTime::of_text(&text);
        }
    }
}

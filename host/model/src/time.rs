//! Instants.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since the Unix epoch, UTC. The unit of every instant in Muster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

/// A text that is not an instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an instant: write it like 2026-03-01T00:00:00Z")]
pub struct TimeError(String);

impl Millis {
    /// The earliest instant that Muster holds: 1970-01-01. A module never reads an earlier clock.
    pub const MIN: Self = Self(0);
    /// The latest instant that Muster holds: 9999-12-30T22:00:00.999Z, the end of RFC 3339's years.
    /// It is exact as an `f64`.
    pub const MAX: Self = Self(253_402_207_200_999);

    /// Reads the system's clock.
    #[must_use]
    pub fn now() -> Self {
        Self(Timestamp::now().as_millisecond())
    }

    /// Returns the whole seconds since the epoch (the unit of the payload's `computed_time`).
    #[must_use]
    pub fn as_second(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the instant `ms` if it lies in [`Self::MIN`]..=[`Self::MAX`].
    #[must_use]
    pub fn in_range(ms: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0)
            .contains(&ms)
            .then_some(Self(ms))
    }
}

/// Reads RFC 3339 and the export format's `2020-11-24 09:59:55.977000`. The separator is a space or
/// `T`, the fraction has 0 to 9 digits, the zone is optional (UTC if absent). Drops digits finer
/// than a millisecond. (docs/facts.md, "Export files")
impl FromStr for Millis {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let error = || TimeError(text.to_owned());
        if let Some(ms) = export_time(text.as_bytes()) {
            return Self::in_range(ms).ok_or_else(error);
        }
        let instant = match text.parse::<Timestamp>() {
            Ok(instant) => instant,
            Err(_) => {
                let local: DateTime = text.parse().map_err(|_| error())?;
                TimeZone::UTC.to_timestamp(local).map_err(|_| error())?
            }
        };
        let ms = instant.as_nanosecond().div_euclid(1_000_000);
        i64::try_from(ms)
            .ok()
            .and_then(Self::in_range)
            .ok_or_else(error)
    }
}

/// Writes the text form, RFC 3339.
impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads the text form.
impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
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

/// Formats an instant as RFC 3339 in UTC.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Millis>().unwrap().0
    }

    #[test]
    fn reads_the_export_format_and_rfc_3339() {
        assert_eq!(ms("2020-11-24 09:59:55.977000"), 1_606_211_995_977);
        assert_eq!(ms("2020-11-24T09:59:55.977Z"), 1_606_211_995_977);
        assert_eq!(ms("2020-11-24 09:59:55.9779999"), 1_606_211_995_977);
        assert_eq!(ms("2020-11-24 09:59:55"), 1_606_211_995_000);
        assert_eq!(ms("2020-11-24T10:59:55+01:00"), 1_606_211_995_000);
        assert_eq!(ms("2020-11-24 09:59:55.5+00:00"), 1_606_211_995_500);
        assert_eq!(ms("1970-01-01T00:00:00Z"), 0);
    }

    #[test]
    fn refuses_texts_that_are_no_instants() {
        for text in [
            "",
            "yesterday",
            "2020-02-30 00:00:00",
            "2020-11-24 25:00:00",
            "1969-12-31T23:59:59Z",
            "2020-11-24 09:59:55.",
        ] {
            assert!(text.parse::<Millis>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_fast_path_agrees_with_the_general_parser(ms in 0..Millis::MAX.0) {
            let text = Millis(ms).to_string();
            proptest::prop_assert_eq!(export_time(text.as_bytes()), Some(ms));
            proptest::prop_assert_eq!(text.parse::<Millis>(), Ok(Millis(ms)));
        }
    }
}

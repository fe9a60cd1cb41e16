//! Instants.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::written_time::{TimeError, WrittenTime};

/// Milliseconds since the Unix epoch, UTC. The unit of every instant in Muster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// The earliest instant of a clock, an event or a change: 1970-01-01. A module never reads an
    /// earlier clock.
    pub const MIN: Self = Self(0);
    /// The earliest instant that a property or a definition names: 0001-01-01T00:00:00Z.
    pub const EARLIEST: Self = Self(-62_135_596_800_000);
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

    /// Returns the instant `ms` if it lies in [`Self::EARLIEST`]..=[`Self::MAX`].
    #[must_use]
    pub fn in_calendar(ms: i64) -> Option<Self> {
        (Self::EARLIEST.0..=Self::MAX.0)
            .contains(&ms)
            .then_some(Self(ms))
    }
}

/// Reads the texts of [`WrittenTime`] from 1970 on. A date means its start in UTC.
impl FromStr for Millis {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let at = WrittenTime::of_text(text)?.at("UTC");
        at.filter(|at| *at >= Self::MIN)
            .ok_or_else(|| TimeError::OutOfRange(text.to_owned()))
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
        fn a_written_instant_reads_as_itself(ms in 0..Millis::MAX.0) {
            let text = Millis(ms).to_string();
            proptest::prop_assert_eq!(text.parse::<Millis>(), Ok(Millis(ms)));
        }
    }
}

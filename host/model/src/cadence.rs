//! Cadences: how often membership is computed, and at which instants.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::{Millis, time_zone};

/// The frequency with which membership is computed. Times of day are in the cohort's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cadence {
    /// Once a day at this time.
    Daily {
        /// The time of day; midnight unless `at:` says otherwise.
        at: TimeOfDay,
    },
    /// Once an hour at this minute.
    Hourly {
        /// 0 to 59; 0 unless `at:` says otherwise.
        minute: u8,
    },
    /// Whenever events arrive and answers expire.
    RealTime,
}

/// A time of day, to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

impl Default for Cadence {
    /// Returns the daily cadence at midnight.
    fn default() -> Self {
        Self::Daily {
            at: TimeOfDay { hour: 0, minute: 0 },
        }
    }
}

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daily { at } => write!(f, "daily at {:02}:{:02}", at.hour, at.minute),
            Self::Hourly { minute } => write!(f, "hourly at :{minute:02}"),
            Self::RealTime => f.write_str("real time"),
        }
    }
}

/// The instants of a daily or hourly cadence in a time zone.
///
/// A time of day that the clocks skip stands for the instant at which they skip it. A time of day
/// that occurs twice stands for its first occurrence. An hour that occurs twice counts as two
/// hours, so its minute occurs twice.
#[derive(Clone, Debug)]
pub struct Schedule {
    cadence: Cadence,
    zone: TimeZone,
}

const MINUTE: i64 = 60_000;

/// The largest distance between two instants of an hourly cadence. Clocks are never set by more
/// than a day, and then to a full minute.
const MAX_MINUTES: i64 = 2 * 24 * 60;

impl Schedule {
    /// Makes the schedule of a cadence in the zone with an IANA name. Returns `None` if there is no
    /// such zone.
    #[must_use]
    pub fn new(cadence: Cadence, zone: &str) -> Option<Self> {
        let zone = time_zone(zone)?;
        Some(Self { cadence, zone })
    }

    /// Returns the first instant after `after`. Returns `None` for the real-time cadence, which has
    /// no fixed instants.
    #[must_use]
    pub fn next(&self, after: Millis) -> Option<Millis> {
        match self.cadence {
            Cadence::Daily { at } => {
                let from = self.date(after)?;
                let days = (-1..=3).filter_map(|days| self.on(from, days, at));
                days.filter(|instant| *instant > after).min()
            }
            Cadence::Hourly { minute } => {
                let floor = after.0 - after.0.rem_euclid(MINUTE);
                let minutes = (1..=MAX_MINUTES).map(|minutes| Millis(floor + minutes * MINUTE));
                self.first_at(minute, minutes)
            }
            Cadence::RealTime => None,
        }
    }

    /// Returns the latest instant that is not after `until`. Returns `None` for the real-time
    /// cadence.
    #[must_use]
    pub fn latest(&self, until: Millis) -> Option<Millis> {
        match self.cadence {
            Cadence::Daily { at } => {
                let from = self.date(until)?;
                let days = (-3..=1).filter_map(|days| self.on(from, days, at));
                days.filter(|instant| *instant <= until).max()
            }
            Cadence::Hourly { minute } => {
                let floor = until.0 - until.0.rem_euclid(MINUTE);
                let minutes = (0..=MAX_MINUTES).map(|minutes| Millis(floor - minutes * MINUTE));
                self.first_at(minute, minutes)
            }
            Cadence::RealTime => None,
        }
    }

    fn first_at(&self, minute: u8, mut instants: impl Iterator<Item = Millis>) -> Option<Millis> {
        instants.find(|instant| {
            let timestamp = Timestamp::from_millisecond(instant.0);
            timestamp.is_ok_and(|at| self.zone.to_datetime(at).minute() == minute.cast_signed())
        })
    }

    fn date(&self, instant: Millis) -> Option<Date> {
        let timestamp = Timestamp::from_millisecond(instant.0).ok()?;
        Some(self.zone.to_datetime(timestamp).date())
    }

    /// Returns the instant of a time of day, a number of days after a date.
    fn on(&self, date: Date, days: i64, time: TimeOfDay) -> Option<Millis> {
        let date = date.checked_add(days.days()).ok()?;
        let time = date.at(time.hour.cast_signed(), time.minute.cast_signed(), 0, 0);
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let mut instant = ambiguous.compatible().ok()?;
        if skipped {
            let after = instant.checked_add(1.nanosecond()).ok()?;
            instant = self.zone.preceding(after).next()?.timestamp();
        }
        Some(Millis(instant.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(hour: u8, minute: u8, zone: &str) -> Schedule {
        let at = TimeOfDay { hour, minute };
        Schedule::new(Cadence::Daily { at }, zone).unwrap()
    }

    fn hourly(minute: u8, zone: &str) -> Schedule {
        Schedule::new(Cadence::Hourly { minute }, zone).unwrap()
    }

    /// Returns the next `count` instants.
    fn next(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
        let mut at: Millis = after.parse().unwrap();
        let mut all = Vec::new();
        for _ in 0..count {
            at = schedule.next(at).unwrap();
            all.push(at.to_string());
        }
        all
    }

    #[test]
    fn a_day_has_its_run_at_local_time() {
        assert_eq!(
            next(
                &daily(6, 0, "America/Los_Angeles"),
                "2026-03-06T20:00:00Z",
                4
            ),
            [
                "2026-03-07T14:00:00Z",
                // Clocks go forward on the 8th, at 10:00Z.
                "2026-03-08T13:00:00Z",
                "2026-03-09T13:00:00Z",
                "2026-03-10T13:00:00Z",
            ]
        );
    }

    #[test]
    fn a_skipped_time_is_the_instant_at_which_the_clocks_skip_it() {
        assert_eq!(
            next(
                &daily(2, 30, "America/Los_Angeles"),
                "2026-03-07T00:00:00Z",
                3
            ),
            [
                "2026-03-07T10:30:00Z",
                "2026-03-08T10:00:00Z",
                "2026-03-09T09:30:00Z"
            ]
        );
        // Samoa had no 30 December 2011, so its run is at the instant at which the 31st begins.
        assert_eq!(
            next(&daily(6, 0, "Pacific/Apia"), "2011-12-29T00:00:00Z", 3),
            [
                "2011-12-29T16:00:00Z",
                "2011-12-30T10:00:00Z",
                "2011-12-30T16:00:00Z"
            ]
        );
    }

    #[test]
    fn a_time_that_occurs_twice_is_its_first_occurrence() {
        assert_eq!(
            next(
                &daily(1, 30, "America/Los_Angeles"),
                "2026-10-31T12:00:00Z",
                2
            ),
            ["2026-11-01T08:30:00Z", "2026-11-02T09:30:00Z"]
        );
    }

    #[test]
    fn an_hour_that_occurs_twice_has_two_runs_and_a_skipped_hour_none() {
        assert_eq!(
            next(
                &hourly(15, "America/Los_Angeles"),
                "2026-11-01T07:30:00Z",
                3
            ),
            [
                "2026-11-01T08:15:00Z",
                "2026-11-01T09:15:00Z",
                "2026-11-01T10:15:00Z"
            ]
        );
        assert_eq!(
            next(
                &hourly(15, "America/Los_Angeles"),
                "2026-03-08T09:00:00Z",
                2
            ),
            ["2026-03-08T09:15:00Z", "2026-03-08T10:15:00Z"]
        );
        // India is half an hour off.
        assert_eq!(
            next(&hourly(0, "Asia/Kolkata"), "2026-03-08T09:00:00Z", 2),
            ["2026-03-08T09:30:00Z", "2026-03-08T10:30:00Z"]
        );
    }

    #[test]
    fn latest_is_the_instant_before_next() {
        let schedules = [
            daily(6, 0, "America/Los_Angeles"),
            daily(2, 30, "Europe/Berlin"),
            daily(0, 0, "America/Sao_Paulo"),
            daily(23, 59, "Australia/Lord_Howe"),
            hourly(15, "Australia/Lord_Howe"),
            hourly(59, "Asia/Kolkata"),
        ];
        for schedule in &schedules {
            let mut at: Millis = "2018-01-01T00:00:00Z".parse().unwrap();
            for _ in 0..3_000 {
                let next = schedule.next(at).unwrap();
                assert_eq!(schedule.latest(next), Some(next), "{schedule:?}");
                let before = schedule.latest(Millis(next.0 - 1)).unwrap();
                assert!(
                    before <= at || schedule.next(before) == Some(next),
                    "{schedule:?}"
                );
                at = next;
            }
        }
        assert_eq!(
            daily(6, 0, "UTC")
                .latest("2026-03-01T05:59:59Z".parse().unwrap())
                .unwrap()
                .to_string(),
            "2026-02-28T06:00:00Z"
        );
    }

    #[test]
    fn real_time_has_no_fixed_instants() {
        let schedule = Schedule::new(Cadence::RealTime, "UTC").unwrap();
        assert_eq!(
            (schedule.next(Millis(0)), schedule.latest(Millis(0))),
            (None, None)
        );
        assert_eq!(Cadence::RealTime.to_string(), "real time");
        assert_eq!(Cadence::default().to_string(), "daily at 00:00");
    }
}

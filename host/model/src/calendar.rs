//! Calendar days, ISO weeks and months in a time zone.

use jiff::civil::{Date, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, ToSpan};

use crate::Millis;

/// A unit of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// From midnight to midnight in the time zone.
    Day,
    /// An ISO week, from Monday.
    Week,
    /// A month of the Gregorian calendar.
    Month,
}

impl Unit {
    /// All units.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Returns `day`, `week` or `month`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// Returns the zone with an IANA name from the built-in database, which makes zones the same on
/// every machine.
#[must_use]
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// The days, weeks or months of a time zone. Each is identified by its first day.
#[derive(Clone, Debug)]
pub struct Units {
    unit: Unit,
    zone: TimeZone,
}

impl Units {
    /// Makes the units of the zone with an IANA name. Returns `None` if there is no such zone.
    #[must_use]
    pub fn new(unit: Unit, zone: &str) -> Option<Self> {
        let zone = time_zone(zone)?;
        Some(Self { unit, zone })
    }

    /// Returns the unit that contains an instant. Returns `None` outside jiff's years −9999 to
    /// 9999.
    #[must_use]
    pub fn at(&self, instant: Millis) -> Option<Date> {
        // jiff accepts no milliseconds in its very last second.
        let timestamp = Timestamp::from_millisecond(instant.0).unwrap_or(Timestamp::MAX);
        let date = self.zone.to_datetime(timestamp).date();
        let unit = match self.unit {
            Unit::Day => date,
            Unit::Week => {
                let days = i64::from(date.weekday().since(Weekday::Monday));
                date.checked_sub(days.days()).unwrap_or(date)
            }
            Unit::Month => date.first_of_month(),
        };
        // Where the clocks go back over midnight, the last hour of the old day occurs again. The
        // new day has begun by then, so the repeated hour belongs to it.
        let next = self.step(unit, 1);
        let begun = |next: &Date| self.start(*next).is_some_and(|start| start <= instant);
        Some(next.filter(begun).unwrap_or(unit))
    }

    /// Returns the unit that comes `count` units later, or earlier if `count` is negative.
    #[must_use]
    pub fn step(&self, unit: Date, count: i64) -> Option<Date> {
        let span = match self.unit {
            Unit::Day => Span::new().try_days(count),
            Unit::Week => Span::new().try_weeks(count),
            Unit::Month => Span::new().try_months(count),
        };
        unit.checked_add(span.ok()?).ok()
    }

    /// Returns the first instant of a day: midnight, and the earlier one if midnight occurs twice.
    /// If the clocks skip midnight, it is the instant at which they do.
    #[must_use]
    pub fn start(&self, day: Date) -> Option<Millis> {
        let midnight = self.zone.to_ambiguous_timestamp(day.at(0, 0, 0, 0));
        let skipped = matches!(midnight.offset(), AmbiguousOffset::Gap { .. });
        let mut instant = midnight.compatible().ok()?;
        if skipped {
            let after = instant.checked_add(1.nanosecond()).ok()?;
            instant = self.zone.preceding(after).next()?.timestamp();
        }
        Some(Millis(instant.as_millisecond()))
    }

    /// Returns the first instant of the unit that is `steps` units after the unit that contains
    /// `instant`, or before it if `steps` is negative. Outside jiff's years it is the earliest or
    /// the latest instant of all.
    #[must_use]
    pub fn start_of(&self, instant: Millis, steps: i64) -> Millis {
        let ends = if steps > 0 { i64::MAX } else { i64::MIN };
        let unit = self.at(instant).and_then(|unit| self.step(unit, steps));
        unit.and_then(|unit| self.start(unit))
            .unwrap_or(Millis(ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(unit: Unit, zone: &str, at: &str, steps: i64) -> String {
        let units = Units::new(unit, zone).unwrap();
        units.start_of(at.parse().unwrap(), steps).to_string()
    }

    #[test]
    fn a_day_starts_at_its_first_instant() {
        let day = |zone, at| starts(Unit::Day, zone, at, 0);
        assert_eq!(day("UTC", "2026-03-01T00:00:00Z"), "2026-03-01T00:00:00Z");
        assert_eq!(
            day("UTC", "2026-03-01T23:59:59.999Z"),
            "2026-03-01T00:00:00Z"
        );
        let angeles = "America/Los_Angeles";
        assert_eq!(day(angeles, "2026-03-09T06:59:59Z"), "2026-03-08T08:00:00Z");
        assert_eq!(day(angeles, "2026-03-09T07:00:00Z"), "2026-03-09T07:00:00Z");
        // São Paulo skipped midnight until 2019: 2018-11-04 begins at 01:00 of the new time.
        let paulo = "America/Sao_Paulo";
        assert_eq!(day(paulo, "2018-11-04T02:59:59Z"), "2018-11-03T03:00:00Z");
        assert_eq!(day(paulo, "2018-11-04T03:00:00Z"), "2018-11-04T03:00:00Z");
        // São Paulo had the hour before midnight twice: 2018-02-17 has 25 hours.
        assert_eq!(day(paulo, "2018-02-18T02:30:00Z"), "2018-02-17T02:00:00Z");
        // St. John's set its clocks back at 00:01: 2010-11-07 began before that.
        let johns = "America/St_Johns";
        assert_eq!(day(johns, "2010-11-07T02:30:30Z"), "2010-11-07T02:30:00Z");
        assert_eq!(day(johns, "2010-11-07T02:45:00Z"), "2010-11-07T02:30:00Z");
    }

    #[test]
    fn the_last_day_begins_though_no_day_comes_after_it() {
        let days = Units::new(Unit::Day, "UTC").unwrap();
        let last: Millis = "9999-12-30T00:00:00Z".parse().unwrap();
        assert_eq!(days.start_of(Millis::MAX, 0), last);
        assert_eq!(days.start_of(Millis::MAX, 1), Millis(i64::MAX));
    }

    #[test]
    fn weeks_start_on_monday_and_months_on_the_first() {
        let week = |steps| starts(Unit::Week, "UTC", "2026-01-01T12:00:00Z", steps);
        assert_eq!(week(0), "2025-12-29T00:00:00Z", "week 1 of 2026");
        assert_eq!(week(-1), "2025-12-22T00:00:00Z");
        let month = |steps| starts(Unit::Month, "UTC", "2026-03-31T12:00:00Z", steps);
        assert_eq!(month(-1), "2026-02-01T00:00:00Z");
        assert_eq!(month(-13), "2025-02-01T00:00:00Z");
        assert_eq!(month(1), "2026-04-01T00:00:00Z");
    }
}

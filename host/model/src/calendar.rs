//! Calendar days, ISO weeks and months in a time zone.

use crate::Millis;
use jiff::civil::{Date, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, ToSpan};

/// A calendar's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// From midnight to midnight in the time zone.
    Day,
    /// An ISO week, from Monday.
    Week,
    /// A month of the Gregorian calendar.
    Month,
}

/// The zone of an IANA name, of the built-in database: every machine has the same zones.
#[must_use]
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// The first instant of the unit that comes `steps` units after the one that holds an instant (before it, if negative).
/// Outside jiff's years −9999 to 9999 it is the earliest or the latest of all.
#[must_use]
pub fn unit_start(unit: Unit, zone: &TimeZone, at: Millis, steps: i64) -> Millis {
    let ends = if steps > 0 { i64::MAX } else { i64::MIN };
    find(unit, zone, at, steps).unwrap_or(Millis(ends))
}

fn find(unit: Unit, zone: &TimeZone, at: Millis, steps: i64) -> Option<Millis> {
    // jiff takes no milliseconds of its very last second.
    let instant = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::MAX);
    let mut first = first_date(unit, zone.to_datetime(instant).date());
    // Where clocks go back over midnight, the old day's last hour comes again; the new day has begun all the same.
    let next = first.checked_add(length(unit, 1)?).ok();
    let begun = |next: &Date| first_instant(*next, zone).is_some_and(|next| next <= at);
    first = next.filter(begun).unwrap_or(first);
    first_instant(first.checked_add(length(unit, steps)?).ok()?, zone)
}

/// The first day of the unit that holds a day.
fn first_date(unit: Unit, date: Date) -> Date {
    match unit {
        Unit::Day => date,
        Unit::Week => {
            let days = i64::from(date.weekday().since(Weekday::Monday));
            date.checked_sub(days.days()).unwrap_or(date)
        }
        Unit::Month => date.first_of_month(),
    }
}

fn length(unit: Unit, count: i64) -> Option<Span> {
    match unit {
        Unit::Day => Span::new().try_days(count),
        Unit::Week => Span::new().try_weeks(count),
        Unit::Month => Span::new().try_months(count),
    }
    .ok()
}

/// The first instant of a day: midnight, or, where clocks skip midnight, the instant at which they do.
fn first_instant(date: Date, zone: &TimeZone) -> Option<Millis> {
    let midnight = zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0));
    let skipped = matches!(midnight.offset(), AmbiguousOffset::Gap { .. });
    let instant = midnight.compatible().ok()?;
    let skip = zone.preceding(instant + 1.nanosecond()).next();
    let first = match skip {
        Some(skip) if skipped => skip.timestamp(),
        _ => instant,
    };
    Some(Millis(first.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(unit: Unit, zone: &str, at: &str, steps: i64) -> String {
        let zone = time_zone(zone).unwrap();
        unit_start(unit, &zone, at.parse().unwrap(), steps).to_string()
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
        // And had the hour before midnight twice: 2018-02-17 has 25 hours.
        assert_eq!(day(paulo, "2018-02-18T02:30:00Z"), "2018-02-17T02:00:00Z");
        // St. John's set its clocks back at 00:01: 2010-11-07 began before that.
        let johns = "America/St_Johns";
        assert_eq!(day(johns, "2010-11-07T02:30:30Z"), "2010-11-07T02:30:00Z");
        assert_eq!(day(johns, "2010-11-07T02:45:00Z"), "2010-11-07T02:30:00Z");
    }

    #[test]
    fn the_last_day_begins_though_no_day_comes_after_it() {
        let zone = time_zone("UTC").unwrap();
        let last: Millis = "9999-12-30T00:00:00Z".parse().unwrap();
        assert_eq!(unit_start(Unit::Day, &zone, Millis::MAX, 0), last);
        assert_eq!(
            unit_start(Unit::Day, &zone, Millis::MAX, 1),
            Millis(i64::MAX)
        );
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

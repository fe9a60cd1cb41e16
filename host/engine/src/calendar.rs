//! Calendar windows: a rule names a time zone, a unit and a count; the host says when that window began and when it moves.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use muster_model::Millis;
use muster_sandbox::{Calendar, CalendarBounds, CalendarUnit};

use crate::EngineError;

/// The window of the last `count` days, weeks (ISO: from Monday) or months that ends with the current one, at `now`.
///
/// Days begin at their first instant in the time zone, which on a day of changing clocks need not be 00:00.
///
/// # Errors
/// When the time zone is not known.
pub(crate) fn bounds(calendar: &Calendar, now: Millis) -> Result<CalendarBounds, EngineError> {
    let unknown = || EngineError::TimeZone {
        time_zone: calendar.time_zone.clone(),
    };
    let zone = TimeZone::get(&calendar.time_zone).map_err(|_| unknown())?;
    let instant = Timestamp::from_millisecond(now.0).map_err(|_| unknown())?;
    let today = zone.to_datetime(instant).date();
    let back = i64::from(calendar.count.max(1)) - 1;
    let (start, next) = match calendar.unit {
        CalendarUnit::Day => (today.checked_sub(back.days()), today.checked_add(1.day())),
        CalendarUnit::Week => {
            let monday = today
                .checked_sub(i64::from(today.weekday().since(Weekday::Monday)).days())
                .unwrap_or(today);
            (
                monday.checked_sub(back.weeks()),
                monday.checked_add(1.week()),
            )
        }
        CalendarUnit::Month => {
            let first = today.first_of_month();
            (
                first.checked_sub(back.months()),
                first.checked_add(1.month()),
            )
        }
    };
    // Before the calendar's first year there is nothing to leave out; after its last nothing moves any more.
    Ok(CalendarBounds {
        start: start
            .ok()
            .and_then(|date| first_instant(date, &zone))
            .unwrap_or(Millis::MIN.0),
        moves_at: next
            .ok()
            .and_then(|date| first_instant(date, &zone))
            .unwrap_or(i64::MAX),
    })
}

fn first_instant(date: Date, zone: &TimeZone) -> Option<i64> {
    let start = zone.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(start.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(zone: &str, unit: CalendarUnit, count: u32, now: &str) -> (String, String) {
        let calendar = Calendar {
            time_zone: zone.to_owned(),
            unit,
            count,
        };
        let bounds = bounds(&calendar, now.parse().unwrap()).unwrap();
        (
            Millis(bounds.start).to_string(),
            Millis(bounds.moves_at).to_string(),
        )
    }

    fn pair(start: &str, moves_at: &str) -> (String, String) {
        (start.to_owned(), moves_at.to_owned())
    }

    #[test]
    fn days_weeks_and_months_begin_in_the_time_zone() {
        let la = "America/Los_Angeles";
        // 2026-03-08 is the day clocks go forward: it has 23 hours.
        assert_eq!(
            window(la, CalendarUnit::Day, 1, "2026-03-08T20:00:00Z"),
            pair("2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z")
        );
        assert_eq!(
            window(la, CalendarUnit::Day, 30, "2026-03-08T20:00:00Z"),
            pair("2026-02-07T08:00:00Z", "2026-03-09T07:00:00Z")
        );
        // 2026-03-01 is a Sunday: its ISO week began on 2026-02-23.
        assert_eq!(
            window("UTC", CalendarUnit::Week, 2, "2026-03-01T12:00:00Z"),
            pair("2026-02-16T00:00:00Z", "2026-03-02T00:00:00Z")
        );
        assert_eq!(
            window("UTC", CalendarUnit::Month, 2, "2026-03-31T12:00:00Z"),
            pair("2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z")
        );
        // In São Paulo of 2018 the clocks went forward at midnight: the day began at 01:00.
        assert_eq!(
            window(
                "America/Sao_Paulo",
                CalendarUnit::Day,
                1,
                "2018-11-04T12:00:00Z"
            )
            .0,
            "2018-11-04T03:00:00Z"
        );
    }

    #[test]
    fn an_unknown_time_zone_is_an_error() {
        let calendar = Calendar {
            time_zone: "Mars/Base".to_owned(),
            unit: CalendarUnit::Day,
            count: 1,
        };
        assert!(matches!(
            bounds(&calendar, Millis(0)),
            Err(EngineError::TimeZone { .. })
        ));
    }
}

//! Calendar windows. A module names a time zone, a unit and a count. The host computes when each
//! unit of that window began and when the window moves.

use jiff::civil::Date;
use muster_model::{Millis, Unit, Units};

use crate::UnknownTimeZone;

/// The most units of a window that are listed although they lie before 1970: 100,000 days are 273
/// years, and 800 KB a batch.
const UNITS: u32 = 100_000;

/// A calendar window at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarStarts {
    /// The first instant of each unit, ascending. The last is that of the current unit.
    starts: Vec<i64>,
    /// The first instant of the next unit.
    moves_at: i64,
}

impl CalendarStarts {
    /// Returns the window of the last `count` days, weeks (ISO: from Monday) or months that ends
    /// with the current one, at `now`. Without a count the window begins with the unit that
    /// contains 1970-01-01T00:00:00Z.
    ///
    /// Time zones come from the built-in database, so that every machine agrees.
    ///
    /// # Errors
    /// When the time zone is not known.
    pub fn new(
        time_zone: &str,
        unit: Unit,
        count: Option<u32>,
        now: Millis,
    ) -> Result<Self, UnknownTimeZone> {
        let units = Units::new(unit, time_zone).ok_or_else(|| UnknownTimeZone {
            time_zone: time_zone.to_owned(),
        })?;
        let first = first(&units, now, count);
        let mut window = Self {
            starts: Vec::new(),
            moves_at: i64::MAX,
        };
        // After the calendar's last year the window no longer moves.
        for date in std::iter::successors(first, |date| units.step(*date, 1)) {
            let Some(start) = units.start(date) else {
                break;
            };
            if start > now {
                window.moves_at = start.0;
                break;
            }
            // A day that the zone skipped begins when the next one does.
            if window.starts.last().is_none_or(|last| *last < start.0) {
                window.starts.push(start.0);
            }
        }
        Ok(window)
    }

    /// Returns the first instant of each unit in ms, ascending. The last is that of the current
    /// unit.
    #[must_use]
    pub fn starts(&self) -> &[i64] {
        &self.starts
    }

    /// Returns the first instant of the next unit, in ms; `i64::MAX` after the calendar's last
    /// year.
    #[must_use]
    pub fn moves_at(&self) -> i64 {
        self.moves_at
    }
}

/// Returns the first unit of a window.
fn first(units: &Units, now: Millis, count: Option<u32>) -> Option<Date> {
    let epoch = units.at(Millis::MIN);
    let Some(count) = count else {
        return epoch;
    };
    let current = units.at(now)?;
    let back = |count: u32| units.step(current, 1 - i64::from(count.max(1)));
    if count <= UNITS {
        back(count)
    } else {
        back(count).max(back(UNITS).min(epoch))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(zone: &str, unit: Unit, count: Option<u32>, now: &str) -> CalendarStarts {
        CalendarStarts::new(zone, unit, count, now.parse().unwrap()).unwrap()
    }

    /// Returns the starts of a window, and then the instant at which it moves.
    fn texts(zone: &str, unit: Unit, count: u32, now: &str) -> Vec<String> {
        let window = window(zone, unit, Some(count), now);
        let instants = window.starts.iter().chain([&window.moves_at]);
        instants
            .map(|instant| Millis(*instant).to_string())
            .collect()
    }

    #[test]
    fn days_weeks_and_months_begin_in_the_time_zone() {
        let la = "America/Los_Angeles";
        // On 2026-03-08 the clocks go forward: the day has 23 hours.
        assert_eq!(
            texts(la, Unit::Day, 2, "2026-03-08T20:00:00Z"),
            [
                "2026-03-07T08:00:00Z",
                "2026-03-08T08:00:00Z",
                "2026-03-09T07:00:00Z"
            ]
        );
        let thirty = texts(la, Unit::Day, 30, "2026-03-08T20:00:00Z");
        assert_eq!((thirty.len(), &*thirty[0]), (31, "2026-02-07T08:00:00Z"));
        // 2026-03-01 is a Sunday: its ISO week began on 2026-02-23.
        assert_eq!(
            texts("UTC", Unit::Week, 2, "2026-03-01T12:00:00Z"),
            [
                "2026-02-16T00:00:00Z",
                "2026-02-23T00:00:00Z",
                "2026-03-02T00:00:00Z"
            ]
        );
        assert_eq!(
            texts("UTC", Unit::Month, 2, "2026-03-31T12:00:00Z"),
            [
                "2026-02-01T00:00:00Z",
                "2026-03-01T00:00:00Z",
                "2026-04-01T00:00:00Z"
            ]
        );
    }

    #[test]
    fn a_day_begins_at_the_first_instant_of_its_local_date() {
        let day = |zone, count, now| texts(zone, Unit::Day, count, now);
        // In São Paulo the clocks went forward at midnight on 2018-11-04: the day began at 01:00.
        assert_eq!(
            day("America/Sao_Paulo", 1, "2018-11-04T12:00:00Z"),
            ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"]
        );
        // St. John's set its clocks back at 00:01. The 7th had lasted a minute by then, and it goes
        // on although the clocks show 23:01.
        let johns = "America/St_Johns";
        assert_eq!(
            day(johns, 1, "2010-11-07T02:29:59Z"),
            ["2010-11-06T02:30:00Z", "2010-11-07T02:30:00Z"]
        );
        for now in ["2010-11-07T02:30:00Z", "2010-11-07T02:45:00Z"] {
            assert_eq!(
                day(johns, 1, now),
                ["2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"]
            );
        }
        // Samoa had no 2011-12-30.
        assert_eq!(
            day("Pacific/Apia", 3, "2011-12-31T12:00:00Z"),
            [
                "2011-12-30T10:00:00Z",
                "2011-12-31T10:00:00Z",
                "2012-01-01T10:00:00Z"
            ]
        );
    }

    #[test]
    fn a_window_without_a_count_begins_with_the_unit_of_1970() {
        let now = "2026-03-01T12:00:00Z";
        let since = |zone, unit| window(zone, unit, None, now).starts;
        let days = since("UTC", Unit::Day);
        assert_eq!((days.len(), days[0]), (20_514, 0));
        // In Los Angeles it was still 1969 at the epoch.
        let months = since("America/Los_Angeles", Unit::Month);
        assert_eq!((months.len(), months[0]), (676, -(31 * 24 - 8) * 3_600_000));
        // 1970-01-01 was a Thursday.
        assert_eq!(since("UTC", Unit::Week)[0], -3 * 86_400_000);
    }

    #[test]
    fn a_window_may_begin_before_1970_but_has_a_limited_length() {
        let starts = |count| window("UTC", Unit::Day, Some(count), "1970-01-02T12:00:00Z").starts;
        assert_eq!(starts(4), [-2, -1, 0, 1].map(|day| day * 86_400_000));
        for count in [UNITS, UNITS + 1, u32::MAX] {
            assert_eq!(starts(count).len(), UNITS as usize);
        }
        let months = window("UTC", Unit::Month, Some(u32::MAX), "9999-12-30T12:00:00Z");
        assert_eq!(months.starts.len(), UNITS as usize);
        // The day after the calendar's last day has no date.
        let last = Millis(253_402_207_200_999);
        let last = CalendarStarts::new("Etc/GMT+12", Unit::Month, Some(1), last);
        assert_eq!(last.unwrap().moves_at, i64::MAX);
    }

    #[test]
    fn an_unknown_time_zone_is_an_error() {
        assert!(matches!(
            CalendarStarts::new("Mars/Base", Unit::Day, Some(1), Millis(0)),
            Err(UnknownTimeZone { .. })
        ));
    }

    /// Time zones that change their clocks at, before and after midnight, by an hour, by half an
    /// hour or by a day.
    const ZONES: [&str; 10] = [
        "UTC",
        "Europe/Berlin",
        "America/Los_Angeles",
        "America/Sao_Paulo",
        "America/St_Johns",
        "America/Havana",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Africa/Cairo",
        "Pacific/Apia",
    ];

    const UNIT: [Unit; 3] = [Unit::Day, Unit::Week, Unit::Month];

    /// Returns the unit of the calendar that a local date lies in, computed in an obvious way.
    fn unit_of(unit: Unit, date: Date) -> (i16, i8) {
        match unit {
            Unit::Day => (date.year(), 0),
            Unit::Week => {
                let week = date.iso_week_date();
                (week.year(), week.week())
            }
            Unit::Month => (date.year(), date.month()),
        }
    }

    proptest! {
        #[test]
        fn units_follow_each_other(
            zone in prop::sample::select(ZONES.to_vec()),
            unit in prop::sample::select(UNIT.to_vec()),
            count in prop_oneof![Just(None), (1..800_u32).prop_map(Some)],
            // 1970 to 2100.
            now in 0..4_102_444_800_000_i64,
        ) {
            let window = CalendarStarts::new(zone, unit, count, Millis(now)).unwrap();
            let CalendarStarts { starts, moves_at } = &window;
            prop_assert!(starts[0] <= now && *starts.last().unwrap() <= now && now < *moves_at);
            prop_assert!(starts.is_sorted_by(|a, b| a < b));
            if let Some(count) = count {
                // These zones skipped at most one day.
                prop_assert!((count - 1..=count).contains(&(starts.len() as u32)));
            } else {
                prop_assert!(starts[0] <= 0 && starts.get(1).is_none_or(|second| *second > 0));
            }
            let zone = muster_model::time_zone(zone).unwrap();
            let local = |ms: i64| zone.to_datetime(jiff::Timestamp::from_millisecond(ms).unwrap()).date();
            for start in starts.iter().chain([moves_at]) {
                // A millisecond before the start the local date is an earlier day, and so another
                // unit.
                let (day, before) = (local(*start), local(start - 1));
                prop_assert!(before < day);
                if unit != Unit::Day {
                    prop_assert_ne!(unit_of(unit, before), unit_of(unit, day));
                }
            }
            // All instants of a unit have its date. The exception is where clocks went back over
            // midnight: there an instant may have the date before.
            for pair in starts.windows(2).rev().take(40).chain([&[*starts.last().unwrap(), *moves_at][..]]) {
                let (first, next) = (local(pair[0]), local(pair[1]));
                for part in 0..50 {
                    let inside = local(pair[0] + (pair[1] - pair[0]) / 50 * part);
                    prop_assert!(inside < next);
                    let back = inside < first && inside.tomorrow().unwrap() == first;
                    prop_assert!(back || (first <= inside && unit_of(unit, inside) == unit_of(unit, first)));
                    if unit == Unit::Day {
                        prop_assert!(back || inside == first);
                    }
                }
            }
            // The window stays the same until it moves. Then the next unit is the current one.
            let at = |now| CalendarStarts::new(zone.iana_name().unwrap(), unit, count, Millis(now)).unwrap();
            prop_assert_eq!(&at(moves_at - 1), &window);
            let moved = at(*moves_at);
            prop_assert_eq!(moved.starts.last(), Some(moves_at));
            let shared = moved.starts.len() - 1;
            prop_assert_eq!(&moved.starts[..shared], &starts[starts.len() - shared..]);
        }
    }
}

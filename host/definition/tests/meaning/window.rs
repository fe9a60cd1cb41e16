//! Tests of windows: the events that a measure reads (docs/cohorts.md, "did").

use muster_definition::{Start, Unit};

use super::table::{In, InForEver, InUntil, Out, OutForEver, OutUntil, table};
use super::write::{
    LOS_ANGELES, SAO_PAULO, UTC, at_least, calendar, days, did, exactly, hours, not,
};

const NOW: &str = "2026-03-01T00:00:00Z";

#[test]
fn in_last_is_open_at_its_start_and_closed_at_now() {
    table(
        did("A").in_last(days(1)),
        NOW,
        &[
            ("no event", "", OutForEver),
            ("at now is in", "0 A", InUntil("+1d")),
            ("at now - W is out: now - W < t", "-1d A", OutForEver),
            (
                "1 ms after now - W is in, and leaves at t + W",
                "-1d+1ms A",
                InUntil("+1ms"),
            ),
            ("before now - W is out", "-1d-1ms A", OutForEver),
            (
                "an event after now is invisible, and stays so",
                "+1ms A",
                OutForEver,
            ),
            (
                "the last one counts when an older one has left",
                "-2d A; -1h A",
                InUntil("+23h"),
            ),
            (
                "two leave one after the other: the later one decides",
                "-3h A; -1h A",
                InUntil("+23h"),
            ),
            ("another event", "-1h B", OutForEver),
            (
                "a late event counts as if it had come in time",
                "-1h A; -5h A; -2h B",
                InUntil("+23h"),
            ),
        ],
    );
}

#[test]
fn without_a_window_all_history_counts() {
    table(
        did("A"),
        NOW,
        &[
            ("an event of long ago", "1970-01-01 A", InForEver),
            ("at now", "0 A", InForEver),
            ("not yet", "+1ms A", OutForEver),
        ],
    );
    table(
        did("A").in_last(days(36_525)),
        NOW,
        &[("a hundred years are a window like others", "-1d A", In)],
    );
}

#[test]
fn before_last_begins_to_hold_as_time_passes() {
    table(
        did("A").before_last(days(30)),
        NOW,
        &[
            ("at now - W is in: t ≤ now - W", "-30d A", InForEver),
            ("1 ms later is not due yet", "-30d+1ms A", OutUntil("+1ms")),
            ("an event of now comes due after W", "0 A", OutUntil("+30d")),
            (
                "the first one due decides",
                "-10d A; -20d A",
                OutUntil("+10d"),
            ),
            ("no event never comes due", "", OutForEver),
        ],
    );
    table(
        not(did("A").before_last(days(1))),
        NOW,
        &[
            ("out as soon as it is due", "-1h A", InUntil("+23h")),
            ("no event: in", "", InForEver),
        ],
    );
}

#[test]
fn in_last_and_before_last_combine() {
    let clause = did("A").in_last(days(7)).before_last(days(1));
    table(
        clause,
        NOW,
        &[
            ("too fresh: comes due", "-12h A", OutUntil("+12h")),
            ("at now - 1 day is in", "-1d A", InUntil("+6d")),
            ("between", "-3d A", InUntil("+4d")),
            ("at now - 7 days is out", "-7d A", OutForEver),
            (
                "one between and one fresh: the fresh one comes due before the other has left",
                "-3d A; -12h A",
                InUntil("+6d+12h"),
            ),
            (
                "one between and one so fresh that there is a gap",
                "-6d-12h A; 0 A",
                InUntil("+12h"),
            ),
        ],
    );
    let never = did("A").in_last(days(1)).before_last(days(1));
    table(
        never,
        NOW,
        &[("an empty window", "-1d A; -12h A", OutForEver)],
    );
}

#[test]
fn since_is_closed_and_until_is_open() {
    let clause = did("A").since("2026-02-01").until("2026-02-10");
    table(
        clause,
        NOW,
        &[
            ("at since is in", "2026-02-01T00:00:00Z A", InForEver),
            (
                "1 ms before since is out",
                "2026-01-31T23:59:59.999Z A",
                OutForEver,
            ),
            (
                "1 ms before until is in",
                "2026-02-09T23:59:59.999Z A",
                InForEver,
            ),
            ("at until is out", "2026-02-10T00:00:00Z A", OutForEver),
        ],
    );
    table(
        did("A").since("2026-04-01"),
        NOW,
        &[(
            "nothing is later than now",
            "-1d A; 2026-04-02 A",
            OutForEver,
        )],
    );
    table(
        did("A").until("2026-04-01"),
        NOW,
        &[
            ("before until, and visible", "-1d A", InForEver),
            ("before until, and not yet visible", "+1d A", OutForEver),
        ],
    );
    table(
        not(did("A").since("2026-02-01")),
        NOW,
        &[("an older one is none", "2026-01-31 A", InForEver)],
    );
}

#[test]
fn within_first_counts_from_the_first_event_of_any_kind() {
    let clause = did("A").within_first(days(7));
    table(
        clause,
        NOW,
        &[
            ("the first event itself", "-100d A", InForEver),
            ("1 ms before the end", "-100d B; -93d-1ms A", InForEver),
            (
                "exactly at the end is out: t < first + W",
                "-100d B; -93d A",
                OutForEver,
            ),
            ("after the end", "-100d B; -50d A", OutForEver),
            (
                "at the same instant as the first",
                "-100d A; -100d B",
                InForEver,
            ),
            ("no event at all", "", OutForEver),
            (
                "a property change is no first event",
                "-100d .city=Reno; -50d A",
                InForEver,
            ),
            (
                "a first event that comes later does not count",
                "-1d B",
                OutForEver,
            ),
        ],
    );
    table(
        did("A").within_first(days(7)).times(exactly(0.0)),
        NOW,
        &[
            ("no event: none within the first days", "", InForEver),
            ("one within", "-10d A", OutForEver),
            ("one behind", "-20d B; -10d A", InForEver),
        ],
    );
}

#[test]
fn calendar_days_start_at_midnight_of_the_zone() {
    // In Los Angeles it is 16:00 of February 28 in winter.
    let today = did("A").in_last_calendar(1, Unit::Day, LOS_ANGELES);
    table(
        today,
        NOW,
        &[
            (
                "since midnight there, 08:00 UTC",
                "2026-02-28T08:00:00Z A",
                InUntil("2026-03-01T08:00:00Z"),
            ),
            (
                "1 ms before midnight there",
                "2026-02-28T07:59:59.999Z A",
                OutForEver,
            ),
        ],
    );
    let utc = did("A").in_last_calendar(1, Unit::Day, UTC);
    table(
        utc,
        NOW,
        &[
            (
                "the day has just begun",
                "0 A",
                InUntil("2026-03-02T00:00:00Z"),
            ),
            ("yesterday is over", "-1ms A", OutForEver),
        ],
    );
    let two = did("A").in_last_calendar(2, Unit::Day, UTC);
    table(
        two,
        NOW,
        &[
            (
                "all of yesterday counts",
                "2026-02-28T00:00:00Z A",
                InUntil("2026-03-02T00:00:00Z"),
            ),
            (
                "the day before yesterday does not",
                "2026-02-27T23:59:59.999Z A",
                OutForEver,
            ),
        ],
    );
}

#[test]
fn days_of_changing_clocks_have_23_or_25_hours() {
    let today = |zone| did("A").in_last_calendar(1, Unit::Day, zone);
    // Los Angeles, 2026-03-08: 02:00 becomes 03:00, so the day ends at 07:00 UTC.
    table(
        today(LOS_ANGELES),
        "2026-03-08T20:00:00Z",
        &[
            (
                "the short day starts in winter time",
                "2026-03-08T08:00:00Z A",
                InUntil("2026-03-09T07:00:00Z"),
            ),
            (
                "and not an hour earlier",
                "2026-03-08T07:59:59.999Z A",
                OutForEver,
            ),
        ],
    );
    // Los Angeles, 2026-11-01: 02:00 becomes 01:00, so the day ends at 08:00 UTC.
    table(
        today(LOS_ANGELES),
        "2026-11-01T20:00:00Z",
        &[
            (
                "the long day starts in summer time",
                "2026-11-01T07:00:00Z A",
                InUntil("2026-11-02T08:00:00Z"),
            ),
            (
                "and not an hour earlier",
                "2026-11-01T06:59:59.999Z A",
                OutForEver,
            ),
        ],
    );
    // São Paulo, 2018-11-04: midnight becomes 01:00; the day starts there, at 03:00 UTC.
    table(
        today(SAO_PAULO),
        "2018-11-04T12:00:00Z",
        &[
            (
                "the first instant is the skip itself",
                "2018-11-04T03:00:00Z A",
                InUntil("2018-11-05T02:00:00Z"),
            ),
            (
                "1 ms before it is yesterday",
                "2018-11-04T02:59:59.999Z A",
                OutForEver,
            ),
        ],
    );
    // São Paulo, 2018-02-17: midnight becomes 23:00, so the day has 25 hours.
    table(
        today(SAO_PAULO),
        "2018-02-18T02:30:00Z",
        &[(
            "23:30 the second time: still the same day",
            "2018-02-17T02:00:00Z A",
            InUntil("2018-02-18T03:00:00Z"),
        )],
    );
    let week = did("A").in_last_calendar(7, Unit::Day, LOS_ANGELES);
    table(
        week,
        "2026-03-10T00:00:00Z",
        &[
            (
                "seven days back over the change",
                "2026-03-03T08:00:00Z A",
                InUntil("2026-03-10T07:00:00Z"),
            ),
            (
                "rolling days would have reached further",
                "2026-03-03T07:30:00Z A",
                OutForEver,
            ),
        ],
    );
}

#[test]
fn weeks_are_iso_weeks_also_at_the_end_of_a_year() {
    // 2026-01-01 is a Thursday of the week of Monday, 2025-12-29.
    let week = did("A").in_last_calendar(1, Unit::Week, UTC);
    table(
        week,
        "2026-01-01T12:00:00Z",
        &[
            (
                "Monday of last year is this week",
                "2025-12-29T00:00:00Z A",
                InUntil("2026-01-05T00:00:00Z"),
            ),
            (
                "Sunday is last week",
                "2025-12-28T23:59:59.999Z A",
                OutForEver,
            ),
        ],
    );
    let two = did("A").in_last_calendar(2, Unit::Week, UTC);
    table(
        two,
        "2026-01-05T00:00:00Z",
        &[
            (
                "a week has just begun, the one before counts",
                "2025-12-29T00:00:00Z A",
                InUntil("2026-01-12T00:00:00Z"),
            ),
            (
                "the one before that does not",
                "2025-12-28T12:00:00Z A",
                OutForEver,
            ),
        ],
    );
    // 2020 has 53 weeks.
    let week = did("A").in_last_calendar(1, Unit::Week, UTC);
    table(
        week,
        "2021-01-03T23:59:59.999Z",
        &[(
            "Sunday of week 53",
            "2020-12-28 A",
            InUntil("2021-01-04T00:00:00Z"),
        )],
    );
}

#[test]
fn months_have_their_calendar_lengths() {
    let months = |count| did("A").in_last_calendar(count, Unit::Month, UTC);
    table(
        months(1),
        "2026-02-28T23:59:59.999Z",
        &[
            (
                "the first of a short February",
                "2026-02-01 A",
                InUntil("2026-03-01T00:00:00Z"),
            ),
            (
                "the last of January is last month",
                "2026-01-31T23:59:59.999Z A",
                OutForEver,
            ),
        ],
    );
    table(
        months(2),
        "2026-03-31T12:00:00Z",
        &[
            (
                "all of February, though there is no February 31",
                "2026-02-01 A",
                InUntil("2026-04-01T00:00:00Z"),
            ),
            ("January is out", "2026-01-31T12:00:00Z A", OutForEver),
        ],
    );
    table(
        months(1),
        "2024-02-29T12:00:00Z",
        &[(
            "a leap year has a 29th",
            "2024-02-01 A",
            InUntil("2024-03-01T00:00:00Z"),
        )],
    );
    table(
        months(13),
        "2026-03-15T00:00:00Z",
        &[
            (
                "March of last year",
                "2025-03-01 A",
                InUntil("2026-04-01T00:00:00Z"),
            ),
            ("February of last year", "2025-02-28 A", OutForEver),
        ],
    );
}

#[test]
fn calendar_days_and_before_last_combine() {
    let clause = did("A")
        .start(calendar(2, Unit::Day, UTC))
        .before_last(hours(6));
    table(
        clause,
        "2026-03-01T12:00:00Z",
        &[
            (
                "six hours ago and today",
                "2026-03-01T06:00:00Z A",
                InUntil("2026-03-03T00:00:00Z"),
            ),
            ("too fresh", "2026-03-01T06:00:00.001Z A", OutUntil("+1ms")),
            ("yesterday", "2026-02-28 A", InUntil("2026-03-02T00:00:00Z")),
            ("the day before", "2026-02-27T23:00:00Z A", OutForEver),
        ],
    );
}

#[test]
fn a_fixed_and_a_rolling_bound_combine() {
    table(
        did("A").since("2026-02-01T00:00:00Z").before_last(days(1)),
        NOW,
        &[
            ("exactly since", "2026-02-01T00:00:00Z A", InForEver),
            ("1 ms earlier", "2026-01-31T23:59:59.999Z A", OutForEver),
            ("becomes old enough", "-1h A", OutUntil("+23h")),
        ],
    );
    table(
        did("A").in_last(days(2)).until("2026-02-28T00:00:00Z"),
        NOW,
        &[
            ("before the end", "-1d-1ms A", InUntil("+1d-1ms")),
            ("exactly until", "-1d A", OutForEver),
            ("too old", "-2d A", OutForEver),
        ],
    );
    table(
        did("A")
            .in_last_calendar(2, Unit::Day, UTC)
            .until("2026-02-28T12:00:00Z"),
        NOW,
        &[("until the day leaves", "-20h A", InUntil("+1d"))],
    );
}

#[test]
fn windows_count_only_events_inside() {
    let clause = did("A").in_last(days(1)).times(at_least(2.0));
    table(
        clause,
        NOW,
        &[
            ("two inside", "-1h A; -2h A", InUntil("+22h")),
            ("one inside and one at the edge", "-1h A; -1d A", Out),
            ("ties count each", "-1h A; -1h A", InUntil("+23h")),
        ],
    );
    table(
        did("A").start(Start::Ever),
        NOW,
        &[("ever", "-1h A", InForEver)],
    );
}

//! Tests of measures over the events of a window (docs/cohorts.md, "did": "Measures").

use muster_definition::{Aggregate, Bound, Condition, InstantBound, Test, Unit};

use super::table::{In, InForEver, InUntil, Out, OutForEver, OutUntil, table};
use super::write::{
    LOS_ANGELES, UTC, at_least, at_most, between, days, did, exactly, fits, hours, is, less_than,
    more_than, not, of, other_than, rolling, same_as, step, step_with,
};

const NOW: &str = "2026-03-01T00:00:00Z";

#[test]
fn times_accepts_zero_events() {
    for (comparison, none, one, two) in [
        (exactly(0.0), true, false, false),
        (exactly(1.0), false, true, false),
        (at_least(0.0), true, true, true),
        (at_least(1.0), false, true, true),
        (at_most(0.0), true, false, false),
        (at_most(1.0), true, true, false),
        (more_than(0.0), false, true, true),
        (less_than(1.0), true, false, false),
        (less_than(2.0), true, true, false),
        (other_than(0.0), false, true, true),
        (other_than(1.0), true, false, true),
        (between(1.0, 2.0), false, true, true),
        (between(0.0, 1.0), true, true, false),
    ] {
        let says = |holds| if holds { InForEver } else { OutForEver };
        table(
            did("A").times(comparison),
            NOW,
            &[
                ("no event counts as 0", "-1h B", says(none)),
                ("one event", "-1h A; -2h B", says(one)),
                (
                    "two events at one instant are two",
                    "-1h A; -1h A",
                    says(two),
                ),
            ],
        );
    }
}

#[test]
fn times_in_a_window_change_as_events_leave() {
    let three = "-5h A; -3h A; -1h A; 0 B";
    for (why, comparison, says) in [
        ("until the last one leaves", at_least(1.0), InUntil("+5h")),
        ("until the oldest leaves", at_least(3.0), InUntil("+1h")),
        (
            "no event that leaves makes four of three",
            at_least(4.0),
            OutForEver,
        ),
        (
            "exactly three until the oldest leaves",
            exactly(3.0),
            InUntil("+1h"),
        ),
        (
            "two are left when one has gone",
            exactly(2.0),
            OutUntil("+1h"),
        ),
        ("none is left at last", exactly(0.0), OutUntil("+5h")),
        (
            "three is not other than three",
            other_than(3.0),
            OutUntil("+1h"),
        ),
        (
            "in, then out, then in again: the first change",
            other_than(1.0),
            InUntil("+3h"),
        ),
        (
            "at most one when two have left",
            at_most(1.0),
            OutUntil("+3h"),
        ),
        (
            "two or three until two have left",
            between(2.0, 3.0),
            InUntil("+3h"),
        ),
        ("only two", between(2.0, 2.0), OutUntil("+1h")),
    ] {
        table(
            did("A").in_last(hours(6)).times(comparison),
            NOW,
            &[(why, three, says)],
        );
    }
    let two = did("A").in_last(hours(2)).times(exactly(2.0));
    table(
        two,
        NOW,
        &[(
            "events of one instant leave together: three become one",
            "-1h A; -1h A; 0 A",
            OutForEver,
        )],
    );
}

#[test]
fn names_are_any_of_and_may_be_globs() {
    let rows = "-1h Checkout-Begun; -2h Checkout-Done; -3h View";
    for (names, count) in [
        ("Checkout", 0.0),
        ("Checkout-*", 2.0),
        ("*-Done", 1.0),
        ("*", 3.0),
        ("View,Checkout-*", 3.0),
        ("View,*", 3.0),
        ("view", 0.0),
        ("V*w", 1.0),
        ("*e*e*", 2.0),
        ("View*View", 0.0),
    ] {
        table(
            did(names).times(exactly(count)),
            NOW,
            &[(names, rows, InForEver)],
        );
    }
}

#[test]
fn with_needs_all_and_with_any_needs_one() {
    let clause = did("A")
        .with("amount", Test::AtLeast(50.0))
        .with("currency", is("USD"));
    table(
        clause,
        NOW,
        &[
            ("both", "-1h A amount=50 currency=USD", InForEver),
            (
                "one event has one, another the other",
                "-1h A amount=50 currency=EUR; -2h A amount=1 currency=USD",
                OutForEver,
            ),
            ("a property is missing", "-1h A amount=50", OutForEver),
            (
                "a number as text",
                "-1h A amount='50.0' currency=USD",
                InForEver,
            ),
        ],
    );
    let clause = did("A")
        .or_with(&[("coupon", Test::Set(true))])
        .or_with(&[("channel", is("email")), ("amount", Test::MoreThan(1.0))]);
    table(
        clause,
        NOW,
        &[
            ("the first map", "-1h A coupon=x", InForEver),
            ("the second map", "-1h A channel=email amount=2", InForEver),
            ("half of the second map", "-1h A channel=email", OutForEver),
            ("none", "-1h A", OutForEver),
        ],
    );
    let clause = did("A")
        .with("kind", is("a"))
        .or_with(&[("amount", is("1"))]);
    table(
        clause,
        NOW,
        &[
            (
                "both `with` and `with_any`",
                "-1h A kind=a amount=1",
                InForEver,
            ),
            (
                "`with_any` does not replace `with`",
                "-1h A amount=1",
                OutForEver,
            ),
        ],
    );
    let clause = did("A").with("city", same_as("city"));
    table(
        clause,
        NOW,
        &[
            (
                "the user's value of now, not of then",
                "-3h .city=Reno; -2h A city=Oslo; -1h .city=Oslo",
                InForEver,
            ),
            (
                "moved away since",
                "-3h .city=Oslo; -2h A city=Oslo; -1h .city=Reno",
                OutForEver,
            ),
            ("neither has one: nothing is the same", "-1h A", OutForEver),
        ],
    );
    let clause = did("A").with("due", rolling(InstantBound::InLast, days(1)));
    table(
        clause,
        NOW,
        &[
            (
                "an instant of the property leaves by the clock",
                "-9d A due='2026-02-28T12:00:00Z'",
                InUntil("+12h"),
            ),
            (
                "one that is still to come",
                "-9d A due='2026-03-01T12:00:00Z'",
                OutUntil("+12h"),
            ),
            ("no instant", "-9d A due=soon", OutForEver),
        ],
    );
    table(
        not(did("A").with("kind", is("a"))),
        NOW,
        &[("negation turns it", "-1h A kind=b", InForEver)],
    );
}

#[test]
fn aggregates_are_over_numbers() {
    let sum = |comparison| did("A").number(Aggregate::Sum, "x", comparison);
    table(
        sum(exactly(3.0)),
        NOW,
        &[
            ("two numbers", "-1h A x=1; -2h A x=2", InForEver),
            (
                "texts that are numbers count",
                "-1h A x='1'; -2h A x='2.0'",
                InForEver,
            ),
            (
                "other texts, flags and lists are left out",
                "-1h A x=3; -2h A x=a; -3h A x=true; -4h A x=[5]",
                InForEver,
            ),
            ("a missing one adds nothing", "-1h A x=3; -2h A", InForEver),
            (
                "another event's does not count",
                "-1h A x=3; -2h B x=4",
                InForEver,
            ),
            ("negative numbers", "-1h A x=5; -2h A x=-2", InForEver),
        ],
    );
    table(
        sum(exactly(0.0)),
        NOW,
        &[
            ("the sum of none is 0", "", InForEver),
            (
                "also if there are events without the property",
                "-1h A",
                InForEver,
            ),
            ("and if all are no numbers", "-1h A x=a", InForEver),
        ],
    );
    table(sum(less_than(1.0)), NOW, &[("0 is under 1", "", InForEver)]);
    table(
        sum(exactly(0.3)),
        NOW,
        &[(
            "decimals add exactly",
            "-3h A x=0.1; -2h A x=0.1; -1h A x=0.1",
            InForEver,
        )],
    );
    table(
        sum(at_least(0.9)),
        NOW,
        &[(
            "in any order",
            "-3h A x=0.7; -2h A x=0.1; -1h A x=0.1",
            InForEver,
        )],
    );
    table(
        did("A").number(Aggregate::Average, "x", at_least(0.1)),
        NOW,
        &[(
            "so do averages",
            "-3h A x=0.1; -2h A x=0.1; -1h A x=0.1",
            InForEver,
        )],
    );
    let at = |aggregate, comparison| did("A").number(aggregate, "x", comparison);
    table(
        at(Aggregate::Average, exactly(2.0)),
        NOW,
        &[
            (
                "of what has a number",
                "-1h A x=1; -2h A x=3; -3h A",
                InForEver,
            ),
            ("of none there is none", "-1h A", OutForEver),
        ],
    );
    table(
        at(Aggregate::Average, less_than(1.0)),
        NOW,
        &[("none is not 0", "", OutForEver)],
    );
    table(
        at(Aggregate::Average, other_than(1.0)),
        NOW,
        &[("nor is it other than 1", "", OutForEver)],
    );
    table(
        at(Aggregate::Smallest, exactly(-1.0)),
        NOW,
        &[
            ("the smallest", "-1h A x=-1; -2h A x=3", InForEver),
            ("none", "", OutForEver),
        ],
    );
    table(
        at(Aggregate::Largest, at_most(3.0)),
        NOW,
        &[
            ("the largest", "-1h A x=-1; -2h A x=3", InForEver),
            ("none", "", OutForEver),
        ],
    );
    table(
        sum(at_least(100.0)).clone().in_last(days(1)),
        NOW,
        &[
            (
                "falls when a large one leaves",
                "-23h A x=99; -1h A x=5",
                InUntil("+1h"),
            ),
            (
                "rises when a negative one leaves",
                "-23h A x=-50; -1h A x=120",
                OutUntil("+1h"),
            ),
        ],
    );
    table(
        at(Aggregate::Smallest, at_least(2.0)).in_last(days(1)),
        NOW,
        &[(
            "the smallest leaves: in, and out when none is left",
            "-23h A x=1; -1h A x=3",
            OutUntil("+1h"),
        )],
    );
}

#[test]
fn distinct_counts_values() {
    let distinct = |count| did("A").distinct("x", exactly(count));
    table(
        distinct(0.0),
        NOW,
        &[
            ("none", "", InForEver),
            ("absent is no value", "-1h A", InForEver),
        ],
    );
    table(
        distinct(1.0),
        NOW,
        &[
            ("one value twice", "-1h A x=a; -2h A x=a", InForEver),
            (
                "50 and the text 50 are one",
                "-1h A x=50; -2h A x='50'",
                InForEver,
            ),
            (
                "true and the text true are one",
                "-1h A x=true; -2h A x='true'",
                InForEver,
            ),
            ("absent does not add", "-1h A x=a; -2h A", InForEver),
            ("the empty text is a value", "-1h A x=''", InForEver),
        ],
    );
    table(
        distinct(2.0),
        NOW,
        &[
            ("two values", "-1h A x=a; -2h A x=b", InForEver),
            ("case counts", "-1h A x=a; -2h A x=A", InForEver),
            (
                "the text 50.0 is not 50",
                "-1h A x=50; -2h A x='50.0'",
                InForEver,
            ),
            (
                "each element of a list",
                "-1h A x=[a,b]; -2h A x=a",
                InForEver,
            ),
        ],
    );
}

#[test]
fn days_weeks_and_months_are_those_of_the_zone() {
    let active = |unit, zone, count| did("A").units(unit, zone, exactly(count));
    let events = "2026-02-10T07:00:00Z A; 2026-02-10T09:00:00Z A; 2026-02-11T07:30:00Z A";
    table(
        active(Unit::Day, UTC, 2.0),
        NOW,
        &[("two days in UTC", events, InForEver)],
    );
    table(
        active(Unit::Day, LOS_ANGELES, 2.0),
        NOW,
        &[
            (
                "midnight is at 08:00 UTC: one before it, two after it",
                events,
                InForEver,
            ),
            (
                "both on one day there",
                "2026-02-10T09:00:00Z A; 2026-02-11T07:30:00Z A; 2026-02-11T08:00:00Z A",
                InForEver,
            ),
        ],
    );
    table(
        active(Unit::Week, UTC, 2.0),
        NOW,
        &[
            (
                "Sunday and Monday are two weeks",
                "2026-02-08T23:59:59Z A; 2026-02-09T00:00:00Z A",
                InForEver,
            ),
            (
                "a week over the end of a year is one",
                "2025-12-31 A; 2026-01-01 A; 2026-01-05 A",
                InForEver,
            ),
        ],
    );
    table(
        active(Unit::Month, UTC, 1.0),
        NOW,
        &[
            (
                "first to last of February",
                "2026-02-01 A; 2026-02-28T23:59:59.999Z A",
                InForEver,
            ),
            (
                "the same month of two years is two",
                "2025-02-01 A; 2026-02-01 A",
                Out,
            ),
        ],
    );
    table(
        active(Unit::Day, UTC, 0.0),
        NOW,
        &[("no event, no day", "", InForEver)],
    );
}

#[test]
fn each_unit_of_the_window_must_hold() {
    let daily = did("A")
        .in_last_calendar(3, Unit::Day, UTC)
        .each(Unit::Day, at_least(1.0));
    table(
        daily,
        "2026-03-03T12:00:00Z",
        &[
            (
                "each of three days; the next day starts empty",
                "2026-03-01 A; 2026-03-02 A; 2026-03-03 A",
                InUntil("2026-03-04T00:00:00Z"),
            ),
            (
                "today is not over, and yet it counts",
                "2026-03-01 A; 2026-03-02 A",
                OutForEver,
            ),
            (
                "a gap in the middle",
                "2026-03-01 A; 2026-03-03 A",
                OutForEver,
            ),
            (
                "a gap that will never leave before the next",
                "2026-02-28 A; 2026-03-02 A; 2026-03-03 A",
                OutForEver,
            ),
        ],
    );
    let few = did("A")
        .in_last_calendar(2, Unit::Day, UTC)
        .each(Unit::Day, at_most(1.0));
    table(
        few,
        "2026-03-03T12:00:00Z",
        &[
            ("no event: at most one every day", "", InForEver),
            (
                "two yesterday: until yesterday leaves",
                "2026-03-02 A; 2026-03-02 A",
                OutUntil("2026-03-04T00:00:00Z"),
            ),
            (
                "two today: a day longer",
                "2026-03-03 A; 2026-03-03 A",
                OutUntil("2026-03-05T00:00:00Z"),
            ),
        ],
    );
    let weeks = did("A")
        .in_last_calendar(1, Unit::Week, UTC)
        .each(Unit::Day, exactly(1.0));
    table(
        weeks,
        "2026-03-03T12:00:00Z",
        &[
            (
                "Monday and Tuesday; the week's other days have not begun",
                "2026-03-02 A; 2026-03-03 A",
                InUntil("2026-03-04T00:00:00Z"),
            ),
            ("only Tuesday", "2026-03-03 A", OutForEver),
        ],
    );
    table(
        did("A")
            .in_last_calendar(1, Unit::Week, UTC)
            .each(Unit::Day, exactly(1.0)),
        "2026-03-02T12:00:00Z",
        &[(
            "on Monday the week has one day",
            "2026-03-02 A; 2026-03-01 A; 2026-03-01 A",
            InUntil("2026-03-03T00:00:00Z"),
        )],
    );
    let months = did("A")
        .in_last_calendar(2, Unit::Month, LOS_ANGELES)
        .each(Unit::Month, at_least(1.0));
    table(
        months,
        "2026-03-01T07:00:00Z",
        &[(
            "it is still February there",
            "2026-01-15 A; 2026-02-15 A",
            InUntil("2026-03-01T08:00:00Z"),
        )],
    );
    let short = did("A")
        .in_last_calendar(1, Unit::Day, LOS_ANGELES)
        .each(Unit::Day, exactly(1.0));
    table(
        short,
        "2026-03-08T12:00:00Z",
        &[(
            "on a day of 23 hours",
            "2026-03-08T08:00:00Z A",
            InUntil("2026-03-09T07:00:00Z"),
        )],
    );
    let per = did("A")
        .in_last_calendar(2, Unit::Day, UTC)
        .each(Unit::Day, at_least(1.0))
        .per("x");
    table(
        per,
        "2026-03-03T12:00:00Z",
        &[
            (
                "one value on both days",
                "2026-03-02 A x=a; 2026-03-03 A x=a",
                InUntil("2026-03-04T00:00:00Z"),
            ),
            (
                "different values",
                "2026-03-02 A x=a; 2026-03-03 A x=b",
                OutForEver,
            ),
        ],
    );
}

#[test]
fn regularly_reads_spans_that_end_now() {
    let weekly = || did("A").regularly(days(7), 4, 3, at_least(1.0));
    table(
        weekly(),
        NOW,
        &[
            (
                "three of the last four weeks: they move on together until the oldest leaves",
                "-1d A; -8d A; -15d A",
                InUntil("+13d"),
            ),
            ("two are not enough", "-1d A; -8d A", OutForEver),
            ("two in one week are one week", "-1d A; -2d A; -8d A", Out),
            (
                "a span is closed at its end: now - 7 days is in the second",
                "-7d A; -14d A; -21d A",
                In,
            ),
            (
                "and open at its start: now - 28 days is out",
                "-1d A; -8d A; -28d A",
                OutForEver,
            ),
            ("none", "", OutForEver),
        ],
    );
    table(
        did("A").regularly(days(7), 4, 3, exactly(0.0)),
        NOW,
        &[
            ("idle weeks count too", "-1d A", InForEver),
            (
                "two weeks of four had events",
                "-1d A; -8d A",
                OutUntil("+20d"),
            ),
            ("no event at all", "", InForEver),
        ],
    );
    table(
        did("A").regularly(days(1), 1, 1, exactly(1.0)),
        NOW,
        &[
            ("one span is a rolling window", "-1h A", InUntil("+23h")),
            ("at its start", "-1d A", OutForEver),
        ],
    );
    table(
        did("A").regularly(hours(1), 2, 2, exactly(1.0)).per("x"),
        NOW,
        &[
            (
                "one value in both spans",
                "0 A x=a; -1h A x=a",
                InUntil("+1h"),
            ),
            ("different values", "0 A x=a; -1h A x=b", Out),
        ],
    );
    table(
        did("A").regularly(hours(1), 2, 2, exactly(0.0)).per("x"),
        NOW,
        &[(
            "a value carried in no span does not count",
            "-9h A x=a",
            OutForEver,
        )],
    );
}

#[test]
fn the_nth_event_ever_must_lie_in_the_window() {
    table(
        did("A").nth(3),
        NOW,
        &[
            ("there is a third", "-3d A; -2d A; -1d A", InForEver),
            ("there are two", "-3d A; -2d A", OutForEver),
        ],
    );
    let third = || did("A").nth(3).in_last(days(2));
    table(
        third(),
        NOW,
        &[
            (
                "the third lies in the window",
                "-9d A; -8d A; -1d A",
                InUntil("+1d"),
            ),
            (
                "the third lies before it; a fourth does not matter",
                "-9d A; -8d A; -7d A; -1d A",
                OutForEver,
            ),
            (
                "only counting what is in the window would be wrong",
                "-9d A; -1d A; -1h A",
                InUntil("+47h"),
            ),
            (
                "exactly at the window's start",
                "-9d A; -8d A; -2d A",
                OutForEver,
            ),
            (
                "ties count in their order",
                "-1d A; -1d A; -1d A",
                InUntil("+1d"),
            ),
        ],
    );
    let first = did("A").nth(1).with("x", is("a")).in_last(days(2));
    table(
        first,
        NOW,
        &[
            (
                "the first that matches",
                "-9d A x=b; -1d A x=a",
                InUntil("+1d"),
            ),
            ("a match long ago", "-9d A x=a; -1d A x=a", OutForEver),
        ],
    );
    table(
        did("A").nth(2).per("x"),
        NOW,
        &[
            (
                "the second of one value",
                "-3d A x=a; -2d A x=b; -1d A x=a",
                InForEver,
            ),
            ("one of each", "-3d A x=a; -2d A x=b", OutForEver),
        ],
    );
    table(
        did("A").nth(1).before_last(days(1)),
        NOW,
        &[(
            "the first time more than a day ago",
            "-1d+1h A; -1h A",
            OutUntil("+1h"),
        )],
    );
}

#[test]
fn first_and_last_are_those_in_the_window() {
    let last = || did("A").last("x", is("a"));
    table(
        last(),
        NOW,
        &[
            ("the most recent one", "-2h A x=b; -1h A x=a", InForEver),
            (
                "an older one does not help",
                "-2h A x=a; -1h A x=b",
                OutForEver,
            ),
            (
                "nor does it if the most recent has no value",
                "-2h A x=a; -1h A",
                OutForEver,
            ),
            (
                "of one instant the one that came last",
                "-1h A x=b; -1h A x=a",
                InForEver,
            ),
            ("no event", "", OutForEver),
        ],
    );
    let first = || did("A").first("x", is("a"));
    table(
        first(),
        NOW,
        &[
            ("the earliest one", "-2h A x=a; -1h A x=b", InForEver),
            (
                "of one instant the one that came first",
                "-1h A x=a; -1h A x=b",
                InForEver,
            ),
            (
                "a late event becomes the first",
                "-2h A x=b; -1h A x=a",
                OutForEver,
            ),
        ],
    );
    table(
        first().in_last(days(1)),
        NOW,
        &[
            (
                "the first moves on when one leaves",
                "-23h A x=b; -1h A x=a",
                OutUntil("+1h"),
            ),
            ("and out when none is left", "-1h A x=a", InUntil("+23h")),
        ],
    );
    table(
        did("A").last("x", is("absent")),
        NOW,
        &[("a text is a text", "-1h A x=absent", InForEver)],
    );
    table(
        did("A").last("x", Test::Set(false)),
        NOW,
        &[
            (
                "the most recent one has none",
                "-2h A x=a; -1h A",
                InForEver,
            ),
            ("no event has no most recent", "", OutForEver),
        ],
    );
    table(
        did("A").last("x", is("a")).before_last(hours(2)),
        NOW,
        &[(
            "only those two hours old",
            "-3h A x=a; -1h A x=b",
            InUntil("+1h"),
        )],
    );
}

#[test]
fn with_per_one_value_is_enough() {
    let twice = || did("A").times(at_least(2.0)).per("cart");
    table(
        twice(),
        NOW,
        &[
            (
                "twice in one cart",
                "-1h A cart=1; -2h A cart=1; -3h A cart=2",
                InForEver,
            ),
            (
                "once in each of two",
                "-1h A cart=1; -2h A cart=2",
                OutForEver,
            ),
            (
                "1 and the text 1 are one cart",
                "-1h A cart=1; -2h A cart='1'",
                InForEver,
            ),
            (
                "a list carries each of its values",
                "-1h A cart=[1,2]; -2h A cart=[2,3]",
                InForEver,
            ),
            (
                "a list that has a value twice is one event",
                "-1h A cart=[1,1]",
                OutForEver,
            ),
            (
                "events without a value are of no cart",
                "-1h A; -2h A",
                OutForEver,
            ),
            ("no event", "", OutForEver),
        ],
    );
    table(
        did("A").times(exactly(0.0)).per("cart"),
        NOW,
        &[
            (
                "only values that are carried count",
                "-1h A cart=1",
                OutForEver,
            ),
            ("and if there is none, it does not hold", "", OutForEver),
            (
                "another event's values are none of this one's",
                "-1h B cart=1",
                OutForEver,
            ),
        ],
    );
    table(
        did("A").times(at_most(1.0)).per("cart").in_last(days(1)),
        NOW,
        &[
            ("carried in the window only", "-2d A cart=1", OutForEver),
            (
                "two, then one, then none",
                "-23h A cart=1; -1h A cart=1",
                OutUntil("+1h"),
            ),
            ("one, then none", "-1h A cart=1", InUntil("+23h")),
        ],
    );
    table(
        did("A")
            .number(Aggregate::Sum, "x", at_least(10.0))
            .per("cart"),
        NOW,
        &[
            (
                "the sum of one cart",
                "-1h A cart=1 x=6; -2h A cart=1 x=4; -3h A cart=2 x=1",
                InForEver,
            ),
            (
                "not of all carts",
                "-1h A cart=1 x=6; -2h A cart=2 x=4",
                OutForEver,
            ),
        ],
    );
    table(
        did("A")
            .number(Aggregate::Sum, "x", exactly(0.0))
            .per("cart"),
        NOW,
        &[(
            "a cart without numbers has the sum 0",
            "-1h A cart=1",
            InForEver,
        )],
    );
}

#[test]
fn more_often_than_another_event() {
    let more = || {
        did("A")
            .times_of(Condition::MoreThan, step("B"))
            .in_last(days(1))
    };
    table(
        more(),
        NOW,
        &[
            ("two against one", "-1h A; -2h A; -3h B", InUntil("+23h")),
            ("one against one", "-1h A; -3h B", OutUntil("+21h")),
            (
                "the other is counted in the same window",
                "-1h A; -2d B; -3d B",
                InUntil("+23h"),
            ),
            ("none against none", "", OutForEver),
            ("one against none", "-1h A", InUntil("+23h")),
        ],
    );
    table(
        did("A").times_of(Condition::Exactly, step("B")),
        NOW,
        &[
            ("none and none are as many", "", InForEver),
            ("one and one", "-1h A; -2h B", InForEver),
            ("one and two", "-1h A; -2h B; -3h B", OutForEver),
        ],
    );
    table(
        did("*").times_of(Condition::MoreThan, step("A")),
        NOW,
        &[
            (
                "an event may be counted on both sides",
                "-1h A; -2h B",
                InForEver,
            ),
            ("all are A", "-1h A", OutForEver),
        ],
    );
    let with = did("A").times_of(Condition::AtLeast, step_with("B", "x", is("a")));
    table(
        with,
        NOW,
        &[(
            "only those of B that match",
            "-1h A; -2h B x=a; -3h B x=b",
            InForEver,
        )],
    );
    let per = did("A")
        .times_of(Condition::MoreThan, step("B"))
        .per("cart");
    table(
        per,
        NOW,
        &[
            ("in the same cart", "-1h A cart=1; -2h B cart=2", InForEver),
            (
                "as many in the same cart",
                "-1h A cart=1; -2h B cart=1",
                OutForEver,
            ),
            (
                "a cart that only B has does not count",
                "-2h B cart=1",
                OutForEver,
            ),
        ],
    );
    let both = did("A").times(of(&[
        Condition::AtLeast(Bound::Number(2.0)),
        Condition::LessThan(Bound::Times(step("B"))),
    ]));
    table(
        both,
        NOW,
        &[
            (
                "at least two, and fewer than B",
                "-1h A; -1h A; -1h B; -1h B; -1h B",
                InForEver,
            ),
            (
                "one, and fewer than B",
                "-1h A; -1h B; -1h B; -1h B",
                OutForEver,
            ),
        ],
    );
}

#[test]
fn a_pattern_may_select_events() {
    let clause = did("A")
        .with(
            "x",
            fits(
                muster_definition::PatternKind::Contains(muster_definition::LetterCase::Ignored),
                "SHOE",
            ),
        )
        .times(at_least(2.0));
    table(
        clause,
        NOW,
        &[
            ("case is ignored", "-1h A x=shoes; -2h A x=Running-Shoe", In),
            ("one only", "-1h A x=shoes; -2h A x=hat", Out),
        ],
    );
}

//! Tests of booleans, steps in order, user properties, first seen, samples and lists
//! (docs/cohorts.md, "Clauses").

use muster_definition::interpreter::{evaluate, known, sampled};
use muster_definition::{
    Clause, DidInOrder, End, InAnyOrder, InstantBound, Length, Sample, Start, Test, Unit, When,
    Window, Without,
};
use muster_model::{CohortId, Millis, UserHistory, user_hash};
use muster_testkit::history::{history, instant};

use super::table::{In, InForEver, InUntil, Out, OutForEver, OutUntil, table};
use super::write::{
    LOS_ANGELES, UTC, at, at_least, calendar, days, did, exactly, hours, in_order, is, is_not, not,
    rolling, same_as, seconds, step, step_with, user,
};

const NOW: &str = "2026-03-01T00:00:00Z";

#[test]
fn negation_is_allowed_alone_at_the_root() {
    table(
        not(did("A")),
        NOW,
        &[
            ("nothing known but a property", "-1h .city=Reno", InForEver),
            ("did it", "-1h A", OutForEver),
            ("will do it", "+1h A", InForEver),
        ],
    );
    table(
        not(not(did("A"))),
        NOW,
        &[
            ("twice is once", "-1h A", InForEver),
            ("twice is once", "", OutForEver),
        ],
    );
    table(
        not(did("A").in_last(hours(2))),
        NOW,
        &[
            ("in when the event leaves", "-1h A", OutUntil("+1h")),
            ("the same as zero times", "", InForEver),
        ],
    );
    table(
        did("A").in_last(hours(2)).times(exactly(0.0)),
        NOW,
        &[("zero times", "-1h A", OutUntil("+1h"))],
    );
    table(
        not(Clause::Everyone),
        NOW,
        &[("no user", "-1h A", OutForEver)],
    );
    table(Clause::Everyone, NOW, &[("every user", "", InForEver)]);
}

#[test]
fn booleans_expire_with_their_parts() {
    let events = "-1h A; -1h B";
    let short = || Clause::from(did("A").in_last(hours(2)));
    let long = || Clause::from(did("B").in_last(hours(5)));
    let never = || Clause::from(did("C").in_last(hours(2)));
    let ever = || Clause::from(did("A"));
    let all = Clause::All;
    let any = Clause::Any;
    table(
        all(vec![short(), long()]),
        NOW,
        &[("until the first part fails", events, InUntil("+1h"))],
    );
    table(
        all(vec![short(), ever()]),
        NOW,
        &[("one part stands for ever", events, InUntil("+1h"))],
    );
    table(
        any(vec![short(), long()]),
        NOW,
        &[("until the last part fails", events, InUntil("+4h"))],
    );
    table(
        any(vec![short(), ever()]),
        NOW,
        &[("one part is enough for ever", events, InForEver)],
    );
    table(
        all(vec![not(short()), not(long())]),
        NOW,
        &[("while one part fails", events, OutUntil("+4h"))],
    );
    table(
        all(vec![not(short()), long()]),
        NOW,
        &[("both hold in between", events, OutUntil("+1h"))],
    );
    table(
        all(vec![short(), not(long())]),
        NOW,
        &[(
            "one ends before the other begins: never",
            events,
            OutForEver,
        )],
    );
    table(
        any(vec![not(short()), not(long())]),
        NOW,
        &[("until the first part holds", events, OutUntil("+1h"))],
    );
    table(
        all(vec![short(), never()]),
        NOW,
        &[("a part that fails for ever", events, OutForEver)],
    );
    table(
        any(vec![not(short()), short()]),
        NOW,
        &[("one or the other, always", events, InForEver)],
    );
    table(
        any(vec![short(), not(did("B").in_last(hours(2)))]),
        NOW,
        &[(
            "one takes over from the other at one instant",
            events,
            InForEver,
        )],
    );
    table(all(vec![]), NOW, &[("all of nothing", "", InForEver)]);
    table(any(vec![]), NOW, &[("any of nothing", "", OutForEver)]);
}

fn order(steps: &str) -> DidInOrder {
    in_order(&steps.split_whitespace().map(step).collect::<Vec<_>>())
}

fn check(order: DidInOrder, rows: &[(&str, &str, super::table::ExpectedAnswer)]) {
    table(Clause::DidInOrder(order), NOW, rows);
}

#[test]
fn steps_come_one_after_the_other() {
    check(
        order("View Cart Purchase"),
        &[
            ("in order", "-3h View; -2h Cart; -1h Purchase", InForEver),
            (
                "others may lie between",
                "-3h View; -2h X; -2h Cart; -1h View; -1h Purchase",
                InForEver,
            ),
            (
                "out of order",
                "-3h Cart; -2h View; -1h Purchase",
                OutForEver,
            ),
            ("one is missing", "-3h View; -1h Purchase", OutForEver),
            (
                "all at one instant",
                "-1h View; -1h Cart; -1h Purchase",
                InForEver,
            ),
            (
                "all at one instant, whatever their order of arrival",
                "-1h Purchase; -1h Cart; -1h View",
                InForEver,
            ),
            (
                "the last is still to come",
                "-3h View; -2h Cart; +1h Purchase",
                OutForEver,
            ),
            ("no event", "", OutForEver),
        ],
    );
    check(
        order("A A"),
        &[
            (
                "a step is another event than the one before",
                "-1h A",
                OutForEver,
            ),
            ("two at one instant", "-1h A; -1h A", InForEver),
            ("two", "-2h A; -1h A", InForEver),
        ],
    );
    check(
        order("* A"),
        &[
            (
                "one event takes one step only of two that follow",
                "-1h A",
                OutForEver,
            ),
            ("another one before it", "-2h B; -1h A", InForEver),
            (
                "another one after it does not help",
                "-2h A; -1h B",
                OutForEver,
            ),
            ("another one at the same instant", "-1h A; -1h B", InForEver),
        ],
    );
    check(
        order("A B A"),
        &[
            ("three events", "-3h A; -2h B; -1h A", InForEver),
            (
                "two apart: not the same event if the times differ",
                "-3h A; -2h B",
                OutForEver,
            ),
            (
                "two apart at one instant are different too",
                "-1h A; -1h B",
                OutForEver,
            ),
            ("three at one instant", "-1h A; -1h A; -1h B", InForEver),
        ],
    );
}

#[test]
fn a_greedy_choice_may_miss() {
    let within = |all, each| DidInOrder {
        all_within: all,
        each_within: each,
        ..order("A B C")
    };
    check(
        within(Some(hours(2)), None),
        &[
            (
                "the first A is too early, a later one fits",
                "-9h A; -3h A; -2h B; -1h C",
                InForEver,
            ),
            (
                "first to last exactly so long",
                "-3h A; -2h B; -1h C",
                InForEver,
            ),
            ("1 ms longer", "-3h-1ms A; -2h B; -1h C", OutForEver),
            (
                "a later C is too late, the earlier one fits",
                "-9h A; -8h B; -7h C; -1h C",
                InForEver,
            ),
        ],
    );
    check(
        within(None, Some(hours(1))),
        &[
            (
                "each exactly so long after the one before",
                "-3h A; -2h B; -1h C",
                InForEver,
            ),
            ("1 ms longer", "-3h A; -2h B; -1h+1ms C", OutForEver),
            (
                "the earliest B leads nowhere, a later one does",
                "-3h A; -2h-30m B; -2h B; -1h C",
                InForEver,
            ),
            (
                "the latest A is no help, an earlier one is",
                "-3h A; -2h B; -1h C; -30m A",
                InForEver,
            ),
            (
                "the first A is too far from B, the second is not",
                "-5h A; -3h A; -2h B; -1h C",
                InForEver,
            ),
        ],
    );
    check(
        DidInOrder {
            each_within: Some(hours(1)),
            ..order("A * C")
        },
        &[
            (
                "only the second of two bridges",
                "-3h A; -2h-30m X; -2h X; -1h C",
                InForEver,
            ),
            ("A itself is no bridge", "-2h A; -1h C", OutForEver),
        ],
    );
    check(
        within(Some(hours(1)), Some(seconds(1))),
        &[("both", "-3s A; -2s B; -1s C", InForEver)],
    );
}

#[test]
fn no_event_of_without_lies_between() {
    let without = |same: Option<&str>| DidInOrder {
        without: vec![Without {
            step: step("R"),
            from: 1,
            to: 3,
        }],
        same: same.map(Box::from),
        ..order("A B C")
    };
    check(
        without(None),
        &[
            ("none between", "-3h A; -2h B; -1h C", InForEver),
            (
                "one between the first two",
                "-3h A; -2h-30m R; -2h B; -1h C",
                OutForEver,
            ),
            (
                "one between the last two",
                "-3h A; -2h B; -1h-30m R; -1h C",
                OutForEver,
            ),
            (
                "at the instant of the first is not between",
                "-3h A; -3h R; -2h B; -1h C",
                InForEver,
            ),
            (
                "at the instant of the last is not between",
                "-3h A; -2h B; -1h R; -1h C",
                InForEver,
            ),
            (
                "at the instant of a middle step is between",
                "-3h A; -2h R; -2h B; -1h C",
                OutForEver,
            ),
            (
                "before and after",
                "-4h R; -3h A; -2h B; -1h C; -30m R",
                InForEver,
            ),
            (
                "a later A avoids it",
                "-9h A; -8h R; -3h A; -2h B; -1h C",
                InForEver,
            ),
            (
                "an earlier C avoids it",
                "-3h A; -2h B; -1h C; -30m R; -20m C",
                InForEver,
            ),
            (
                "only a still later R spoils nothing",
                "-3h A; -2h B; -1h C; +1h R",
                InForEver,
            ),
        ],
    );
    check(
        without(Some("cart")),
        &[
            (
                "of another cart",
                "-3h A cart=1; -2h-30m R cart=2; -2h B cart=1; -1h C cart=1",
                InForEver,
            ),
            (
                "of the same cart",
                "-3h A cart=1; -2h-30m R cart=1; -2h B cart=1; -1h C cart=1",
                OutForEver,
            ),
            (
                "of no cart",
                "-3h A cart=1; -2h-30m R; -2h B cart=1; -1h C cart=1",
                InForEver,
            ),
        ],
    );
}

#[test]
fn each_step_is_another_event() {
    check(
        order("P P P"),
        &[
            ("two events of one instant", "-1h P; -1h P", OutForEver),
            (
                "three events of one instant",
                "-1h P; -1h P; -1h P",
                InForEver,
            ),
            (
                "two of one instant, one later",
                "-2h P; -2h P; -1h P",
                InForEver,
            ),
        ],
    );
    check(
        order("A* *B *"),
        &[
            (
                "one event for each, whichever takes them",
                "-1h AB; -1h A; -1h B",
                InForEver,
            ),
            ("one too few", "-1h AB; -1h B", OutForEver),
        ],
    );
}

#[test]
fn between_two_given_steps_no_event_of_without_lies() {
    let between = |from, to| DidInOrder {
        without: vec![Without {
            step: step("R"),
            from,
            to,
        }],
        ..order("A B C")
    };
    let early = "-4h A; -3h R; -2h B; -1h C";
    let late = "-4h A; -3h B; -2h R; -1h C";
    check(
        between(1, 2),
        &[
            ("between A and B", early, OutForEver),
            ("between B and C", late, InForEver),
        ],
    );
    check(
        between(2, 3),
        &[
            ("between A and B", early, InForEver),
            ("between B and C", late, OutForEver),
            (
                "a later B avoids it",
                "-5h A; -4h B; -3h R; -2h B; -1h C",
                InForEver,
            ),
            (
                "at the instant of B is not between",
                "-4h A; -3h B; -3h R; -1h C",
                InForEver,
            ),
        ],
    );
    let both = DidInOrder {
        without: [between(1, 2).without, between(2, 3).without].concat(),
        ..order("A B C")
    };
    check(
        both,
        &[
            (
                "at the instant of the middle step",
                "-4h A; -3h R; -3h B; -1h C",
                InForEver,
            ),
            ("between A and B", early, OutForEver),
            ("between B and C", late, OutForEver),
        ],
    );
}

#[test]
fn strictly_no_other_event_lies_between() {
    let strictly = || DidInOrder {
        strictly: true,
        ..order("A B C")
    };
    check(
        strictly(),
        &[
            ("nothing between", "-3h A; -2h B; -1h C", InForEver),
            (
                "an event of another name",
                "-3h A; -2h-30m X; -2h B; -1h C",
                OutForEver,
            ),
            (
                "an event of a step",
                "-4h A; -3h B; -2h A; -1h C",
                OutForEver,
            ),
            (
                "before and after",
                "-9h X; -3h A; -2h B; -1h C; -30m X",
                InForEver,
            ),
            (
                "at the instant of the first",
                "-3h A; -3h X; -2h B; -1h C",
                InForEver,
            ),
            (
                "at the instant of the last",
                "-3h A; -2h B; -1h C; -1h X",
                InForEver,
            ),
            (
                "at the instant of the middle",
                "-3h A; -2h B; -2h X; -1h C",
                OutForEver,
            ),
            (
                "all at one instant",
                "-1h A; -1h B; -1h C; -1h X",
                InForEver,
            ),
            (
                "the second A is the first step",
                "-4h A; -3h A; -2h B; -1h C",
                InForEver,
            ),
            ("two steps at one instant", "-3h A; -2h B; -2h C", InForEver),
        ],
    );
    check(
        DidInOrder {
            same: Some("cart".into()),
            ..strictly()
        },
        &[
            (
                "of another cart",
                "-4h A cart=1; -3h X cart=2; -2h B cart=1; -1h C cart=1",
                InForEver,
            ),
            (
                "of the same cart",
                "-4h A cart=1; -3h X cart=1; -2h B cart=1; -1h C cart=1",
                OutForEver,
            ),
        ],
    );
}

#[test]
fn steps_in_any_order_are_different_events() {
    let any_order = |steps: &str| InAnyOrder {
        steps: steps.split_whitespace().map(step).collect(),
        all_within: None,
        same: None,
        window: Window::EVER,
    };
    let check = |order: InAnyOrder, rows: &[(&str, &str, super::table::ExpectedAnswer)]| {
        table(Clause::InAnyOrder(order), NOW, rows);
    };
    check(
        any_order("A B C"),
        &[
            ("in order", "-3h A; -2h B; -1h C", InForEver),
            ("in another order", "-3h C; -2h A; -1h B", InForEver),
            ("one is missing", "-3h C; -2h A; -1h A", OutForEver),
        ],
    );
    check(
        any_order("A A*"),
        &[
            ("one event takes one step", "-1h A", OutForEver),
            (
                "the general step takes the other one",
                "-2h A; -1h AB",
                InForEver,
            ),
        ],
    );
    check(
        InAnyOrder {
            all_within: Some(hours(1)),
            ..any_order("A B")
        },
        &[
            ("exactly so long", "-2h B; -1h A", InForEver),
            ("1 ms longer", "-2h-1ms B; -1h A", OutForEver),
            ("a later pair", "-9h A; -3h B; -2h A", InForEver),
        ],
    );
    check(
        InAnyOrder {
            same: Some("cart".into()),
            ..any_order("A B")
        },
        &[
            ("one cart", "-2h B cart=1; -1h A cart=1", InForEver),
            ("two carts", "-2h B cart=1; -1h A cart=2", OutForEver),
        ],
    );
    check(
        InAnyOrder {
            window: Window {
                start: Start::Last(hours(4)),
                end: End::Now,
            },
            ..any_order("A B")
        },
        &[
            ("until the earliest leaves", "-3h B; -1h A", InUntil("+1h")),
            (
                "the latest choice counts",
                "-3h B; -2h B; -1h A",
                InUntil("+2h"),
            ),
        ],
    );
}

#[test]
fn all_steps_carry_the_same_value() {
    let same = || DidInOrder {
        same: Some("cart".into()),
        ..order("A B")
    };
    check(
        same(),
        &[
            ("one cart", "-3h A cart=1; -2h B cart=1", InForEver),
            ("two carts", "-3h A cart=1; -2h B cart=2", OutForEver),
            ("no cart is not the same cart", "-3h A; -2h B", OutForEver),
            (
                "a number and its text",
                "-3h A cart=1; -2h B cart='1'",
                InForEver,
            ),
            (
                "lists with one in common",
                "-3h A cart=[1,2]; -2h B cart=[2,3]",
                InForEver,
            ),
            (
                "a nearer A of another cart does not hide it",
                "-3h A cart=1; -2h-30m A cart=2; -2h B cart=1",
                InForEver,
            ),
        ],
    );
    let three = DidInOrder {
        same: Some("cart".into()),
        ..order("A B C")
    };
    check(
        three,
        &[(
            "neighbours in common are not enough: all share one",
            "-3h A cart=1; -2h B cart=[1,2]; -1h C cart=2",
            OutForEver,
        )],
    );
}

#[test]
fn every_step_lies_in_the_window() {
    let in_last = DidInOrder {
        window: Window {
            start: Start::Last(days(1)),
            end: End::Now,
        },
        ..order("A B")
    };
    check(
        in_last,
        &[
            (
                "until the first step leaves",
                "-3h A; -2h B",
                InUntil("+21h"),
            ),
            (
                "the first step lies at the start: out",
                "-1d A; -2h B",
                OutForEver,
            ),
            (
                "the latest choice counts",
                "-23h A; -3h A; -2h B",
                InUntil("+21h"),
            ),
            ("the first before the window", "-2d A; -2h B", OutForEver),
        ],
    );
    let first_days = DidInOrder {
        window: Window {
            start: Start::Ever,
            end: End::WithinFirst(days(1)),
        },
        ..order("A B")
    };
    check(
        first_days,
        &[
            ("both in the first day", "-9d A; -8d-1ms B", InForEver),
            ("the last exactly at its end", "-9d A; -8d B", OutForEver),
        ],
    );
    let with = DidInOrder {
        steps: vec![step("A"), step_with("B", "x", is("a"))],
        ..order("A B")
    };
    check(
        with,
        &[
            ("a step may ask for properties", "-3h A; -2h B x=a", In),
            ("and they count", "-3h A; -2h B x=b", Out),
        ],
    );
    let before = DidInOrder {
        window: Window {
            start: Start::Ever,
            end: End::Before(hours(1)),
        },
        ..order("A B")
    };
    check(
        before,
        &[("when the last comes due", "-3h A; -30m B", OutUntil("+30m"))],
    );
}

#[test]
fn a_user_property_has_its_current_value() {
    let seattle = || user("city", is("Seattle"), When::Now);
    table(
        seattle(),
        NOW,
        &[
            ("is", "-1h .city=Seattle", InForEver),
            (
                "a change counts from its instant on",
                "0 .city=Seattle",
                InForEver,
            ),
            ("not yet", "+1ms .city=Seattle", OutForEver),
            ("was", "-2h .city=Seattle; -1h .city=Reno", OutForEver),
            ("unset", "-2h .city=Seattle; -1h .city", OutForEver),
            (
                "of changes at one instant the last counts",
                "-1h .city=Reno; -1h .city=Seattle",
                InForEver,
            ),
            (
                "of changes at one instant the first is gone",
                "-1h .city=Seattle; -1h .city=Reno",
                OutForEver,
            ),
            (
                "an older change that comes late changes nothing",
                "-1h .city=Seattle; -5h .city=Reno",
                InForEver,
            ),
            ("never set", "", OutForEver),
        ],
    );
    table(
        user("city", Test::Set(false), When::Now),
        NOW,
        &[
            ("never set is absent", "-1h A", InForEver),
            ("unset is absent", "-2h .city=Reno; -1h .city", InForEver),
            ("set", "-2h .city=Reno", OutForEver),
        ],
    );
    table(
        user("born", rolling(InstantBound::InLast, days(7)), When::Now),
        NOW,
        &[
            (
                "leaves by the clock",
                "-90d .born='2026-02-25'",
                InUntil("2026-03-04T00:00:00Z"),
            ),
            (
                "comes by the clock",
                "-90d .born='2026-03-02'",
                OutUntil("2026-03-02T00:00:00Z"),
            ),
            (
                "exactly W ago is out",
                "-90d .born='2026-02-22'",
                OutForEver,
            ),
            ("digits are ms since 1970", "-90d .born='1772236800000'", In),
        ],
    );
    table(
        user(
            "born",
            rolling(InstantBound::BeforeLast, days(7)),
            When::Now,
        ),
        NOW,
        &[
            ("exactly W ago is due", "-90d .born='2026-02-22'", InForEver),
            (
                "comes due",
                "-90d .born='2026-02-25'",
                OutUntil("2026-03-04T00:00:00Z"),
            ),
            ("no instant never", "-90d .born=x", OutForEver),
        ],
    );
    table(
        user("ends", rolling(InstantBound::InNext, days(3)), When::Now),
        NOW,
        &[
            (
                "a trial that ends within three days",
                "-90d .ends='2026-03-03T12:00:00Z'",
                InUntil("2026-03-03T12:00:00Z"),
            ),
            (
                "exactly three days from now is in",
                "-90d .ends='2026-03-04'",
                InUntil("2026-03-04T00:00:00Z"),
            ),
            (
                "later than that comes near by the clock",
                "-90d .ends='2026-03-05'",
                OutUntil("2026-03-02T00:00:00Z"),
            ),
            ("now is over", "-90d .ends='2026-03-01'", OutForEver),
            ("over", "-90d .ends='2026-02-28'", OutForEver),
        ],
    );
    let two_days = Length::Rolling(days(2));
    table(
        user(
            "ends",
            at(UTC, InstantBound::Around(two_days, two_days)),
            When::Now,
        ),
        NOW,
        &[
            (
                "to come",
                "-90d .ends='2026-03-02'",
                InUntil("2026-03-04T00:00:00Z"),
            ),
            (
                "past",
                "-90d .ends='2026-02-28'",
                InUntil("2026-03-02T00:00:00Z"),
            ),
            (
                "far",
                "-90d .ends='2026-03-06'",
                OutUntil("2026-03-04T00:00:00Z"),
            ),
            ("long over", "-90d .ends='2026-02-27'", OutForEver),
        ],
    );
    // In Los Angeles, now is 16:00 of 28 February.
    let today = Length::Calendar(Unit::Day, 1);
    table(
        user(
            "born",
            at(LOS_ANGELES, InstantBound::InLast(today)),
            When::Now,
        ),
        NOW,
        &[
            (
                "a date is the start of its day in the zone",
                "-90d .born='2026-02-28'",
                InUntil("2026-03-01T08:00:00Z"),
            ),
            (
                "an instant of yesterday",
                "-90d .born='2026-02-28T07:59:59Z'",
                OutForEver,
            ),
            (
                "tomorrow",
                "-90d .born='2026-03-01'",
                OutUntil("2026-03-01T08:00:00Z"),
            ),
        ],
    );
    let two_days = Length::Calendar(Unit::Day, 2);
    table(
        user(
            "ends",
            at(LOS_ANGELES, InstantBound::InNext(two_days)),
            When::Now,
        ),
        NOW,
        &[
            (
                "tomorrow",
                "-90d .ends='2026-03-01'",
                InUntil("2026-03-01T08:00:00Z"),
            ),
            (
                "the day after tomorrow",
                "-90d .ends='2026-03-02'",
                OutUntil("2026-03-01T08:00:00Z"),
            ),
            ("today has begun", "-90d .ends='2026-02-28'", OutForEver),
        ],
    );
    let month = Length::Calendar(Unit::Month, 1);
    table(
        user(
            "born",
            at(LOS_ANGELES, InstantBound::BeforeLast(month)),
            When::Now,
        ),
        NOW,
        &[
            ("last month", "-90d .born='2026-01-31'", InForEver),
            (
                "this month",
                "-90d .born='2026-02-01'",
                OutUntil("2026-03-01T08:00:00Z"),
            ),
        ],
    );
    let bound = Millis(1_204_329_600_000);
    table(
        user("born", at(UTC, InstantBound::Before(bound)), When::Now),
        NOW,
        &[
            ("before 1970", "-90d .born='1962-05-14'", InForEver),
            (
                "before 1970, as a number",
                "-90d .born=-240969600000",
                InForEver,
            ),
            (
                "seconds are no instant",
                "-90d .born=1100000000",
                OutForEver,
            ),
            ("nor as digits", "-90d .born='1100000000'", OutForEver),
            (
                "microseconds are no instant",
                "-90d .born=1100000000000000",
                OutForEver,
            ),
            ("epoch zero says no unit", "-90d .born=0", OutForEver),
        ],
    );
    table(
        user("a", same_as("b"), When::Now),
        NOW,
        &[
            ("the same text", "-1h .a=x; -1h .b=x", InForEver),
            ("a number and its text", "-1h .a=1; -1h .b='1'", InForEver),
            (
                "lists with one in common",
                "-1h .a=[x,y]; -1h .b=[y,z]",
                InForEver,
            ),
            ("others", "-1h .a=x; -1h .b=y", OutForEver),
            ("one is absent", "-1h .a=x", OutForEver),
            ("both are absent", "-1h A", OutForEver),
        ],
    );
}

#[test]
fn ever_is_any_recorded_value() {
    table(
        user("plan", is("pro"), When::Ever),
        NOW,
        &[
            ("once", "-9d .plan=pro; -1d .plan=free", InForEver),
            ("never", "-1d .plan=free", OutForEver),
            (
                "replaced at its very instant: it was never held",
                "-1d .plan=pro; -1d .plan=free",
                OutForEver,
            ),
            ("still to come", "+1d .plan=pro", OutForEver),
        ],
    );
    table(
        user("plan", is_not("pro"), When::Ever),
        NOW,
        &[
            (
                "any other value",
                "-9d .plan=pro; -1d .plan=free",
                InForEver,
            ),
            (
                "only that value; before its first change nothing is recorded",
                "-9d .plan=pro",
                OutForEver,
            ),
            ("never set holds nothing", "", OutForEver),
        ],
    );
    table(
        user("plan", Test::Set(false), When::Ever),
        NOW,
        &[
            (
                "a recorded removal is the absent value",
                "-9d .plan=pro; -1d .plan",
                InForEver,
            ),
            ("never set is not recorded", "-1h A", OutForEver),
        ],
    );
}

#[test]
fn in_last_is_any_value_within_the_window_and_at_its_start() {
    let during = |start| user("plan", is("pro"), When::During(start));
    table(
        during(Start::Last(days(7))),
        NOW,
        &[
            ("held now, since long ago", "-99d .plan=pro", InForEver),
            (
                "changed within the window: leaves with the change",
                "-99d .plan=pro; -1d .plan=free",
                InUntil("+6d"),
            ),
            (
                "changed just after the start: held at the start",
                "-99d .plan=pro; -7d+1ms .plan=free",
                InUntil("+1ms"),
            ),
            (
                "changed exactly at the start: no longer held there",
                "-99d .plan=pro; -7d .plan=free",
                OutForEver,
            ),
            (
                "held in between",
                "-3d .plan=pro; -2d .plan=free",
                InUntil("+5d"),
            ),
            (
                "held for no time at all",
                "-3d .plan=pro; -3d .plan=free",
                OutForEver,
            ),
            ("unset ends it", "-99d .plan=pro; -1d .plan", InUntil("+6d")),
            ("never", "-1d .plan=free", OutForEver),
        ],
    );
    table(
        during(calendar(2, Unit::Day, UTC)),
        "2026-03-02T12:00:00Z",
        &[
            (
                "yesterday",
                "2026-02-01 .plan=pro; 2026-03-01T12:00:00Z .plan=free",
                InUntil("2026-03-03T00:00:00Z"),
            ),
            (
                "changed exactly at the start of yesterday",
                "2026-02-01 .plan=pro; 2026-03-01 .plan=free",
                OutForEver,
            ),
            (
                "changed exactly at the start of today: held until then",
                "2026-02-01 .plan=pro; 2026-03-02 .plan=free",
                InUntil("2026-03-03T00:00:00Z"),
            ),
        ],
    );
}

#[test]
fn held_for_is_without_a_break() {
    let held = |test| user("plan", test, When::HeldFor(days(7)));
    table(
        held(is("pro")),
        NOW,
        &[
            ("exactly so long", "-7d .plan=pro", InForEver),
            ("1 ms too short", "-7d+1ms .plan=pro", OutUntil("+1ms")),
            ("set now", "0 .plan=pro", OutUntil("+7d")),
            (
                "set again: no break",
                "-9d .plan=pro; -1d .plan=pro",
                InForEver,
            ),
            (
                "a break",
                "-9d .plan=pro; -3d .plan=free; -2d .plan=pro",
                OutUntil("+5d"),
            ),
            (
                "a break of no time is none: of one instant the last counts",
                "-9d .plan=pro; -3d .plan=free; -3d .plan=pro",
                InForEver,
            ),
            (
                "unset is a break",
                "-9d .plan=pro; -3d .plan; -2d .plan=pro",
                OutUntil("+5d"),
            ),
            ("no longer", "-9d .plan=pro; -1d .plan=free", OutForEver),
            ("never", "", OutForEver),
        ],
    );
    table(
        held(is_not("pro")),
        NOW,
        &[
            (
                "before the first change it was absent, which is not pro",
                "-1d .plan=free",
                InForEver,
            ),
            ("never set: since the beginning of time", "", InForEver),
            (
                "free after pro",
                "-9d .plan=pro; -1d .plan=free",
                OutUntil("+6d"),
            ),
            (
                "other values in a row",
                "-9d .plan=free; -1d .plan=basic",
                InForEver,
            ),
        ],
    );
    table(
        held(Test::Set(false)),
        NOW,
        &[
            ("never set", "-1h A", InForEver),
            ("unset a while ago", "-99d .plan=pro; -7d .plan", InForEver),
            (
                "unset just now",
                "-99d .plan=pro; -6d .plan",
                OutUntil("+1d"),
            ),
        ],
    );
    table(
        not(held(is("pro"))),
        NOW,
        &[(
            "in until it is held long enough",
            "-6d .plan=pro",
            InUntil("+1d"),
        )],
    );
}

#[test]
fn first_seen_is_the_first_event_ever() {
    let new = Clause::FirstSeen(Window {
        start: Start::Last(days(7)),
        end: End::Now,
    });
    table(
        new,
        NOW,
        &[
            ("a new user", "-1d A", InUntil("+6d")),
            ("exactly W ago is out", "-7d A", OutForEver),
            ("an old user with a new event", "-99d B; -1d A", OutForEver),
            (
                "a property change is no event",
                "-99d .city=Reno; -1d A",
                InUntil("+6d"),
            ),
            ("no event", "-1d .city=Reno", OutForEver),
            ("not yet", "+1d A", OutForEver),
            (
                "a late event makes an older user",
                "-1d A; -8d A",
                OutForEver,
            ),
        ],
    );
    let old = Clause::FirstSeen(Window {
        start: Start::Ever,
        end: End::Before(days(7)),
    });
    table(
        old,
        NOW,
        &[
            ("comes due", "-6d A", OutUntil("+1d")),
            ("exactly W ago", "-7d A", InForEver),
        ],
    );
    let february = Clause::FirstSeen(Window {
        start: Start::At(instant("2026-02-01", Millis(0))),
        end: End::At(instant("2026-02-10", Millis(0))),
    });
    table(
        february,
        NOW,
        &[
            ("at since", "2026-02-01 A", InForEver),
            ("at until", "2026-02-10 A", OutForEver),
        ],
    );
    let month = Clause::FirstSeen(Window {
        start: calendar(1, Unit::Month, UTC),
        end: End::Now,
    });
    table(
        month,
        "2026-02-28T23:00:00Z",
        &[(
            "this February",
            "2026-02-01 A",
            InUntil("2026-03-01T00:00:00Z"),
        )],
    );
}

#[test]
fn a_sample_is_the_same_users_every_time() {
    let sample = |percent, seed: &str| {
        Clause::Sample(Sample {
            percent,
            seed: seed.into(),
        })
    };
    table(sample(100.0, ""), NOW, &[("every user", "", InForEver)]);
    table(sample(0.0, ""), NOW, &[("no user", "-1h A", OutForEver)]);
    // A change of these values changes the samples of every project.
    let users = ["ann", "bob", "cem", "dan", "eve", "fay", "gus", "hal"];
    let share = |percent, seed| users.map(|user| sampled(user_hash(user), seed, percent));
    let letters = |share: [bool; 8]| {
        share
            .map(|is_in| if is_in { 'x' } else { '.' })
            .iter()
            .collect::<String>()
    };
    assert_eq!(letters(share(50.0, "")), ".x..xx.x");
    assert_eq!(letters(share(50.0, "spring")), "..x.xxxx");
    assert_eq!(letters(share(25.0, "spring")), "..x.xxx.");
}

#[test]
fn lists_and_links_have_their_members() {
    let list = |name| Clause::Listed(CohortId::new(name).unwrap());
    table(list("vip"), NOW, &[("on the list", "", InForEver)]);
    table(
        list("staff"),
        NOW,
        &[("not on the list", "-1h A", OutForEver)],
    );
    table(
        Clause::InCohort(CohortId::new("vip").unwrap()),
        NOW,
        &[(
            "a clause that is not linked holds for no user",
            "-1h A",
            OutForEver,
        )],
    );
}

#[test]
fn a_user_is_known_by_an_event_or_a_change() {
    let now = instant(NOW, Millis(0));
    for (why, text, is_known) in [
        ("nothing", "", false),
        ("an event", "-1h A", true),
        ("an event at now", "0 A", true),
        ("an event still to come", "+1ms A", false),
        ("a property", "-1h .city=Reno", true),
        ("a removal alone makes a user known", "-1h .city", true),
        ("a change still to come", "+1ms .city=Reno", false),
    ] {
        assert_eq!(known(&history(text, now), now), is_known, "{why}");
    }
    let unknown = UserHistory::default();
    assert!(
        evaluate(&not(did("A")), &unknown, now).member,
        "the clause holds: the engine chooses the users to evaluate"
    );
    assert!(!evaluate(&did("A").times(at_least(1.0)).into(), &unknown, now).member);
}

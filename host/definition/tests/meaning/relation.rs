//! Tests of conditions on the events before and after an event (docs/cohorts.md, "Events before and
//! after"), and on user properties at its instant.

use muster_definition::{InstantBound, Relation, RelationKind};

use super::table::{In, InForEver, InUntil, Out, OutForEver, OutUntil, table};
use super::write::{days, did, exactly, hours, is, is_not, not, relation, rolling, step_with};

const NOW: &str = "2026-03-01T00:00:00Z";

use RelationKind::{FollowedBy, NotFollowedBy, NotPrecededBy, PrecededBy};

#[test]
fn carts_of_more_than_a_day_ago_with_no_purchase_since() {
    table(
        did("Cart")
            .before_last(days(1))
            .relation(relation(NotFollowedBy, "Purchase")),
        NOW,
        &[
            ("nothing since", "-2d Cart", InForEver),
            ("a purchase before", "-3d Purchase; -2d Cart", InForEver),
            ("a purchase since", "-2d Cart; -1d-1h Purchase", OutForEver),
            (
                "a purchase after the window counts too",
                "-2d Cart; -1h Purchase",
                OutForEver,
            ),
            (
                "a purchase at the instant of the cart",
                "-2d Cart; -2d Purchase",
                OutForEver,
            ),
            (
                "only the last cart has none",
                "-4d Cart; -3d Purchase; -2d Cart",
                InForEver,
            ),
            (
                "a cart in the last day is no cart yet",
                "-4d Cart; -3d Purchase; -1h Cart",
                OutUntil("+23h"),
            ),
            (
                "a purchase to come is not seen",
                "-2d Cart; +1h Purchase",
                InForEver,
            ),
            ("no cart", "-2d Purchase", OutForEver),
        ],
    );
}

#[test]
fn an_event_is_followed_by_another_at_the_same_instant_or_later() {
    table(
        did("A").relation(relation(FollowedBy, "B")),
        NOW,
        &[
            ("later", "-2h A; -1h B", InForEver),
            ("at once", "-1h A; -1h B", InForEver),
            ("earlier", "-2h B; -1h A", OutForEver),
            ("never", "-1h A", OutForEver),
        ],
    );
    table(
        did("A").relation(relation(FollowedBy, "A")),
        NOW,
        &[
            ("an event does not follow itself", "-1h A", OutForEver),
            ("two at one instant", "-1h A; -1h A", InForEver),
        ],
    );
    table(
        did("A").relation(relation(NotFollowedBy, "*")),
        NOW,
        &[
            ("the latest event of all", "-2h B; -1h A", InForEver),
            ("not the latest", "-2h A; -1h B", OutForEver),
        ],
    );
}

#[test]
fn an_event_is_preceded_by_another_at_the_same_instant_or_earlier() {
    table(
        did("A")
            .in_last(hours(2))
            .relation(relation(PrecededBy, "B")),
        NOW,
        &[
            ("before the window", "-9d B; -1h A", InUntil("+1h")),
            ("at once", "-1h A; -1h B", InUntil("+1h")),
            ("later", "-1h A; -30m B", OutForEver),
        ],
    );
    table(
        did("A").relation(relation(NotPrecededBy, "A")),
        NOW,
        &[
            ("the first one", "-2h A; -1h A", InForEver),
            ("two first ones at once", "-2h A; -2h A", OutForEver),
        ],
    );
}

#[test]
fn within_is_the_longest_time_between_both() {
    let within = |kind, other| Relation {
        within: Some(hours(1)),
        ..relation(kind, other)
    };
    table(
        did("A").relation(within(FollowedBy, "B")),
        NOW,
        &[
            ("exactly so long after", "-2h A; -1h B", InForEver),
            ("1 ms longer", "-2h A; -1h+1ms B", OutForEver),
            ("another one in time", "-3h A; -2h B; -1h B", InForEver),
        ],
    );
    table(
        did("A").relation(within(NotFollowedBy, "B")),
        NOW,
        &[
            ("too late", "-2h A; -1h+1ms B", InForEver),
            ("the time need not be over", "-30m A", InForEver),
        ],
    );
    table(
        did("A").relation(within(PrecededBy, "B")),
        NOW,
        &[
            ("exactly so long before", "-2h B; -1h A", InForEver),
            ("1 ms longer", "-2h-1ms B; -1h A", OutForEver),
        ],
    );
}

#[test]
fn same_needs_one_value_in_common() {
    let same = |kind| Relation {
        same: Some("cart".into()),
        ..relation(kind, "B")
    };
    for (kind, found, missing) in [
        (FollowedBy, InForEver, OutForEver),
        (NotFollowedBy, OutForEver, InForEver),
    ] {
        table(
            did("A").relation(same(kind)),
            NOW,
            &[
                ("one cart", "-2h A cart=1; -1h B cart=1", found),
                ("another cart", "-2h A cart=1; -1h B cart=2", missing),
                ("no cart", "-2h A; -1h B", missing),
                (
                    "a list with it",
                    "-2h A cart=[1,2]; -1h B cart=[2,3]",
                    found,
                ),
                (
                    "a nearer one of another cart does not hide it",
                    "-3h A cart=1; -2h B cart=2; -1h B cart=1",
                    found,
                ),
            ],
        );
    }
}

#[test]
fn relations_select_the_events_that_a_measure_counts() {
    let events = "-9h A; -8h B; -7h A; -6h A; -5h B; -4h A";
    table(
        did("A")
            .relation(relation(FollowedBy, "B"))
            .times(exactly(3.0)),
        NOW,
        &[("three of four", events, InForEver)],
    );
    table(
        did("A")
            .relation(relation(FollowedBy, "B"))
            .relation(relation(PrecededBy, "B"))
            .times(exactly(2.0)),
        NOW,
        &[("both hold for two", events, InForEver)],
    );
    table(
        not(did("A").relation(relation(NotFollowedBy, "B"))),
        NOW,
        &[
            ("one has none", events, OutForEver),
            ("each has one", "-9h A; -8h A; -1h B", InForEver),
        ],
    );
    let recent = Relation {
        step: step_with("B", "seen", rolling(InstantBound::InLast, hours(2))),
        ..relation(FollowedBy, "B")
    };
    table(
        did("A").relation(recent),
        NOW,
        &[(
            "a test that counts from now",
            "-9h A; -8h B seen='2026-02-28T23:00:00Z'",
            InUntil("+1h"),
        )],
    );
}

#[test]
fn a_user_property_counts_at_the_instant_of_the_event() {
    table(
        did("A").with_user("plan", is("pro")),
        NOW,
        &[
            ("then and now", "-9h .plan=pro; -2h A", InForEver),
            (
                "then, no longer",
                "-9h .plan=pro; -2h A; -1h .plan=free",
                InForEver,
            ),
            ("only since then", "-2h A; -1h .plan=pro", OutForEver),
            ("from that instant on", "-2h A; -2h .plan=pro", InForEver),
            (
                "the last change of an instant",
                "-2h A; -2h .plan=pro; -2h .plan=free",
                OutForEver,
            ),
            ("never", "-2h A", OutForEver),
        ],
    );
    table(
        did("A").with_user("plan", is_not("pro")),
        NOW,
        &[
            (
                "before its first change it is absent",
                "-2h A; -1h .plan=pro",
                In,
            ),
            ("it is set", "-2h .plan=pro; -1h A", Out),
        ],
    );
}

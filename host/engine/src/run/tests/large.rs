//! Large users: their data exceeds a batch.

use super::*;
use crate::failures::RETRY_FIRST;
use crate::status::status;

/// Properties that the module reads: a row takes 8 KB of columns.
const PROPERTIES: usize = 990;
/// Events that take more than a batch may have: 160 MB.
const LARGE: usize = 20_000;
/// Events that take more than any user may have: 560 MB.
const TOO_LARGE: usize = 70_000;

fn world() -> (EngineWorld, Module, Cohort) {
    let world = EngineWorld::new();
    let clauses = (0..PROPERTIES)
        .map(|number| format!("{{did: View, with: {{p{number}: {{at_least: 1}}}}}}"));
    let clauses = clauses.collect::<Vec<_>>().join(", ");
    let module = world.module(&format!("{{any: [{clauses}]}}"));
    (world, module, cohort(1, &["out"]))
}

/// Adds events of a user. The last event is one that the module matches.
fn views(world: &EngineWorld, user: &str, events: usize) {
    let mut buffer = EventBuffer::default();
    for event in 0..events {
        buffer.event(user, "View", Millis(event as i64), None);
    }
    let one = Scalar::Number(1.0);
    buffer.property("p7", (&one).into());
    world.store.append(&buffer, None).unwrap();
}

#[test]
fn a_user_with_very_many_events_is_evaluated_alone() {
    let (world, module, cohort) = world();
    for user in ["ann", "bob", "carl"] {
        views(&world, user, if user == "bob" { LARGE } else { 3 });
    }
    let report = world.run(&module, &cohort, NOW);
    assert_eq!((report.candidates, report.evaluated), (3, 3));
    assert_eq!(report.skipped, []);
    assert_eq!(report.cohorts[0].members, 3);
    views(&world, "bob", 1);
    let report = world.run(&module, &cohort, NOW + 1);
    assert_eq!((report.candidates, report.evaluated), (1, 1));
}

#[test]
fn a_user_beyond_the_largest_instance_is_reported_once_and_backs_off() {
    let (world, module, cohort) = world();
    views(&world, "ann", 3);
    views(&world, "bob", TOO_LARGE);
    views(&world, "carl", 3);
    let report = world.run(&module, &cohort, NOW);
    assert_eq!((report.candidates, report.evaluated), (3, 2));
    let [skipped] = report.skipped.as_slice() else {
        panic!("{:?}", report.skipped)
    };
    assert!(
        skipped.reason.starts_with("too large to evaluate"),
        "{skipped}"
    );
    assert_eq!(
        (
            skipped.users,
            skipped.too_large,
            skipped.reported,
            skipped.waiting
        ),
        (1, true, false, false)
    );
    assert_eq!(report.cohorts[0].members, 2);
    // Neither before the next attempt nor at it is there anything new to report.
    for (now, candidates, waiting) in [
        (NOW + 1_000, 0, true),
        (NOW + RETRY_FIRST, 1, false),
        (NOW + RETRY_FIRST + 1, 0, true),
        (NOW + 3 * RETRY_FIRST, 1, false),
    ] {
        views(&world, "bob", 1);
        let report = world.run(&module, &cohort, now);
        assert_eq!(
            (report.candidates, report.evaluated),
            (candidates, 0),
            "{now}"
        );
        let [skipped] = report.skipped.as_slice() else {
            panic!("{:?}", report.skipped)
        };
        assert_eq!(
            (
                skipped.users,
                skipped.too_large,
                skipped.reported,
                skipped.waiting
            ),
            (1, true, true, waiting)
        );
    }
    let status =
        |world: &EngineWorld| status(&world.store.snapshot().unwrap(), &cohort.id).unwrap();
    let failing = status(&world).failing.unwrap();
    assert_eq!((failing.failed, failing.too_large), (0, 1));
    assert_eq!(failing.too_large_users, ["bob"]);
    assert!(failing.too_large_reason.contains("muster forget"));
    // The remedy in the text works.
    crate::forget(&world.store, "bob", Millis(NOW)).unwrap();
    assert_eq!(status(&world).failing, None);
}

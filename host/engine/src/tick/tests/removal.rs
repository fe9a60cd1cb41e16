use super::*;
use crate::{remove, removed};

#[test]
fn a_removed_cohort_ends_with_exits_and_begins_anew_when_it_comes_back() {
    let world = World::new();
    let (rule, cohort) = (world.rule(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW)]);
    world.tick(&rule, &cohort, NOW);
    let gone = |defined: bool| removed(&world.store.snapshot().unwrap(), &|_| defined).unwrap();
    assert_eq!(
        (gone(true).len(), gone(false)),
        (0, vec![cohort.id.clone()])
    );
    let record = remove(&world.store, &cohort.id, Millis(NOW)).unwrap();
    assert_eq!(
        (record.exited, record.messages, record.reason),
        (2, 1, Reason::Removed)
    );
    assert_eq!(world.consumed("out"), set(&[]));
    assert_eq!((world.members(&cohort).len(), gone(false).len()), (0, 0));

    let report = world.tick(&rule, &cohort, NOW + 1);
    assert_eq!(
        (report.cohorts[0].reason, report.cohorts[0].entered),
        (Reason::First, 2)
    );
    assert_eq!(world.consumed("out"), set(&["ann", "bob"]));
    let seconds: Vec<i64> = world
        .outbox("out")
        .iter()
        .map(|message| message["computed_time"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(seconds, [NOW / 1000, NOW / 1000 + 1, NOW / 1000 + 2]);
}

#[test]
fn a_cohort_that_does_not_say_so_keeps_its_members() {
    let world = World::new();
    let rule = world.rule(LATELY);
    let cohort = Cohort {
        exit_on_remove: false,
        ..cohort(1, &["out"])
    };
    world.bought(&[("ann", NOW)]);
    world.tick(&rule, &cohort, NOW);
    assert!(
        removed(&world.store.snapshot().unwrap(), &|_| false)
            .unwrap()
            .is_empty()
    );
}

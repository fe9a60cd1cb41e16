use super::*;
use crate::{Guard, reject, remove, removed, status};

#[test]
fn a_removed_cohort_sends_exits_and_starts_anew_when_it_comes_back() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW)]);
    world.run(&module, &cohort, NOW);
    let gone =
        |defined: bool| removed(&world.store.snapshot().unwrap(), &|_| defined, None).unwrap();
    assert_eq!(
        (gone(true).len(), gone(false)),
        (0, vec![cohort.id.clone()])
    );
    let record = remove(&world.store, &cohort.id, Millis(NOW), None).unwrap();
    assert_eq!(
        (record.exited, record.messages, record.reason),
        (2, 1, Reason::Removed)
    );
    assert_eq!(world.consumed("out"), set(&[]));
    assert_eq!((world.members(&cohort).len(), gone(false).len()), (0, 0));

    let report = world.run(&module, &cohort, NOW + 1);
    assert_eq!(
        (report.cohorts[0].reason, report.cohorts[0].entered),
        (Reason::First, 2)
    );
    assert_eq!(world.consumed("out"), set(&["ann", "bob"]));
    assert_eq!(
        world.seconds("out"),
        [NOW / 1000, NOW / 1000 + 1, NOW / 1000 + 2]
    );
}

#[test]
fn a_cohort_without_exit_on_remove_keeps_its_members() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    let cohort = Cohort {
        exit_on_remove: false,
        ..cohort(1, &["out"])
    };
    world.bought(&[("ann", NOW)]);
    world.run(&module, &cohort, NOW);
    assert!(
        removed(&world.store.snapshot().unwrap(), &|_| false, None)
            .unwrap()
            .is_empty()
    );
}

/// A guard that holds runs with changes of more than half of any cohort.
const GUARD: Guard = Guard {
    percent: 50.0,
    members: 0,
};

/// Returns a cohort of two members whose removal the guard holds.
fn held_end() -> (EngineWorld, Cohort) {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW)]);
    world.run(&module, &cohort, NOW);
    let record = remove(&world.store, &cohort.id, Millis(NOW), Some(&GUARD)).unwrap();
    assert_eq!((record.exited, record.held.unwrap().exited), (0, 2));
    (world, cohort)
}

#[test]
fn a_removal_that_the_guard_holds_changes_nothing_until_it_is_approved() {
    let (world, cohort) = held_end();
    let snapshot = world.store.snapshot().unwrap();
    assert!(status(&snapshot, &cohort.id).unwrap().is_end);
    let ends = |guard| removed(&snapshot, &|_| false, guard).unwrap().len();
    assert_eq!((ends(Some(&GUARD)), ends(None)), (0, 1));
    assert_eq!(world.consumed("out"), set(&["ann", "bob"]));
    let record = remove(&world.store, &cohort.id, Millis(NOW), None).unwrap();
    assert_eq!((record.exited, record.held), (2, None));
    assert_eq!(world.consumed("out"), set(&[]));
    let after = status(&world.store.snapshot().unwrap(), &cohort.id).unwrap();
    assert_eq!((after.held, after.is_end), (None, false));
}

#[test]
fn a_rejected_removal_keeps_the_members() {
    let (world, cohort) = held_end();
    assert_eq!(
        reject(&world.store, &cohort.id, Millis(NOW))
            .unwrap()
            .unwrap()
            .exited,
        2
    );
    let snapshot = world.store.snapshot().unwrap();
    assert_eq!(removed(&snapshot, &|_| false, None).unwrap(), []);
    assert_eq!(world.members(&cohort).len(), 2);
    assert_eq!(status(&snapshot, &cohort.id).unwrap().held, None);
}

#[test]
fn a_definition_that_comes_back_cancels_the_held_removal() {
    let (world, cohort) = held_end();
    let module = world.module(LATELY);
    world.bought(&[("cid", NOW + 1)]);
    let report = world.run(&module, &cohort, NOW + 1);
    assert_eq!(
        (report.cohorts[0].entered, &report.cohorts[0].held),
        (1, &None)
    );
    assert_eq!(world.consumed("out"), set(&["ann", "bob", "cid"]));
    let after = status(&world.store.snapshot().unwrap(), &cohort.id).unwrap();
    assert!(!after.is_end);
}

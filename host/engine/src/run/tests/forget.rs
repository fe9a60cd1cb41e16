use super::*;
use crate::{Forgotten, forget};

#[test]
fn a_forgotten_user_exits_from_all_destinations_and_is_no_longer_known() {
    let world = EngineWorld::new();
    let (module, buyers) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW)]);
    world.run(&module, &buyers, NOW);
    let forgotten = forget(&world.store, "ann", Millis(NOW)).unwrap();
    assert_eq!(
        forgotten,
        Forgotten {
            known: true,
            exited: vec![buyers.id.clone()],
            messages: 1
        }
    );
    assert_eq!(world.consumed("out"), set(&["bob"]));
    assert_eq!(world.members(&buyers).len(), 1);
    let snapshot = world.store.snapshot().unwrap();
    assert_eq!(snapshot.user_key("ann").unwrap(), None);
    assert_eq!(
        records(&snapshot, &buyers.id, 1).unwrap()[0].reason,
        Reason::Forgotten
    );
    assert_eq!(
        forget(&world.store, "ann", Millis(NOW)).unwrap(),
        Forgotten::default()
    );

    // The forgotten user is not evaluated, even in a run of all users.
    let again = RunOptions {
        all_users: true,
        ..RunOptions::at(Millis(NOW + 1))
    };
    let report = run_module(&world.store, &module, std::slice::from_ref(&buyers), &again).unwrap();
    assert_eq!((report.candidates, report.cohorts[0].members), (1, 1));
    // A user who comes with this id later is a new user without a history.
    world.bought(&[("ann", NOW + 2)]);
    world.run(&module, &buyers, NOW + 2);
    assert_eq!(world.consumed("out"), set(&["ann", "bob"]));
}

#[test]
fn forgetting_in_the_middle_of_a_run_that_was_cut_off_keeps_ids_unique() {
    let world = EngineWorld::new();
    let (module, buyers) = (world.module(LATELY), cohort(1, &["out"]));
    let users: Vec<String> = (0..600).map(|number| format!("user-{number}")).collect();
    let rows: Vec<_> = users.iter().map(|user| (user.as_str(), NOW)).collect();
    world.bought(&rows);
    let stop = AtomicBool::new(false);
    let progress = |_: u64, _| stop.store(true, Ordering::Relaxed);
    let options = RunOptions {
        chunk_users: 300,
        progress: &progress,
        stop: Some(&stop),
        ..RunOptions::at(Millis(NOW))
    };
    let cut = run_module(
        &world.store,
        &module,
        std::slice::from_ref(&buyers),
        &options,
    );
    assert!(matches!(cut, Err(EngineError::Stopped)));
    forget(&world.store, "user-0", Millis(NOW)).unwrap();
    run_module(
        &world.store,
        &module,
        std::slice::from_ref(&buyers),
        &RunOptions::at(Millis(NOW + 1)),
    )
    .unwrap();
    // `consumed` panics at an id that came twice.
    assert_eq!(world.consumed("out").len(), 599);
}

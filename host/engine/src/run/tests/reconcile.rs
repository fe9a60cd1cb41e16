use super::copies::held;
use super::*;
use crate::reconcile;

fn have(users: &[&str]) -> BTreeSet<String> {
    set(users)
}

fn world() -> (EngineWorld, Module, Cohort) {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW), ("cid", NOW - 8 * DAY)]);
    world.run(&module, &cohort, NOW);
    (world, module, cohort)
}

/// Returns the users of the messages from an index on, by direction.
fn sent(world: &EngineWorld, from: usize) -> Vec<(bool, BTreeSet<String>)> {
    let users = |message: &Json| {
        let users = message["users"].as_array().unwrap().iter();
        let ids = users.map(|user| user["user_id"].as_str().unwrap().to_owned());
        (message["in_cohort"] == true, ids.collect())
    };
    world.outbox("out")[from..].iter().map(users).collect()
}

#[test]
fn a_destination_whose_ids_are_given_receives_the_difference() {
    let (world, _, cohort) = world();
    let holds = have(&["ann", "cid", "ghost"]);
    let done = reconcile(
        &world.store,
        &cohort,
        &cohort.sync[0],
        Some(&holds),
        Millis(NOW),
    );
    let done = done.unwrap();
    assert_eq!(
        (done.members, done.entered, done.exited, done.messages),
        (2, 1, 2, 3)
    );
    assert_eq!(
        sent(&world, 1),
        [
            (true, set(&["bob"])),
            (false, set(&["cid"])),
            (false, set(&["ghost"]))
        ]
    );
    let runs = records(&world.store.snapshot().unwrap(), &cohort.id, 1).unwrap();
    assert_eq!(runs[0].reason, Reason::Reconciled);
}

#[test]
fn without_ids_all_members_and_the_exits_of_all_users_ever_sent_are_sent() {
    let (world, module, cohort) = world();
    world.bought(&[("bob", NOW + DAY)]);
    world.run(&module, &cohort, NOW + 7 * DAY);
    assert_eq!(held(&world, "out", "buyers"), set(&["bob"]));
    let before = world.outbox("out").len();
    reconcile(
        &world.store,
        &cohort,
        &cohort.sync[0],
        None,
        Millis(NOW + 7 * DAY),
    )
    .unwrap();
    // Cid was never sent.
    assert_eq!(
        sent(&world, before),
        [(true, set(&["bob"])), (false, set(&["ann"]))]
    );
    let entry = &world.outbox("out")[before]["users"][0];
    assert_eq!(entry["user_id"], "bob");
}

#[test]
fn a_reconciled_destination_receives_only_changes_from_then_on() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    let alone = Cohort {
        sync: Vec::new(),
        ..cohort.clone()
    };
    world.bought(&[("ann", NOW), ("bob", NOW)]);
    world.run(&module, &alone, NOW);
    let holds = have(&["ann", "bob"]);
    reconcile(
        &world.store,
        &cohort,
        &cohort.sync[0],
        Some(&holds),
        Millis(NOW),
    )
    .unwrap();
    let report = world.run(&module, &cohort, NOW + 1);
    assert_eq!((report.candidates, report.cohorts[0].messages), (0, 0));
    let report = world.run(&module, &cohort, NOW + 8 * DAY);
    assert_eq!(
        (report.cohorts[0].exited, report.cohorts[0].messages),
        (2, 1)
    );
}

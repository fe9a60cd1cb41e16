use super::*;
use crate::{DestinationAddress, activate, forget, remove};

/// Returns the members that a consumer of a destination holds of a cohort. The consumer drops a
/// `message_id` that it has seen and orders messages by `computed_time`.
pub(super) fn held(world: &EngineWorld, destination: &str, cohort: &str) -> BTreeSet<String> {
    let mut messages = world.outbox(destination);
    messages.retain(|message| message["cohort_id"] == cohort);
    let mut seen = BTreeSet::new();
    messages.retain(|message| seen.insert(message["message_id"].as_str().unwrap().to_owned()));
    let time = |message: &Json| -> i64 {
        let time = message["computed_time"].as_str().unwrap();
        time.parse().unwrap()
    };
    messages.sort_by_key(time);
    let mut holds = BTreeSet::new();
    for message in messages {
        for user in message["users"].as_array().unwrap() {
            let user = user["user_id"].as_str().unwrap().to_owned();
            if message["in_cohort"] == true {
                holds.insert(user);
            } else {
                holds.remove(&user);
            }
        }
    }
    holds
}

fn run(
    world: &EngineWorld,
    module: &Module,
    cohort: &Cohort,
    options: &RunOptions<'_>,
) -> RunReport {
    run_module(&world.store, module, std::slice::from_ref(cohort), options).unwrap()
}

/// Starts a run that is stopped after its first committed chunk.
fn cut_off(world: &EngineWorld, module: &Module, cohort: &Cohort, chunk_users: usize, now: i64) {
    let stop = AtomicBool::new(false);
    let progress = |_: u64, _| stop.store(true, Ordering::Relaxed);
    let options = RunOptions {
        chunk_users,
        progress: &progress,
        stop: Some(&stop),
        ..RunOptions::at(Millis(now))
    };
    let cut = run_module(&world.store, module, std::slice::from_ref(cohort), &options);
    assert!(matches!(cut, Err(EngineError::Stopped)));
}

#[test]
fn a_full_sync_sends_the_exits_of_members_whose_answer_has_expired() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW + 5 * DAY)]);
    world.run(&module, &cohort, NOW + 5 * DAY);
    assert_eq!(held(&world, "out", "buyers"), set(&["ann", "bob"]));
    let full = RunOptions {
        resend: true,
        ..RunOptions::at(Millis(NOW + 8 * DAY))
    };
    run(&world, &module, &cohort, &full);
    assert_eq!(held(&world, "out", "buyers"), set(&["bob"]));
}

#[test]
fn a_first_sync_that_a_changed_definition_cuts_off_leaves_no_user_behind() {
    let world = EngineWorld::new();
    let before = world.module(LATELY);
    world.bought(&[("ann", NOW), ("bob", NOW), ("cid", NOW), ("dan", NOW)]);
    cut_off(&world, &before, &cohort(1, &["out"]), 2, NOW);
    assert_eq!(held(&world, "out", "buyers"), set(&["ann", "bob"]));
    let empty = world.module("{did: Purchase, with: {amount: {at_least: 50}}}");
    run(
        &world,
        &empty,
        &cohort(2, &["out"]),
        &RunOptions::at(Millis(NOW)),
    );
    assert_eq!(held(&world, "out", "buyers"), set(&[]));
}

#[test]
fn a_destination_that_returns_is_sent_what_it_missed_and_nothing_else() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    let (both, one) = (cohort(1, &["out", "other"]), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW + 2 * DAY), ("cid", NOW)]);
    world.run(&module, &both, NOW + 2 * DAY);
    // Meanwhile Ann and Cid leave, Eve enters, and Cid comes back.
    world.bought(&[("eve", NOW + 7 * DAY)]);
    world.run(&module, &one, NOW + 7 * DAY);
    world.bought(&[("cid", NOW + 8 * DAY)]);
    world.run(&module, &one, NOW + 8 * DAY);
    assert_eq!(held(&world, "out", "buyers"), set(&["bob", "cid", "eve"]));
    assert_eq!(held(&world, "other", "buyers"), set(&["ann", "bob", "cid"]));
    let before = world.outbox("other").len();
    world.run(&module, &both, NOW + 8 * DAY + 1);
    assert_eq!(held(&world, "other", "buyers"), set(&["bob", "cid", "eve"]));
    let sent: Vec<_> = world.outbox("other")[before..]
        .iter()
        .flat_map(|message| message["users"].as_array().unwrap().clone())
        .map(|user| user["user_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(sent, ["eve", "ann"]);
}

#[test]
fn a_forgotten_user_exits_from_destinations_that_have_left_the_sync_too() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    let (both, one) = (cohort(1, &["out", "other"]), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW)]);
    world.run(&module, &both, NOW);
    world.run(&module, &one, NOW + 7 * DAY);
    assert_eq!(held(&world, "other", "buyers"), set(&["ann", "bob"]));
    let forgotten = forget(&world.store, "ann", Millis(NOW + 7 * DAY)).unwrap();
    assert_eq!((forgotten.known, forgotten.messages), (true, 1));
    assert_eq!(held(&world, "other", "buyers"), set(&["bob"]));
    world.run(&module, &both, NOW + 7 * DAY + 1);
    assert_eq!(held(&world, "other", "buyers"), set(&[]));
}

#[test]
fn a_removed_cohort_that_comes_back_knows_what_destinations_still_hold() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    let (both, one) = (cohort(1, &["out", "other"]), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW)]);
    world.run(&module, &both, NOW);
    world.bought(&[("eve", NOW)]);
    world.run(&module, &one, NOW + 1);
    remove(&world.store, &one.id, Millis(NOW + 2), None).unwrap();
    assert_eq!(held(&world, "out", "buyers"), set(&[]));
    assert_eq!(held(&world, "other", "buyers"), set(&["ann", "bob"]));
    world.bought(&[("bob", NOW + DAY)]);
    world.run(&module, &both, NOW + 7 * DAY);
    assert_eq!(held(&world, "out", "buyers"), set(&["bob"]));
    assert_eq!(held(&world, "other", "buyers"), set(&["bob"]));
}

/// The digest of the definition stays the same when only a static list changes, but the module is
/// another.
#[test]
fn a_list_that_changes_and_changes_back_evaluates_all_users_each_time() {
    let world = EngineWorld::new();
    let (a, b) = (world.module(LATELY), world.module("{did: Refund}"));
    let cohort = cohort(1, &["out"]);
    world.bought(&[("ann", NOW)]);
    world.run(&a, &cohort, NOW);
    world.run(&b, &cohort, NOW + 1);
    assert_eq!(held(&world, "out", "buyers"), set(&[]));
    // The store still knows the first module, as after a crash before the clean-up.
    world.run(&a, &cohort, NOW + 2);
    assert_eq!(held(&world, "out", "buyers"), set(&["ann"]));
}

#[test]
fn a_run_that_was_cut_off_does_not_go_on_after_another_module_took_its_cohort_over() {
    let world = EngineWorld::new();
    let (a, b) = (world.module(LATELY), world.module("{did: Refund}"));
    let cohort = cohort(1, &["out"]);
    world.bought(&[("ann", NOW), ("bob", NOW), ("cid", NOW), ("dan", NOW)]);
    cut_off(&world, &a, &cohort, 2, NOW);
    run(&world, &b, &cohort, &RunOptions::at(Millis(NOW + 1)));
    assert_eq!(held(&world, "out", "buyers"), set(&[]));
    world.run(&a, &cohort, NOW + 2);
    let all = set(&["ann", "bob", "cid", "dan"]);
    assert_eq!(held(&world, "out", "buyers"), all);
}

/// Returns two cohorts that share a module.
fn two_cohorts() -> [Cohort; 2] {
    ["one", "two"].map(|id| Cohort {
        id: CohortId::new(id).unwrap(),
        ..cohort(1, &["out"])
    })
}

#[test]
fn a_run_of_one_cohort_alone_at_a_later_clock_is_corrected_by_the_next_run_of_all() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    let both = two_cohorts();
    world.bought(&[("ann", NOW)]);
    let group =
        |now| run_module(&world.store, &module, &both, &RunOptions::at(Millis(now))).unwrap();
    group(NOW);
    let alone = RunOptions {
        alone: true,
        ..RunOptions::at(Millis(NOW + 8 * DAY))
    };
    run(&world, &module, &both[0], &alone);
    assert_eq!(held(&world, "out", "one"), set(&[]));
    group(NOW + 1);
    assert_eq!(held(&world, "out", "one"), set(&["ann"]));
}

#[test]
fn a_run_of_one_cohort_alone_at_an_earlier_clock_is_corrected_by_the_next_run_of_all() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    let both = two_cohorts();
    world.bought(&[("ann", NOW)]);
    let group =
        |now| run_module(&world.store, &module, &both, &RunOptions::at(Millis(now))).unwrap();
    group(NOW);
    // At that clock Ann is not known yet.
    let alone = RunOptions {
        alone: true,
        ..RunOptions::at(Millis(NOW - DAY))
    };
    run(&world, &module, &both[0], &alone);
    assert_eq!(held(&world, "out", "one"), set(&[]));
    group(NOW + 1);
    assert_eq!(held(&world, "out", "one"), set(&["ann"]));
}

#[test]
fn a_run_that_goes_on_after_a_user_was_forgotten_has_a_later_second() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW), ("cid", NOW)]);
    cut_off(&world, &module, &cohort, 1, NOW);
    forget(&world.store, "ann", Millis(NOW)).unwrap();
    // A user who comes with the same id now is a new user, and the same run may reach that user.
    world.bought(&[("ann", NOW)]);
    run(&world, &module, &cohort, &RunOptions::at(Millis(NOW)));
    assert_eq!(held(&world, "out", "buyers"), set(&["ann", "bob", "cid"]));
}

#[test]
fn a_run_that_is_only_to_be_finished_begins_no_other() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW)]);
    cut_off(&world, &module, &cohort, 1, NOW);
    world.bought(&[("cid", NOW)]);
    let finish = RunOptions {
        only_finish: true,
        all_users: true,
        ..RunOptions::at(Millis(NOW + 1))
    };
    let report = run(&world, &module, &cohort, &finish);
    // Bob and Cid are the users that were left.
    assert_eq!((report.candidates, report.cohorts[0].members), (2, 3));
    let runs = records(&world.store.snapshot().unwrap(), &cohort.id, 10).unwrap();
    assert_eq!(runs.len(), 1);
}

#[test]
fn the_record_of_a_run_that_was_cut_off_counts_all_that_it_did() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW - 8 * DAY), ("bob", NOW - 8 * DAY)]);
    world.run(&module, &cohort, NOW);
    // Ann enters in the chunk before the cut. After it, Bob stays where he is.
    world.bought(&[("ann", NOW), ("bob", NOW - 9 * DAY)]);
    cut_off(&world, &module, &cohort, 1, NOW + 1);
    run(&world, &module, &cohort, &RunOptions::at(Millis(NOW + 2)));
    let runs = records(&world.store.snapshot().unwrap(), &cohort.id, 10).unwrap();
    let counts = |run: &crate::RunRecord| {
        (
            run.candidates,
            run.evaluated,
            run.entered,
            run.members,
            run.messages,
        )
    };
    assert_eq!(
        runs.iter().map(counts).collect::<Vec<_>>(),
        [(2, 2, 1, 1, 1), (2, 2, 0, 0, 0)]
    );
}

#[test]
fn a_large_chunk_is_several_commits_with_the_same_messages_in_all() {
    let users: Vec<String> = (0..3_000).map(|number| format!("user-{number}")).collect();
    let rows: Vec<_> = users.iter().map(|user| (user.as_str(), NOW)).collect();
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out", "other"]));
    world.bought(&rows);
    let small = RunOptions {
        commit_bytes: 16 * 1024,
        ..RunOptions::at(Millis(NOW))
    };
    assert!(world.store.backlog().unwrap().is_empty());
    let report = run(&world, &module, &cohort, &small);
    assert_eq!(
        (report.cohorts[0].entered, report.evaluated),
        (3_000, 3_000)
    );
    // Each commit has 256 users and 7 KiB at least, so there are at most twelve. One commit alone
    // would fill three messages a destination.
    assert!(
        (8..=24).contains(&report.cohorts[0].messages),
        "{}",
        report.cohorts[0].messages
    );
    let wanted: BTreeSet<String> = users.into_iter().collect();
    assert_eq!(world.consumed("out"), wanted);
    assert_eq!(world.consumed("other"), wanted);
}

#[test]
fn a_removal_follows_the_active_definition_even_if_it_never_ran() {
    let world = EngineWorld::new();
    let (module, exits) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW)]);
    world.run(&module, &exits, NOW);
    let gone = || crate::removed(&world.store.snapshot().unwrap(), &|_| false, None).unwrap();
    let keeps = Cohort {
        exit_on_remove: false,
        ..exits.clone()
    };
    activate(&world.store, [&keeps].into_iter(), &[]).unwrap();
    assert_eq!(gone(), []);
    let renamed = Cohort {
        name: "Renamed".to_owned(),
        ..exits
    };
    activate(&world.store, [&renamed].into_iter(), &[]).unwrap();
    assert_eq!(gone(), std::slice::from_ref(&renamed.id));
    remove(&world.store, &renamed.id, Millis(NOW), None).unwrap();
    let last = world.outbox("out").pop().unwrap();
    assert_eq!(
        (&last["in_cohort"], &last["cohort_name"]),
        (&false.into(), &"Renamed".into())
    );
}

#[test]
fn a_destination_with_a_new_address_receives_a_full_sync() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    let set_address = |address: &str| {
        let addresses = [DestinationAddress {
            destination: "out".to_owned(),
            place: address.to_owned(),
        }];
        activate(&world.store, [&cohort].into_iter(), &addresses).unwrap()
    };
    assert_eq!(set_address("file a"), []);
    world.bought(&[("ann", NOW)]);
    world.run(&module, &cohort, NOW);
    assert_eq!(
        (set_address("file a"), world.outbox("out").len()),
        (vec![], 1)
    );
    let change = set_address("file b").remove(0);
    let found = (change.from.as_str(), change.to.as_str(), change.dropped);
    assert_eq!(
        (found, world.outbox("out").len()),
        (("file a", "file b", 1), 0)
    );
    let report = world.run(&module, &cohort, NOW + 1);
    assert_eq!(
        (report.cohorts[0].entered, report.cohorts[0].messages),
        (0, 1)
    );
    assert_eq!(held(&world, "out", "buyers"), set(&["ann"]));
}

#[test]
fn message_ids_of_two_stores_differ() {
    let ids: Vec<_> = (0..2)
        .map(|_| {
            let world = EngineWorld::new();
            world.bought(&[("ann", NOW)]);
            world.run(&world.module(LATELY), &cohort(1, &["out"]), NOW);
            world.outbox("out")[0]["message_id"].to_string()
        })
        .collect();
    assert_ne!(ids[0], ids[1]);
}

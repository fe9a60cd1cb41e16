use super::*;
use crate::report::HeldRun;
use crate::{reject, status};

const GUARD: Guard = Guard {
    percent: 50.0,
    members: 100,
};

/// Returns a world with 1,000 users. The first `lately` of them bought within the window of the
/// cohort.
fn world(lately: usize) -> (EngineWorld, Vec<String>) {
    let world = EngineWorld::new();
    let users: Vec<String> = (0..1_000).map(|number| format!("user-{number}")).collect();
    let at = |number| if number < lately { NOW } else { NOW - 8 * DAY };
    let rows: Vec<_> = users
        .iter()
        .enumerate()
        .map(|(number, user)| (user.as_str(), at(number)))
        .collect();
    world.bought(&rows);
    (world, users)
}

fn guarded(
    world: &EngineWorld,
    module: &Module,
    cohort: &Cohort,
    now: i64,
    chunk_users: usize,
) -> RunReport {
    let options = RunOptions {
        guard: Some(GUARD),
        chunk_users,
        ..RunOptions::at(Millis(now))
    };
    let cohorts = std::slice::from_ref(cohort);
    let previewed = world.preview(module, cohorts, &options, 3);
    let before = world.members(cohort);
    let report = run_module(&world.store, module, cohorts, &options).unwrap();
    let done = &report.cohorts[0];
    assert_eq!(previewed.cohorts[0].held, done.held.is_some());
    assert_eq!(previewed.cohorts[0].afterwards, done.members);
    if done.held.is_some() {
        assert_eq!((done.entered, done.exited, done.messages), (0, 0, 0));
        assert_eq!(world.members(cohort), before);
    }
    report
}

fn reasons(world: &EngineWorld, cohort: &Cohort) -> Vec<Reason> {
    let snapshot = world.store.snapshot().unwrap();
    let runs = records(&snapshot, &cohort.id, 100).unwrap();
    runs.iter().map(|run| run.reason).collect()
}

#[test]
fn the_first_sync_is_not_held_and_half_of_a_cohort_may_change() {
    let (world, users) = world(200);
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    let first = guarded(&world, &module, &cohort, NOW, CHUNK_USERS);
    assert_eq!(
        (first.cohorts[0].entered, first.cohorts[0].held.clone()),
        (200, None)
    );
    let rows: Vec<_> = users[200..300]
        .iter()
        .map(|user| (user.as_str(), NOW + 1))
        .collect();
    world.bought(&rows);
    let half = guarded(&world, &module, &cohort, NOW + 1, CHUNK_USERS);
    assert_eq!(
        (half.cohorts[0].entered, half.cohorts[0].held.clone()),
        (100, None)
    );
}

#[test]
fn a_cohort_up_to_the_size_is_not_guarded() {
    let (world, _) = world(100);
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    guarded(&world, &module, &cohort, NOW, CHUNK_USERS);
    let all_gone = guarded(&world, &module, &cohort, NOW + 8 * DAY, CHUNK_USERS);
    assert_eq!(
        (all_gone.cohorts[0].exited, all_gone.cohorts[0].held.clone()),
        (100, None)
    );
}

#[test]
fn a_run_with_more_changes_is_held_until_it_is_approved() {
    for chunk_users in [CHUNK_USERS, 64] {
        let (world, _) = world(200);
        let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
        guarded(&world, &module, &cohort, NOW, chunk_users);
        let later = NOW + 8 * DAY;
        let report = guarded(&world, &module, &cohort, later, chunk_users);
        let expected = HeldRun {
            at: Millis(later).to_string(),
            members: 200,
            entered: 0,
            exited: 200,
        };
        assert_eq!(report.cohorts[0].held.as_ref(), Some(&expected));
        assert_eq!(
            status(&world.store.snapshot().unwrap(), &cohort.id)
                .unwrap()
                .held,
            Some(expected.clone())
        );
        // The run stays held without further evaluations of all users, whatever events come in.
        world.bought(&[("new", later)]);
        let quiet = guarded(&world, &module, &cohort, later + 1, chunk_users);
        assert_eq!(
            (quiet.candidates, quiet.cohorts[0].held.as_ref()),
            (1, Some(&expected))
        );
        let idle = guarded(&world, &module, &cohort, later + 2, chunk_users);
        assert_eq!(idle.candidates, 0);
        assert_eq!(reasons(&world, &cohort), [Reason::Scheduled, Reason::First]);

        let approve = RunOptions {
            all_users: true,
            reason: Some(Reason::Approved),
            ..RunOptions::at(Millis(later + 3))
        };
        let report = run_module(
            &world.store,
            &module,
            std::slice::from_ref(&cohort),
            &approve,
        )
        .unwrap();
        let cohort_report = &report.cohorts[0];
        assert_eq!(
            (
                cohort_report.entered,
                cohort_report.exited,
                cohort_report.held.clone()
            ),
            (1, 200, None)
        );
        assert_eq!(world.consumed("out"), set(&["new"]));
        assert_eq!(
            status(&world.store.snapshot().unwrap(), &cohort.id)
                .unwrap()
                .held,
            None
        );
        assert_eq!(reasons(&world, &cohort)[0], Reason::Approved);
        assert_eq!(
            guarded(&world, &module, &cohort, later + 4, chunk_users).candidates,
            0
        );
    }
}

#[test]
fn a_rejected_run_is_computed_again() {
    let (world, users) = world(200);
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    guarded(&world, &module, &cohort, NOW, CHUNK_USERS);
    let later = NOW + 8 * DAY;
    assert!(
        guarded(&world, &module, &cohort, later, CHUNK_USERS).cohorts[0]
            .held
            .is_some()
    );
    assert!(
        reject(&world.store, &cohort.id, Millis(later + 1))
            .unwrap()
            .is_some()
    );
    assert_eq!(
        reject(&world.store, &cohort.id, Millis(later + 1)).unwrap(),
        None
    );
    assert_eq!(world.members(&cohort).len(), 200);
    // The missing events have come in meanwhile.
    let rows: Vec<_> = users[..150]
        .iter()
        .map(|user| (user.as_str(), later))
        .collect();
    world.bought(&rows);
    let report = guarded(&world, &module, &cohort, later + 2, CHUNK_USERS);
    assert_eq!(
        (
            report.candidates,
            report.cohorts[0].exited,
            report.cohorts[0].held.clone()
        ),
        (1_000, 50, None)
    );
    assert_eq!(
        reasons(&world, &cohort),
        [
            Reason::Full,
            Reason::Rejected,
            Reason::Scheduled,
            Reason::First
        ]
    );
}

#[test]
fn a_changed_definition_drops_the_held_run_and_is_guarded_itself() {
    let (world, _) = world(200);
    let lately = world.module(LATELY);
    guarded(&world, &lately, &cohort(1, &["out"]), NOW, CHUNK_USERS);
    let all_users = world.module("{did: Purchase, in_last: 30 days}");
    let report = guarded(
        &world,
        &all_users,
        &cohort(2, &["out"]),
        NOW + 1,
        CHUNK_USERS,
    );
    assert_eq!(
        report.cohorts[0].held.as_ref().map(|held| held.entered),
        Some(800)
    );
    let back = guarded(&world, &lately, &cohort(1, &["out"]), NOW + 2, CHUNK_USERS);
    assert_eq!(
        (
            back.cohorts[0].reason,
            back.cohorts[0].held.clone(),
            back.cohorts[0].members
        ),
        (Reason::DefinitionChanged, None, 200)
    );
}

#[test]
fn a_held_run_that_was_cut_off_stays_held() {
    let (world, _) = world(200);
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    guarded(&world, &module, &cohort, NOW, 64);
    let stop = AtomicBool::new(false);
    let (count, total) = (std::sync::atomic::AtomicU64::new(0), 200);
    // The users who are evaluated ahead count too: the stop falls between the first commits.
    let progress = |evaluated: u64, _| {
        count.fetch_add(1, Ordering::Relaxed);
        if evaluated == 128 && count.load(Ordering::Relaxed) > total / 64 + 2 {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let options = RunOptions {
        guard: Some(GUARD),
        chunk_users: 64,
        progress: &progress,
        stop: Some(&stop),
        ..RunOptions::at(Millis(NOW + 8 * DAY))
    };
    let cut = run_module(
        &world.store,
        &module,
        std::slice::from_ref(&cohort),
        &options,
    );
    assert!(matches!(cut, Err(EngineError::Stopped)), "{cut:?}");
    let report = guarded(&world, &module, &cohort, NOW + 9 * DAY, 64);
    assert!(report.cohorts[0].held.is_some());
    assert_eq!(world.members(&cohort).len(), 200);
    assert_eq!(reasons(&world, &cohort), [Reason::Scheduled, Reason::First]);
}

#[test]
fn a_cohort_can_run_alone_and_be_sent_in_full_again() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    world.bought(&[("ann", NOW), ("bob", NOW - 10 * DAY)]);
    let named = |id: &str| Cohort {
        id: CohortId::new(id).unwrap(),
        ..cohort(1, &["out"])
    };
    let both = [named("one"), named("two")];
    let group =
        |now| run_module(&world.store, &module, &both, &RunOptions::at(Millis(now))).unwrap();
    group(NOW);
    world.bought(&[("bob", NOW + 1)]);
    let alone = |resend| {
        let options = RunOptions {
            resend,
            alone: true,
            reason: Some(Reason::Requested),
            ..RunOptions::at(Millis(NOW + 2))
        };
        run_module(&world.store, &module, &both[..1], &options)
            .unwrap()
            .cohorts
            .remove(0)
    };
    let report = alone(false);
    assert_eq!(
        (report.reason, report.entered, report.messages),
        (Reason::Requested, 1, 1)
    );
    let report = alone(true);
    assert_eq!(
        (report.reason, report.entered, report.messages),
        (Reason::Requested, 0, 1)
    );
    let last = world.outbox("out").pop().unwrap();
    assert_eq!(
        last["users"].as_array().unwrap().len(),
        2,
        "the whole cohort"
    );
    // The group still has the changed users.
    let report = group(NOW + 3);
    let entered: Vec<_> = report.cohorts.iter().map(|cohort| cohort.entered).collect();
    assert_eq!((report.candidates, entered), (1, vec![0, 1]));
}

#[test]
fn in_real_time_the_runs_of_a_minute_share_a_record_and_idle_ones_have_none() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    let live = cohort(1, &["out"]);
    world.bought(&[("ann", NOW)]);
    let run = |user: &str, now: i64| {
        if !user.is_empty() {
            world.bought(&[(user, now)]);
        }
        run_module(
            &world.store,
            &module,
            std::slice::from_ref(&live),
            &RunOptions::at(Millis(now)),
        )
        .unwrap()
    };
    run("", NOW);
    run("bob", NOW + 1_000);
    run("bob", NOW + 2_000);
    run("cid", NOW + 3_000);
    run("dan", NOW + 61_000);
    let snapshot = world.store.snapshot().unwrap();
    let runs = records(&snapshot, &live.id, 10).unwrap();
    let found: Vec<_> = runs
        .iter()
        .map(|run| (run.reason, run.runs, run.entered, run.candidates))
        .collect();
    assert_eq!(
        found,
        [
            (Reason::Scheduled, 1, 1, 1),
            (Reason::Scheduled, 2, 2, 2),
            (Reason::First, 1, 1, 1)
        ]
    );
}

#[test]
fn a_daily_run_without_changes_has_a_record_too() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    let daily = Cohort {
        cadence: Cadence::default(),
        ..cohort(1, &["out"])
    };
    for now in [NOW, NOW + DAY, NOW + 2 * DAY] {
        run_module(
            &world.store,
            &module,
            std::slice::from_ref(&daily),
            &RunOptions::at(Millis(now)),
        )
        .unwrap();
    }
    assert_eq!(
        reasons(&world, &daily),
        [Reason::Scheduled, Reason::Scheduled, Reason::First]
    );
    let snapshot = world.store.snapshot().unwrap();
    let ran = status(&snapshot, &daily.id).unwrap().ran;
    assert_eq!(ran, Some(Millis(NOW + 2 * DAY)));
    let last = records(&snapshot, &daily.id, 1).unwrap().remove(0);
    assert_eq!(
        (last.cadence.as_str(), last.candidates),
        ("daily at 00:00", 0)
    );
}

mod copies;
mod failing;
mod forget;
mod guard;
mod large;
mod random;
mod reconcile;
mod removal;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use muster_model::{Cadence, CohortId, EventBuffer, Millis, Operator, Scalar, Value};
use muster_sandbox::{Module, Origin, Sandbox, SandboxOptions};
use muster_store::UserKey;
use muster_testkit::definition::clause;
use muster_testkit::store::{TestStore, events};
use roaring::RoaringBitmap;
use serde_json::Value as Json;

use super::*;
use crate::cohort::CohortSync;
use crate::guard::Guard;
use crate::lists::StaticLists;
use crate::modules::{forget_other_modules, records};
use crate::report::Preview;
use crate::report::{Reason, SkippedUsers};
use crate::run_options::CHUNK_USERS;

const DAY: i64 = 86_400_000;
/// An instant on a day in 2026.
const NOW: i64 = 20_600 * DAY;

struct EngineWorld {
    store: TestStore,
    sandbox: std::sync::Arc<Sandbox>,
}

impl EngineWorld {
    fn new() -> Self {
        Self {
            store: TestStore::new(),
            sandbox: Sandbox::new(SandboxOptions::default()).unwrap().into(),
        }
    }

    fn bought(&self, rows: &[(&str, i64)]) {
        let rows = rows.iter().map(|(user, time)| (*user, "Purchase", *time));
        self.store.append(&events(rows), None).unwrap();
    }

    /// Loads a module of one cohort with this clause.
    fn module(&self, text: &str) -> Module {
        compiled(&self.sandbox, &["buyers"], text)
    }

    /// Runs a module, and checks that the run does what its preview reports.
    fn run(&self, module: &Module, cohort: &Cohort, now: i64) -> RunReport {
        let (cohorts, options) = (std::slice::from_ref(cohort), RunOptions::at(Millis(now)));
        let previewed = self.preview(module, cohorts, &options, usize::MAX);
        let before = self.members(cohort);
        let report = run_module(&self.store, module, cohorts, &options).unwrap();
        let after = self.members(cohort);
        assert_eq!(
            (
                previewed.candidates,
                previewed.evaluated,
                &previewed.skipped
            ),
            (report.candidates, report.evaluated, &report.skipped)
        );
        let (previewed, done) = (&previewed.cohorts[0], &report.cohorts[0]);
        assert_eq!(
            (
                previewed.reason,
                previewed.entered,
                previewed.exited,
                previewed.afterwards
            ),
            (done.reason, done.entered, done.exited, done.members)
        );
        let ids = |users: RoaringBitmap| -> BTreeSet<String> {
            let snapshot = self.store.snapshot().unwrap();
            let id = |user| snapshot.user_id(UserKey(user)).unwrap().unwrap();
            users.into_iter().map(id).collect()
        };
        let sampled = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(previewed.members, before.len());
        assert!(sampled(&previewed.sample_entered).is_superset(&ids(&after - &before)));
        assert!(sampled(&previewed.sample_exited).is_superset(&ids(&before - &after)));
        assert_eq!(previewed.sample_entered.len() as u64, previewed.entered);
        assert_eq!(previewed.sample_exited.len() as u64, previewed.exited);
        report
    }

    fn members(&self, cohort: &Cohort) -> RoaringBitmap {
        self.store.snapshot().unwrap().members(&cohort.id).unwrap()
    }

    /// Returns a preview, and checks that the store is unchanged after it.
    fn preview(
        &self,
        module: &Module,
        cohorts: &[Cohort],
        options: &RunOptions<'_>,
        sample: usize,
    ) -> Preview {
        let before = self.kept(module, cohorts);
        let preview = preview(
            &self.store.snapshot().unwrap(),
            module,
            cohorts,
            options,
            sample,
        );
        assert_eq!(before, self.kept(module, cohorts));
        preview.unwrap()
    }

    /// Returns all that a run would change in the store.
    fn kept(&self, module: &Module, cohorts: &[Cohort]) -> impl PartialEq + std::fmt::Debug {
        let snapshot = self.store.snapshot().unwrap();
        let key = state::module_key(module, cohorts);
        let of_cohort = |cohort: &Cohort| {
            (
                snapshot.cohort_state(&cohort.id).unwrap(),
                snapshot.members(&cohort.id).unwrap(),
                records(&snapshot, &cohort.id, usize::MAX).unwrap(),
            )
        };
        (
            snapshot.sequence(),
            snapshot.module_keys().unwrap(),
            snapshot.module_state(&key).unwrap(),
            snapshot.due(&key, Millis(i64::MAX)).unwrap(),
            cohorts.iter().map(of_cohort).collect::<Vec<_>>(),
            self.store.backlog().unwrap(),
        )
    }

    /// Returns every message in a destination's outbox.
    fn outbox(&self, destination: &str) -> Vec<Json> {
        let waiting = self
            .store
            .outbox(destination, 0, usize::MAX, usize::MAX)
            .unwrap();
        waiting
            .iter()
            .map(|message| serde_json::from_slice(&message.body).unwrap())
            .collect()
    }

    /// Returns the second of the run of every message in a destination's outbox.
    fn seconds(&self, destination: &str) -> Vec<i64> {
        let second = |message: &Json| message["computed_time"].as_str().unwrap().parse().unwrap();
        self.outbox(destination).iter().map(second).collect()
    }

    /// Returns the members as a consumer of the outbox sees them. Panics at a second entry of a
    /// user.
    fn consumed(&self, destination: &str) -> BTreeSet<String> {
        let mut members = BTreeSet::new();
        let mut ids = BTreeMap::new();
        let mut messages = self.outbox(destination);
        messages.sort_by_key(|message| message["computed_time"].as_str().unwrap().to_owned());
        for message in messages {
            assert!(
                ids.insert(message["message_id"].to_string(), ()).is_none(),
                "an id came twice"
            );
            for user in message["users"].as_array().unwrap() {
                let user = user["user_id"].as_str().unwrap().to_owned();
                let changed = if message["in_cohort"] == true {
                    members.insert(user)
                } else {
                    members.remove(&user)
                };
                assert!(changed, "an entry or exit that changes nothing");
            }
        }
        members
    }
}

/// Loads a module of these cohorts, all with the same clause.
fn compiled(sandbox: &Sandbox, ids: &[&str], text: &str) -> Module {
    let clause = clause(text);
    let cohorts: Vec<_> = ids
        .iter()
        .map(|id| (CohortId::new(id).unwrap(), &clause))
        .collect();
    let modules = muster_compiler::compile(&cohorts, &|list| list.to_string()).all();
    let module = modules.unwrap().remove(0);
    sandbox.load(&module.wasm, Origin::Compiled).unwrap()
}

fn cohort(definition: u8, destinations: &[&str]) -> Cohort {
    let sync = |destination: &&str| CohortSync {
        destination: (*destination).to_owned(),
        user_properties: vec!["city".to_owned()],
    };
    Cohort {
        id: CohortId::new("buyers").unwrap(),
        name: "Buyers".to_owned(),
        definition: [definition; 32],
        cadence: Cadence::RealTime,
        sync: destinations.iter().map(sync).collect(),
        exit_on_remove: true,
    }
}

fn set(users: &[&str]) -> BTreeSet<String> {
    users.iter().map(|user| (*user).to_owned()).collect()
}

const LATELY: &str = "{did: Purchase, in_last: 7 days}";

#[test]
fn the_first_run_evaluates_all_users_and_later_runs_the_changed_ones() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW - DAY), ("bob", NOW - 8 * DAY)]);
    let first = world.run(&module, &cohort, NOW);
    assert_eq!(
        (
            first.candidates,
            first.cohorts[0].entered,
            first.cohorts[0].reason
        ),
        (2, 1, Reason::First)
    );
    assert_eq!(world.consumed("out"), set(&["ann"]));

    let nothing = world.run(&module, &cohort, NOW + 1);
    assert_eq!(
        (
            nothing.candidates,
            nothing.cohorts[0].members,
            nothing.cohorts[0].messages
        ),
        (0, 1, 0)
    );

    world.bought(&[("bob", NOW)]);
    let report = world.run(&module, &cohort, NOW + 2);
    assert_eq!(
        (
            report.candidates,
            report.cohorts[0].entered,
            report.cohorts[0].reason
        ),
        (1, 1, Reason::Scheduled)
    );
    assert_eq!(world.consumed("out"), set(&["ann", "bob"]));
}

#[test]
fn a_membership_ends_at_the_instant_of_its_expiry() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW)]);
    world.run(&module, &cohort, NOW);
    assert_eq!(world.run(&module, &cohort, NOW + 7 * DAY - 1).candidates, 0);
    let due = world.run(&module, &cohort, NOW + 7 * DAY);
    assert_eq!(
        (
            due.candidates,
            due.cohorts[0].exited,
            due.cohorts[0].members
        ),
        (1, 1, 0)
    );
    assert_eq!(world.consumed("out"), set(&[]));
    assert_eq!(world.outbox("out")[1]["in_cohort"], false);
}

#[test]
fn later_events_are_invisible_until_their_time() {
    let world = EngineWorld::new();
    let module =
        world.module("{any: [{did: Purchase, times: {at_least: 2}}, {did_not: Purchase}]}");
    let cohort = cohort(1, &["out"]);
    // Ann is known and will buy twice. Nothing is known of Bob yet, so `did_not` must not make him
    // a member.
    let mut buffer = EventBuffer::default();
    buffer.operation(
        "ann",
        Millis(NOW - 1),
        None,
        Operator::Set,
        "city",
        Some(&Value::One(Scalar::Text("Rome".into()))),
    );
    world.store.append(&buffer, None).unwrap();
    world.bought(&[("ann", NOW + 10), ("ann", NOW + 20), ("bob", NOW + 30)]);
    world.run(&module, &cohort, NOW);
    assert_eq!(world.consumed("out"), set(&["ann"]));
    assert_eq!(
        world.outbox("out")[0]["users"][0]["user_properties"]["city"],
        "Rome"
    );
    for (now, members) in [
        (9, &["ann"][..]),
        (10, &[]),
        (19, &[]),
        (20, &["ann"]),
        (30, &["ann"]),
    ] {
        world.run(&module, &cohort, NOW + now);
        assert_eq!(world.consumed("out"), set(members), "at {now}");
    }
}

#[test]
fn a_user_is_evaluated_at_the_time_of_the_first_event() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW), ("bob", NOW + DAY), ("eve", NOW + 2 * DAY)]);
    world.run(&module, &cohort, NOW);
    assert_eq!(world.consumed("out"), set(&["ann"]));
    assert_eq!(world.run(&module, &cohort, NOW + DAY - 1).candidates, 0);
    world.run(&module, &cohort, NOW + DAY);
    assert_eq!(world.consumed("out"), set(&["ann", "bob"]));
    // The same holds after all users were evaluated again, at an earlier clock.
    world.run(&module, &cohort, NOW);
    assert_eq!(world.consumed("out"), set(&["ann"]));
    world.run(&module, &cohort, NOW + 2 * DAY);
    assert_eq!(world.consumed("out"), set(&["ann", "bob", "eve"]));
}

#[test]
fn an_earlier_clock_evaluates_all_users_again() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    world.bought(&[("ann", NOW)]);
    world.run(&module, &cohort, NOW + 30 * DAY);
    assert_eq!(world.consumed("out"), set(&[]));
    let back = world.run(&module, &cohort, NOW + DAY);
    assert_eq!(back.cohorts[0].reason, Reason::Full);
    assert_eq!(world.consumed("out"), set(&["ann"]));
}

#[test]
fn seconds_of_runs_that_send_strictly_increase() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    for user in ["ann", "bob", "eve"] {
        world.bought(&[(user, NOW)]);
        world.run(&module, &cohort, NOW);
    }
    assert_eq!(
        world.seconds("out"),
        [NOW / 1000, NOW / 1000 + 1, NOW / 1000 + 2]
    );
}

#[test]
fn a_changed_definition_sends_only_the_difference() {
    let world = EngineWorld::new();
    let before = world.module(LATELY);
    world.bought(&[("ann", NOW - DAY), ("bob", NOW - 8 * DAY)]);
    world.run(&before, &cohort(1, &["out"]), NOW);
    let after = world.module("{did: Purchase, in_last: 30 days}");
    forget_other_modules(&world.store, &[(&after, &[cohort(2, &["a"])])]).unwrap();
    let report = world.run(&after, &cohort(2, &["out"]), NOW + 1);
    assert_eq!(
        (report.cohorts[0].reason, report.cohorts[0].entered),
        (Reason::DefinitionChanged, 1)
    );
    assert_eq!(world.consumed("out"), set(&["ann", "bob"]));
    let runs = records(
        &world.store.snapshot().unwrap(),
        &CohortId::new("buyers").unwrap(),
        10,
    )
    .unwrap();
    assert_eq!(
        runs.iter().map(|run| run.reason).collect::<Vec<_>>(),
        [Reason::DefinitionChanged, Reason::First]
    );
}

#[test]
fn a_destination_that_joins_later_receives_a_full_sync() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    world.bought(&[("ann", NOW), ("bob", NOW)]);
    world.run(&module, &cohort(1, &["out"]), NOW);
    let joined = world.run(&module, &cohort(1, &["out", "new"]), NOW + 1);
    assert_eq!(
        (joined.cohorts[0].entered, joined.cohorts[0].messages),
        (0, 1)
    );
    assert_eq!(world.consumed("new"), set(&["ann", "bob"]));
    assert_eq!(
        world.outbox("out").len(),
        1,
        "a destination with the whole cohort receives nothing"
    );
    world.bought(&[("eve", NOW)]);
    world.run(&module, &cohort(1, &["out", "new"]), NOW + 2);
    assert_eq!(world.consumed("new"), world.consumed("out"));
}

#[test]
fn a_preview_names_the_first_changes_and_the_destinations_of_full_syncs() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    world.bought(&[
        ("zoe", NOW),
        ("ann", NOW),
        ("old", NOW - 8 * DAY),
        ("bob", NOW),
    ]);
    let preview = |destinations: &[&str], now| {
        let options = RunOptions {
            // The sample covers all chunks.
            chunk_users: 1,
            ..RunOptions::at(Millis(now))
        };
        let cohorts = [cohort(1, destinations)];
        let preview = world.preview(&module, &cohorts, &options, 2);
        assert_eq!((preview.now, preview.finishes), (Millis(now), None));
        (
            preview.candidates,
            preview.cohorts.into_iter().next().unwrap(),
        )
    };
    let (candidates, first) = preview(&["out"], NOW);
    assert_eq!((candidates, first.reason), (4, Reason::First));
    assert_eq!((first.members, first.afterwards, first.entered), (0, 3, 3));
    assert_eq!(first.sample_entered, ["zoe", "ann"]);
    assert_eq!(first.full_sync_to, ["out"]);
    world.run(&module, &cohort(1, &["out"]), NOW);

    let (candidates, nothing) = preview(&["out"], NOW + 1);
    assert_eq!((candidates, nothing.reason), (0, Reason::Scheduled));
    assert_eq!((nothing.members, nothing.afterwards), (3, 3));

    let (_, later) = preview(&["out", "new"], NOW + 7 * DAY);
    assert_eq!((later.reason, later.afterwards), (Reason::Full, 0));
    assert_eq!((later.entered, later.exited), (0, 3));
    assert_eq!(later.sample_exited, ["zoe", "ann"]);
    assert_eq!(later.full_sync_to, ["new"]);
}

#[test]
fn a_preview_counts_users_who_cannot_be_evaluated() {
    let world = EngineWorld::new();
    let module = world
        .sandbox
        .load(&super::guest::rule(), Origin::HandWritten)
        .unwrap();
    // Ann's event is not called `Trial`.
    world.bought(&[("ann", NOW)]);
    let mut lists = StaticLists::default();
    lists.insert("staff", vec!["ann".to_owned()]);
    let options = RunOptions {
        lists: &lists,
        ..RunOptions::at(Millis(NOW))
    };
    let preview = world.preview(&module, &[cohort(1, &["out"])], &options, 5);
    let skipped = SkippedUsers::failed("the module returned an error: Trial is not the name", 1);
    assert_eq!((preview.evaluated, preview.skipped), (0, vec![skipped]));
    assert_eq!(preview.cohorts[0].afterwards, 0);
}

/// The preview covers a run that was cut off and the run that follows it. Ann's answer is of the
/// first run, and expires before the second.
#[test]
fn a_preview_first_finishes_a_run_that_was_cut_off() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    let users: Vec<String> = (0..600).map(|number| format!("user-{number}")).collect();
    let rows: Vec<_> = users.iter().map(|user| (user.as_str(), NOW)).collect();
    world.bought(&rows);
    world.bought(&[("ann", NOW - 7 * DAY + 10)]);
    let progress = |evaluated: u64, _| assert!(evaluated < 600, "cut off");
    let options = RunOptions {
        chunk_users: 300,
        progress: &progress,
        ..RunOptions::at(Millis(NOW))
    };
    let first = || {
        run_module(
            &world.store,
            &module,
            std::slice::from_ref(&cohort),
            &options,
        )
    };
    assert!(catch_unwind(AssertUnwindSafe(first)).is_err());
    let later = RunOptions::at(Millis(NOW + 20));
    let previewed = world.preview(&module, std::slice::from_ref(&cohort), &later, 1);
    assert_eq!(previewed.finishes, Some(Millis(NOW)));
    assert_eq!((previewed.candidates, previewed.evaluated), (302, 302));
    let counts = &previewed.cohorts[0];
    assert_eq!((counts.members, counts.afterwards), (300, 600));
    assert_eq!((counts.entered, counts.exited), (301, 1));
    assert_eq!(counts.sample_exited, ["ann"]);
    world.run(&module, &cohort, NOW + 20);
}

/// Two definitions may name one hand-written rule. All users are evaluated for the second
/// definition although the rule is known.
#[test]
fn a_cohort_that_joins_a_known_rule_evaluates_all_users() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    let named = |id: &str, definition| Cohort {
        id: CohortId::new(id).unwrap(),
        ..cohort(definition, &[])
    };
    world.bought(&[("ann", NOW), ("bob", NOW)]);
    let run = |cohorts: &[Cohort], now| {
        let report =
            run_module(&world.store, &module, cohorts, &RunOptions::at(Millis(now))).unwrap();
        let cohorts = report.cohorts.iter();
        let cohorts: Vec<_> = cohorts
            .map(|cohort| (cohort.members, cohort.reason))
            .collect();
        (report.candidates, cohorts)
    };
    let (one, two) = (named("one", 1), named("two", 1));
    assert_eq!(
        run(std::slice::from_ref(&one), NOW),
        (2, vec![(2, Reason::First)])
    );
    let both = [one, two];
    assert_eq!(
        run(&both, NOW + 1),
        (2, vec![(2, Reason::Full), (2, Reason::First)])
    );
    assert_eq!(run(&both, NOW + 2).0, 0);
    // The second cohort followed another definition until now.
    let [one, _] = both;
    let changed = [one, named("two", 2)];
    assert_eq!(
        run(&changed, NOW + 3),
        (2, vec![(2, Reason::Full), (2, Reason::DefinitionChanged)])
    );
    assert_eq!(run(&changed, NOW + 4).0, 0);
}

#[test]
fn a_cohort_that_joins_a_run_that_was_cut_off_is_evaluated_in_full() {
    let world = EngineWorld::new();
    let module = world.module(LATELY);
    let named = |id: &str| Cohort {
        id: CohortId::new(id).unwrap(),
        ..cohort(1, &["out"])
    };
    let users: Vec<String> = (0..600).map(|number| format!("user-{number}")).collect();
    let rows: Vec<_> = users.iter().map(|user| (user.as_str(), NOW)).collect();
    world.bought(&rows);
    let progress = |evaluated: u64, _| assert!(evaluated < 600, "cut off");
    let options = RunOptions {
        chunk_users: 300,
        progress: &progress,
        ..RunOptions::at(Millis(NOW))
    };
    let first = || run_module(&world.store, &module, &[named("one")], &options);
    assert!(catch_unwind(AssertUnwindSafe(first)).is_err());
    assert!(!world.outbox("out").is_empty(), "a chunk was committed");
    let both = [named("one"), named("two")];
    let report = run_module(
        &world.store,
        &module,
        &both,
        &RunOptions::at(Millis(NOW + 1)),
    )
    .unwrap();
    let found: Vec<_> = report
        .cohorts
        .iter()
        .map(|cohort| (cohort.members, cohort.reason))
        .collect();
    assert_eq!(found, [(600, Reason::Full), (600, Reason::First)]);
    let sent = |id: &str| {
        let messages = world.outbox("out");
        let of_cohort = messages.iter().filter(|message| message["cohort_id"] == id);
        of_cohort
            .map(|message| message["users"].as_array().unwrap().len())
            .sum::<usize>()
    };
    // The first 300 of `one` were sent before the run was cut off.
    assert_eq!((sent("one"), sent("two")), (600, 600));
}

#[test]
fn lists_calendars_instants_and_event_names_reach_a_rule() {
    let world = EngineWorld::new();
    let module = world
        .sandbox
        .load(&super::guest::rule(), Origin::HandWritten)
        .unwrap();
    let cohort = cohort(1, &["out"]);
    let mut lists = StaticLists::default();
    lists.insert("staff", ["ann", "eve", "ghost"].map(str::to_owned).into());
    let run = |lists: &StaticLists, now| {
        let options = RunOptions {
            lists,
            ..RunOptions::at(Millis(now))
        };
        super::run_module(
            &world.store,
            &module,
            std::slice::from_ref(&cohort),
            &options,
        )
    };
    let trial = |user: &str, due: Option<&str>| {
        let mut buffer = EventBuffer::default();
        match due {
            Some(due) => {
                buffer.event(user, "Trial", Millis(NOW), None);
                buffer.property("due", (&Scalar::Text(due.into())).into());
            }
            None => buffer.operation(user, Millis(NOW), None, Operator::Unset, "city", None),
        }
        world.store.append(&buffer, None).unwrap();
    };
    trial("ann", Some(&Millis(NOW + 2 * DAY).to_string()));
    trial("bob", None);
    let missing = run(StaticLists::NONE, NOW).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the rule reads the list `staff`, which this project does not have"
    );
    let report = run(&lists, NOW + 1).unwrap();
    assert_eq!((report.evaluated, report.skipped), (2, vec![]));
    assert_eq!(world.consumed("out"), set(&["ann"]));
    // A user on the list who becomes known later is a changed user.
    trial("eve", Some("2027-01-01"));
    assert_eq!(run(&lists, NOW + 2).unwrap().candidates, 1);
    assert_eq!(world.consumed("out"), set(&["ann", "eve"]));
    // Bob's day ends, then Ann's trial.
    assert_eq!(run(&lists, NOW + DAY - 1).unwrap().candidates, 0);
    assert_eq!(run(&lists, NOW + DAY).unwrap().candidates, 1);
    assert_eq!(run(&lists, NOW + 2 * DAY - 1).unwrap().candidates, 0);
    assert_eq!(run(&lists, NOW + 2 * DAY).unwrap().candidates, 2);
}

/// A run that is killed between its commits goes on where it was: the same run, no message twice,
/// none missing.
#[test]
fn a_run_that_was_cut_off_goes_on_as_the_same_run() {
    let world = EngineWorld::new();
    let (module, cohort) = (world.module(LATELY), cohort(1, &["out"]));
    let users: Vec<String> = (0..2000).map(|number| format!("user-{number}")).collect();
    world.bought(
        &users
            .iter()
            .map(|user| (user.as_str(), NOW))
            .collect::<Vec<_>>(),
    );
    let mut died = 0;
    for stop_at in [600, 900, 1200, 1500] {
        let progress =
            |evaluated: u64, total: u64| assert!(evaluated + (2000 - total) <= stop_at, "cut off");
        let options = RunOptions {
            chunk_users: 300,
            progress: &progress,
            ..RunOptions::at(Millis(NOW))
        };
        let run = || {
            run_module(
                &world.store,
                &module,
                std::slice::from_ref(&cohort),
                &options,
            )
        };
        died += usize::from(catch_unwind(AssertUnwindSafe(run)).is_err());
    }
    assert_eq!(died, 4);
    assert!(!world.outbox("out").is_empty(), "chunks were committed");
    // Meanwhile Eve bought something, which belongs to the next run.
    world.bought(&[("eve", NOW + 1)]);
    let report = world.run(&module, &cohort, NOW + 1);
    assert_eq!(report.cohorts[0].members, 2001);
    let wanted: BTreeSet<String> = users.into_iter().chain(["eve".to_owned()]).collect();
    assert_eq!(world.consumed("out"), wanted);
    let runs: BTreeSet<String> = world
        .outbox("out")
        .iter()
        .map(|message| {
            message["message_id"]
                .as_str()
                .unwrap()
                .split(':')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(runs.len(), 2);
}

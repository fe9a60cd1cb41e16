//! Failures: users that a rule fails for.

use super::*;
use crate::failures::RETRY_FIRST;

const MINUTE: i64 = RETRY_FIRST;

/// A world with a rule that fails for users whose first event is not called `Trial`. All other
/// users are members.
struct FailingWorld {
    world: EngineWorld,
    module: Module,
    lists: StaticLists,
    cohort: Cohort,
}

impl FailingWorld {
    fn new(users: usize) -> Self {
        let world = EngineWorld::new();
        let module = super::super::guest::rule();
        let module = world.sandbox.load(&module, Origin::HandWritten).unwrap();
        let mut lists = StaticLists::default();
        lists.insert("staff", (0..users).map(id).collect());
        Self {
            world,
            module,
            lists,
            cohort: cohort(1, &["out"]),
        }
    }

    fn events(&self, name: &str, users: impl Iterator<Item = usize>, at: i64) {
        let mut buffer = EventBuffer::default();
        for user in users {
            buffer.event(&id(user), name, Millis(at), None);
            let due = Scalar::Text("2030-01-01".into());
            buffer.property("due", (&due).into());
        }
        self.world.store.append(&buffer, None).unwrap();
    }

    /// Runs the rule, and checks that the run does what its preview reports.
    fn run(&self, now: i64) -> RunReport {
        let options = RunOptions {
            lists: &self.lists,
            ..RunOptions::at(Millis(now))
        };
        let cohorts = std::slice::from_ref(&self.cohort);
        let previewed = self.world.preview(&self.module, cohorts, &options, 1);
        let report = run_module(&self.world.store, &self.module, cohorts, &options).unwrap();
        assert_eq!(
            (
                previewed.candidates,
                previewed.evaluated,
                &previewed.skipped
            ),
            (report.candidates, report.evaluated, &report.skipped)
        );
        assert_eq!(previewed.cohorts[0].afterwards, report.cohorts[0].members);
        report
    }

    /// Returns the candidates, the users who were evaluated, who failed in the run and who wait,
    /// and the members.
    fn counts(&self, now: i64) -> [u64; 5] {
        let report = self.run(now);
        let skipped = |waiting| {
            let skipped = report.skipped.iter();
            let skipped = skipped.filter(|skipped| skipped.waiting == waiting);
            skipped
                .map(|skipped| {
                    assert_eq!(
                        skipped.reason,
                        "the module returned an error: Trial is not the name"
                    );
                    skipped.users
                })
                .sum()
        };
        let members = report.cohorts[0].members;
        let (failed, waiting) = (skipped(false), skipped(true));
        [
            report.candidates,
            report.evaluated,
            failed,
            waiting,
            members,
        ]
    }

    /// Returns the instant in ms at which the next user is due.
    fn next_due(&self) -> i64 {
        let snapshot = self.world.store.snapshot().unwrap();
        let cohorts = std::slice::from_ref(&self.cohort);
        let next = crate::next_due(&snapshot, &self.module, cohorts).unwrap();
        // The trials end in 2030.
        next.unwrap().0
    }

    fn reopen(self) -> Self {
        let EngineWorld { store, sandbox } = self.world;
        let store = store.reopened(&muster_store::StoreOptions::default());
        let world = EngineWorld { store, sandbox };
        Self { world, ..self }
    }
}

fn id(number: usize) -> String {
    format!("user-{number}")
}

#[test]
fn users_who_fail_cost_the_others_no_answer_and_back_off() {
    let failing = FailingWorld::new(2_000);
    let fails = |user: &usize| user % 10 == 3;
    failing.events("Trial", (0..2_000).filter(|user| !fails(user)), NOW);
    failing.events("Purchase", (0..2_000).filter(fails), NOW);
    assert_eq!(failing.counts(NOW), [2_000, 1_800, 200, 0, 1_800]);
    // Of fifty users with another event five have failed, and they wait.
    failing.events("Trial", 0..50, NOW + 1);
    assert_eq!(failing.counts(NOW + 1_000), [45, 45, 0, 200, 1_800]);
    for minutes in [1, 3, 7, 15] {
        let now = NOW + minutes * MINUTE;
        assert_eq!(failing.counts(now - 1), [0, 0, 0, 0, 1_800]);
        assert_eq!(failing.counts(now), [200, 0, 200, 0, 1_800]);
    }
    assert_eq!(failing.next_due(), NOW + 31 * MINUTE);
}

#[test]
fn users_who_fail_side_by_side_cost_the_others_no_answer() {
    let failing = FailingWorld::new(2_000);
    failing.events("Purchase", 0..200, NOW);
    failing.events("Trial", 200..2_000, NOW);
    assert_eq!(failing.counts(NOW), [2_000, 1_800, 200, 0, 1_800]);
}

#[test]
fn failures_survive_a_restart() {
    let failing = FailingWorld::new(10);
    failing.events("Trial", 0..8, NOW);
    failing.events("Purchase", 8..10, NOW);
    assert_eq!(failing.counts(NOW), [10, 8, 2, 0, 8]);
    assert_eq!(failing.counts(NOW + MINUTE), [2, 0, 2, 0, 8]);
    let failing = failing.reopen();
    failing.events("Trial", 0..10, NOW + 1);
    assert_eq!(failing.counts(NOW + 2 * MINUTE), [8, 8, 0, 2, 8]);
    assert_eq!(failing.next_due(), NOW + 3 * MINUTE);
}

#[test]
fn another_definition_starts_without_failures() {
    let mut failing = FailingWorld::new(10);
    failing.events("Trial", 0..8, NOW);
    failing.events("Purchase", 8..10, NOW);
    for minutes in [0, 1, 3] {
        failing.run(NOW + minutes * MINUTE);
    }
    assert_eq!(failing.next_due(), NOW + 7 * MINUTE);
    failing.cohort = cohort(2, &["out"]);
    let now = NOW + 4 * MINUTE;
    assert_eq!(failing.counts(now), [10, 8, 2, 0, 8]);
    assert_eq!(
        failing.next_due(),
        now + MINUTE,
        "the first of all attempts"
    );
}

#[test]
fn a_run_of_all_users_evaluates_users_who_wait() {
    let failing = FailingWorld::new(10);
    failing.events("Trial", 0..8, NOW);
    failing.events("Purchase", 8..10, NOW);
    failing.run(NOW);
    let options = RunOptions {
        lists: &failing.lists,
        resend: true,
        ..RunOptions::at(Millis(NOW + 1))
    };
    let cohorts = std::slice::from_ref(&failing.cohort);
    let report = run_module(&failing.world.store, &failing.module, cohorts, &options).unwrap();
    assert_eq!((report.candidates, report.evaluated), (10, 8));
    assert_eq!(failing.next_due(), NOW + 1 + 2 * MINUTE);
}

#[test]
fn a_user_with_an_answer_again_is_evaluated_like_any_other() {
    let failing = FailingWorld::new(10);
    failing.events("Trial", 0..8, NOW);
    failing.events("Purchase", 8..10, NOW);
    failing.run(NOW);
    // The rule reads the first event.
    failing.events("Trial", 8..9, NOW - 1);
    assert_eq!(failing.counts(NOW + 1), [0, 0, 0, 2, 8]);
    assert_eq!(failing.counts(NOW + MINUTE), [2, 1, 1, 0, 9]);
    failing.events("Trial", 8..10, NOW + 1);
    assert_eq!(failing.counts(NOW + MINUTE + 1), [1, 1, 0, 1, 9]);
}

/// The commit of a chunk has the failures of the chunk.
#[test]
fn failures_of_a_run_that_was_cut_off_are_known_when_it_goes_on() {
    let failing = FailingWorld::new(1_000);
    failing.events("Trial", (0..1_000).filter(|user| user % 100 != 0), NOW);
    failing.events("Purchase", (0..1_000).filter(|user| user % 100 == 0), NOW);
    let progress = |evaluated: u64, _| assert!(evaluated < 900, "cut off");
    let options = RunOptions {
        lists: &failing.lists,
        chunk_users: 500,
        progress: &progress,
        ..RunOptions::at(Millis(NOW))
    };
    let cohorts = std::slice::from_ref(&failing.cohort);
    let first = || run_module(&failing.world.store, &failing.module, cohorts, &options);
    assert!(catch_unwind(AssertUnwindSafe(first)).is_err());
    // The user keys follow the order of the events: the last ten are the failing users.
    let [candidates, evaluated, failed, waiting, members] = failing.counts(NOW);
    assert_eq!((candidates, evaluated, members), (500, 490, 990));
    assert_eq!((failed, waiting), (10, 0));
    assert_eq!(failing.next_due(), NOW + MINUTE);
}

/// In real time a run that did nothing leaves no record, even while some users wait.
#[test]
fn users_who_wait_make_no_record() {
    let failing = FailingWorld::new(10);
    failing.events("Trial", 0..8, NOW);
    failing.events("Purchase", 8..10, NOW);
    let records = || {
        let snapshot = failing.world.store.snapshot().unwrap();
        records(&snapshot, &failing.cohort.id, 10).unwrap()
    };
    failing.run(NOW);
    failing.events("Trial", 0..10, NOW + 1);
    failing.run(NOW + 1);
    assert_eq!(records().len(), 1);
    failing.run(NOW + MINUTE);
    assert_eq!(records()[0].skipped[0].users, 2);
    assert_eq!(records().len(), 2);
}

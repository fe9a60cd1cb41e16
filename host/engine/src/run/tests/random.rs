//! A test of two cohorts of one module with random steps: runs that are cut off, changed or held,
//! and messages beside runs. In the end each destination's copy must equal the members.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;

use super::copies::held;
use super::*;
use crate::{activate, forget, forget_module, forget_other_modules, reconcile, reject, remove};

const USERS: usize = 6;
const DESTINATIONS: [&str; 2] = ["out", "other"];
/// Windows in days, each with a module of its own. The first two share a definition's digest, as
/// versions of a static list do.
const WINDOWS: [i64; 4] = [7, 2, 30, 4];

#[derive(Clone, Debug)]
enum RandomStep {
    Buy { user: usize, days_ago: i64 },
    Wait { hours: i64 },
    Run(RandomOptions),
    Module(usize),
    Sync { destinations: u8 },
    Activate,
    CleanUp,
    Forget { user: usize },
    Remove { cohort: usize },
    Reject { cohort: usize },
    Reconcile { cohort: usize, with: bool },
}

#[derive(Clone, Debug)]
struct RandomOptions {
    chunk_users: usize,
    commit_bytes: u64,
    /// The number of chunks after which the run is stopped.
    stop: Option<u32>,
    alone: bool,
    resend: bool,
    all_users: bool,
    guard: bool,
}

fn options() -> impl Strategy<Value = RandomOptions> {
    (
        1..5_usize,
        1..300_u64,
        prop::option::of(1..4_u32),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        any::<bool>(),
    )
        .prop_map(
            |(chunk_users, commit_bytes, stop, alone, resend, all_users, guard)| RandomOptions {
                chunk_users,
                commit_bytes,
                stop,
                alone,
                resend,
                all_users,
                guard,
            },
        )
}

fn step() -> impl Strategy<Value = RandomStep> {
    prop_oneof![
        4 => (0..USERS, 0..9_i64).prop_map(|(user, days_ago)| RandomStep::Buy { user, days_ago }),
        3 => (1..100_i64).prop_map(|hours| RandomStep::Wait { hours }),
        8 => options().prop_map(RandomStep::Run),
        2 => (0..WINDOWS.len()).prop_map(RandomStep::Module),
        2 => (0..4_u8).prop_map(|destinations| RandomStep::Sync { destinations }),
        1 => Just(RandomStep::Activate),
        1 => Just(RandomStep::CleanUp),
        1 => (0..USERS).prop_map(|user| RandomStep::Forget { user }),
        1 => (0..2_usize).prop_map(|cohort| RandomStep::Remove { cohort }),
        1 => (0..2_usize).prop_map(|cohort| RandomStep::Reject { cohort }),
        1 => (0..2_usize, any::<bool>()).prop_map(|(cohort, with)| RandomStep::Reconcile { cohort, with }),
    ]
}

struct RandomRuns {
    world: EngineWorld,
    now: i64,
    module: usize,
    destinations: u8,
    /// The instants at which each user bought something.
    bought: Vec<Vec<i64>>,
}

fn sandbox() -> &'static Arc<Sandbox> {
    static SANDBOX: OnceLock<Arc<Sandbox>> = OnceLock::new();
    SANDBOX.get_or_init(|| Sandbox::new(SandboxOptions::default()).unwrap().into())
}

fn modules() -> &'static [Module] {
    static MODULES: OnceLock<Vec<Module>> = OnceLock::new();
    MODULES.get_or_init(|| {
        let module = |days: &i64| {
            let text = format!("{{did: Purchase, in_last: {days} days}}");
            compiled(sandbox(), &["one", "two"], &text)
        };
        WINDOWS.iter().map(module).collect()
    })
}

impl RandomRuns {
    fn cohorts(&self) -> Vec<Cohort> {
        let places = DESTINATIONS.iter().enumerate();
        let synced: Vec<&str> = places
            .filter(|(at, _)| self.destinations >> at & 1 == 1)
            .map(|(_, name)| *name)
            .collect();
        let named = |id: &str| Cohort {
            id: CohortId::new(id).unwrap(),
            ..cohort(u8::try_from(self.module / 2).unwrap(), &synced)
        };
        vec![named("one"), named("two")]
    }

    fn run(&self, how: &RandomOptions) {
        let cohorts = self.cohorts();
        let cohorts = &cohorts[..if how.alone { 1 } else { 2 }];
        let stop = AtomicBool::new(false);
        let left = std::sync::atomic::AtomicU32::new(how.stop.unwrap_or(u32::MAX));
        let progress = |_: u64, _: u64| {
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let guard = Guard {
            percent: 50.0,
            members: 1,
        };
        let options = RunOptions {
            chunk_users: how.chunk_users,
            commit_bytes: how.commit_bytes,
            alone: how.alone,
            resend: how.resend,
            guard: how.guard.then_some(guard),
            reason: (!how.guard).then_some(Reason::Approved),
            all_users: how.all_users,
            progress: &progress,
            stop: Some(&stop),
            ..RunOptions::at(Millis(self.now))
        };
        let module = &modules()[self.module];
        match run_module(&self.world.store, module, cohorts, &options) {
            Ok(_) if how.alone => forget_module(&self.world.store, module, cohorts).unwrap(),
            Ok(_) | Err(EngineError::Stopped) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn step(&mut self, step: &RandomStep) {
        let (store, now) = (&self.world.store, Millis(self.now));
        let cohorts = self.cohorts();
        match step {
            RandomStep::Buy { user, days_ago } => {
                let at = self.now - days_ago * DAY;
                self.bought[*user].push(at);
                self.world.bought(&[(&format!("u{user}"), at)]);
            }
            RandomStep::Wait { hours } => self.now += hours * 3_600_000,
            RandomStep::Run(how) => self.run(how),
            RandomStep::Module(module) => self.module = *module,
            RandomStep::Sync { destinations } => self.destinations = *destinations,
            RandomStep::Activate => drop(activate(store, cohorts.iter(), &[]).unwrap()),
            RandomStep::CleanUp => {
                forget_other_modules(store, &[(&modules()[self.module], &cohorts)]).unwrap();
            }
            RandomStep::Forget { user } => {
                forget(store, &format!("u{user}"), now).unwrap();
                self.bought[*user].clear();
            }
            RandomStep::Remove { cohort } => {
                drop(remove(store, &cohorts[*cohort].id, now, None).unwrap())
            }
            RandomStep::Reject { cohort } => {
                drop(reject(store, &cohorts[*cohort].id, now).unwrap())
            }
            RandomStep::Reconcile { cohort, with } => {
                let cohort = &cohorts[*cohort];
                for sync in &cohort.sync {
                    let holds = held(&self.world, &sync.destination, cohort.id.as_str());
                    reconcile(store, cohort, sync, with.then_some(&holds), now).unwrap();
                }
            }
        }
    }

    fn expected_members(&self) -> BTreeSet<String> {
        let since = self.now - WINDOWS[self.module] * DAY;
        let lately =
            |bought: &&Vec<i64>| bought.iter().any(|at| (since + 1..=self.now).contains(at));
        let users = self.bought.iter().enumerate();
        users
            .filter(|(_, bought)| lately(bought))
            .map(|(user, _)| format!("u{user}"))
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn every_copy_equals_the_members_in_the_end(steps in prop::collection::vec(step(), 1..40)) {
        let mut runs = RandomRuns {
            world: EngineWorld { store: TestStore::in_memory(), sandbox: Arc::clone(sandbox()) },
            now: NOW,
            module: 0,
            destinations: 3,
            bought: vec![Vec::new(); USERS],
        };
        for step in &steps {
            runs.step(step);
        }
        // The held run is released, and only candidates are evaluated.
        let last = RandomOptions { chunk_users: 3, commit_bytes: 100, stop: None, alone: false, resend: false, all_users: false, guard: false };
        runs.run(&last);
        runs.now += 5 * 3_600_000;
        runs.run(&last);
        let expected_members = runs.expected_members();
        for cohort in runs.cohorts() {
            let snapshot = runs.world.store.snapshot().unwrap();
            let members = runs.world.members(&cohort).into_iter();
            let members: BTreeSet<_> = members.map(|user| snapshot.user_id(UserKey(user)).unwrap().unwrap()).collect();
            prop_assert_eq!(&members, &expected_members, "the members of {}", cohort.id);
            for sync in &cohort.sync {
                let holds = held(&runs.world, &sync.destination, cohort.id.as_str());
                prop_assert_eq!(&holds, &expected_members, "what {} holds of {}", sync.destination, cohort.id);
            }
        }
        for destination in DESTINATIONS {
            let mut ids = BTreeSet::new();
            for message in runs.world.outbox(destination) {
                prop_assert!(ids.insert(message["message_id"].to_string()), "an id came twice");
            }
        }
    }
}

//! The failures of modules, compared with a map.

use std::collections::BTreeMap;

use muster_model::Millis;
use muster_store::*;
use muster_testkit::store::TestStore;
use proptest::prelude::*;
use roaring::RoaringBitmap;

const MODULES: [ModuleKey; 2] = [ModuleKey([0; 32]), ModuleKey([0xff; 32])];
const DEFINITIONS: [u64; 3] = [0, 7, u64::MAX];

#[derive(Clone, Debug)]
enum FailureStep {
    Set(usize, FailureChanges),
    ForgetModule(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = FailureStep> {
    let user = prop_oneof![
        0..4_u32,
        prop::sample::select(vec![255, 256, 65_536, u32::MAX - 256, u32::MAX]),
    ];
    let failure = (0..=0x7f_u8, 0..3_u32, -2..6_i64, prop::bool::ANY);
    let failure = failure.prop_map(|(count, batch, next, too_large)| UserFailure {
        count,
        batch,
        next: Millis(next),
        too_large,
    });
    let users = prop::collection::vec((user.prop_map(UserKey), prop::option::of(failure)), 0..6);
    let reason = prop::option::of(prop::sample::select(vec!["one", "", "another"]));
    let changes = (prop::sample::select(&DEFINITIONS[..]), users, reason);
    let changes = changes.prop_map(|(definitions, users, reason)| FailureChanges {
        definitions,
        users,
        reason: reason.map(str::to_owned),
    });
    prop_oneof![
        8 => (0..MODULES.len(), changes).prop_map(|(module, changes)| FailureStep::Set(module, changes)),
        1 => (0..MODULES.len()).prop_map(FailureStep::ForgetModule),
        1 => Just(FailureStep::Reopen),
    ]
}

/// The expected failures of a module.
#[derive(Clone, Default)]
struct FailureModel {
    definitions: u64,
    failures: BTreeMap<UserKey, UserFailure>,
    reason: String,
}

impl FailureModel {
    fn apply(&mut self, changes: &FailureChanges) {
        if changes.definitions != self.definitions {
            *self = Self {
                definitions: changes.definitions,
                ..Self::default()
            };
        }
        for (user, failure) in &changes.users {
            match failure {
                Some(failure) => self.failures.insert(*user, *failure),
                None => self.failures.remove(user),
            };
        }
        if !changes.users.is_empty()
            && let Some(reason) = &changes.reason
        {
            self.reason.clone_from(reason);
        }
        if self.failures.is_empty() {
            self.reason.clear();
        }
    }

    fn check(&self, snapshot: &Snapshot, module: &ModuleKey) {
        let all = RoaringBitmap::from_iter(
            [0, 1, 2, 3, 255, 256, 65_536, u32::MAX - 256, u32::MAX].iter(),
        );
        let one = RoaringBitmap::from_iter([256]);
        for definitions in DEFINITIONS {
            let model = if definitions == self.definitions {
                self
            } else {
                &Self::default()
            };
            let summary = snapshot.failure_summary(module, definitions).unwrap();
            let too_large = model
                .failures
                .iter()
                .filter(|(_, failure)| failure.too_large);
            let too_large: Vec<_> = too_large.map(|(user, _)| *user).collect();
            assert_eq!(
                (summary.users, &summary.reason, summary.too_large),
                (
                    model.failures.len() as u64,
                    &model.reason,
                    too_large.len() as u64
                )
            );
            if definitions == self.definitions && !self.failures.is_empty() {
                assert_eq!(snapshot.failures_of(module).unwrap(), summary);
                assert_eq!(snapshot.too_large(module, 100).unwrap(), too_large);
                let first = too_large.iter().take(1).copied().collect::<Vec<_>>();
                assert_eq!(snapshot.too_large(module, 1).unwrap(), first);
            }
            for users in [&all, &one] {
                let found = snapshot.failures(module, definitions, users).unwrap();
                let expected = model
                    .failures
                    .iter()
                    .map(|(user, failure)| (*user, *failure));
                let expected = expected.filter(|(user, _)| users.contains(user.0));
                assert_eq!(found, expected.collect::<Vec<_>>());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn failures_match_a_map(steps in prop::collection::vec(step(), 1..16)) {
        let options = StoreOptions { map_size: 1 << 26, readers: 1, ..StoreOptions::default() };
        let mut store = TestStore::with(&options);
        let mut models = vec![FailureModel::default(); MODULES.len()];
        for step in steps {
            match step {
                FailureStep::Set(module, changes) => {
                    models[module].apply(&changes);
                    let module = ModuleCommit { failures: Some(changes), ..ModuleCommit::new(MODULES[module]) };
                    store.commit_run(&RunCommit { module: Some(module), ..RunCommit::default() }).unwrap();
                }
                FailureStep::ForgetModule(module) => {
                    models[module] = FailureModel::default();
                    store.forget_module(&MODULES[module]).unwrap();
                }
                FailureStep::Reopen => {
                    store = store.reopened(&options);
                }
            }
            let snapshot = store.snapshot().unwrap();
            for (module, model) in MODULES.iter().zip(&models) {
                model.check(&snapshot, module);
            }
        }
    }
}

//! Expiries, compared with a map.

use std::collections::BTreeMap;

use muster_model::Millis;
use muster_store::*;
use muster_testkit::store::TestStore;
use proptest::prelude::*;

const MODULES: [ModuleKey; 3] = [
    ModuleKey([0; 32]),
    ModuleKey([1; 32]),
    ModuleKey([0xff; 32]),
];

#[derive(Clone, Debug)]
enum ExpiryStep {
    Set(usize, Vec<(u32, i64)>),
    Forget(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = ExpiryStep> {
    // Neighbours, and users for which every level of the tree has nodes of its own, up to the last
    // possible user.
    let user = prop_oneof![
        3 => 0..4_u32,
        2 => prop::sample::select(vec![255, 256, 65_535, 65_536, (1 << 24) - 1, 1 << 24, u32::MAX - 256, u32::MAX]),
    ];
    let expiry = prop_oneof![4 => 0..6_i64, 1 => Just(i64::MAX), 1 => Just(Millis::MAX.0)];
    prop_oneof![
        8 => (0..MODULES.len(), prop::collection::vec((user, expiry), 0..6)).prop_map(|(module, set)| ExpiryStep::Set(module, set)),
        1 => (0..MODULES.len()).prop_map(ExpiryStep::Forget),
        1 => Just(ExpiryStep::Reopen),
    ]
}

fn check(snapshot: &Snapshot, model: &[BTreeMap<u32, i64>]) {
    for (module, expiries) in MODULES.iter().zip(model) {
        let next = expiries.values().min().copied();
        assert_eq!(
            snapshot.next_due(module).unwrap().map(|next| next.0),
            next.filter(|next| *next != i64::MAX)
        );
        for now in [-1, 0, 3, 5, Millis::MAX.0] {
            let due: Vec<u32> = snapshot.due(module, Millis(now)).unwrap().iter().collect();
            let expected = expiries.iter().filter(|(_, expiry)| **expiry <= now);
            assert_eq!(due, expected.map(|(user, _)| *user).collect::<Vec<_>>());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn due_users_match_a_map(steps in prop::collection::vec(step(), 1..12)) {
        let options = StoreOptions { map_size: 1 << 26, readers: 1, ..StoreOptions::default() };
        let mut store = TestStore::with(&options);
        let mut model = vec![BTreeMap::new(); MODULES.len()];
        for step in steps {
            let before = (store.snapshot().unwrap(), model.clone());
            match step {
                ExpiryStep::Set(module, set) => {
                    let mut of_module = ModuleCommit::new(MODULES[module]);
                    of_module.expiries = set.iter().map(|(user, expiry)| (UserKey(*user), *expiry)).collect();
                    store.commit_run(&RunCommit { module: Some(of_module), ..RunCommit::default() }).unwrap();
                    model[module].extend(set);
                }
                ExpiryStep::Forget(module) => {
                    store.forget_module(&MODULES[module]).unwrap();
                    model[module].clear();
                }
                ExpiryStep::Reopen => {
                    drop(before);
                    store = store.reopened(&options);
                    check(&store.snapshot().unwrap(), &model);
                    continue;
                }
            }
            // An older snapshot keeps its answers.
            check(&before.0, &before.1);
            check(&store.snapshot().unwrap(), &model);
        }
    }
}

//! The members of cohorts, compared with sets.

use std::collections::BTreeSet;

use muster_model::CohortId;
use muster_store::*;
use muster_testkit::store::{self, TestStore};
use proptest::prelude::*;
use roaring::RoaringBitmap;

/// The first id is a prefix of the others.
const COHORTS: [&str; 3] = ["a", "a-b", "ab"];

type Users = BTreeSet<u32>;

#[derive(Clone, Debug)]
struct MemberStep {
    cohort: usize,
    entered: Users,
    exited: Users,
}

/// Generates neighbours, and users on both sides of a chunk's end, up to the last possible user.
fn users() -> impl Strategy<Value = Users> {
    let user = prop_oneof![
        0..4_u32,
        prop::sample::select(vec![
            65_535,
            65_536,
            131_072,
            1 << 31,
            u32::MAX - 65_536,
            u32::MAX
        ]),
    ];
    prop::collection::btree_set(user, 0..6)
}

fn step() -> impl Strategy<Value = MemberStep> {
    (0..COHORTS.len(), users(), users()).prop_map(|(cohort, entered, exited)| MemberStep {
        cohort,
        exited: &exited - &entered,
        entered,
    })
}

fn bitmap(users: &Users) -> RoaringBitmap {
    users.iter().copied().collect()
}

fn check(store: &Store, model: &[Users], some: &Users) {
    let snapshot = store.snapshot().unwrap();
    for (id, members) in COHORTS.iter().zip(model) {
        let id = CohortId::new(id).unwrap();
        assert_eq!(snapshot.members(&id).unwrap(), bitmap(members));
        assert_eq!(snapshot.members_len(&id).unwrap(), members.len() as u64);
        let among = snapshot.members_among(&id, &bitmap(some)).unwrap();
        assert_eq!(among, bitmap(&(members & some)));
        let (first, last) = (some.first(), some.last());
        let range = first.copied().unwrap_or(7)..=last.copied().unwrap_or(7);
        let within = snapshot.members_within(&id, &range).unwrap();
        let expected: Users = members.range(range).copied().collect();
        assert_eq!(within, bitmap(&expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn memberships_match_a_set(steps in prop::collection::vec((step(), users()), 1..12)) {
        let options = StoreOptions { map_size: 1 << 26, readers: 1, ..StoreOptions::default() };
        let store = TestStore::with(&options);
        let mut model = vec![Users::new(); COHORTS.len()];
        for (MemberStep { cohort, entered, exited }, some) in steps {
            // An entry of a member, and an exit of a user who is none, change nothing.
            let change = MemberChange {
                cohort: store::cohort(COHORTS[cohort]),
                entered: bitmap(&entered),
                exited: bitmap(&exited),
            };
            store.commit_run(&RunCommit { members: vec![change], ..RunCommit::default() }).unwrap();
            model[cohort] = &(&model[cohort] - &exited) | &entered;
            check(&store, &model, &some);
        }
        check(&store.reopened(&options), &model, &Users::from([0, 65_535, u32::MAX]));
    }
}

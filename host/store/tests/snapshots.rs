//! Many snapshots at once, each of its own state and each read by several threads.

use muster_model::Millis;
use muster_store::*;
use muster_testkit::store::{TestStore, cohort, events, stream};

const SNAPSHOTS: usize = 1000;

#[test]
fn a_thousand_snapshots_live_at_once() {
    let store = TestStore::new();
    let mut snapshots = Vec::new();
    let key = cohort("buyers");
    for nth in 0..SNAPSHOTS {
        // Most commits are small, as a run's are; every fiftieth adds an event.
        if nth % 50 == 0 {
            let buffer = events([("ann", "Buy", nth as i64)]);
            store.append(&buffer, None).unwrap();
        }
        let state = nth.to_le_bytes().to_vec();
        let commit = RunCommit {
            cohort_states: vec![(key.clone(), state)],
            ..RunCommit::default()
        };
        store.commit_run(&commit).unwrap();
        snapshots.push(store.snapshot().unwrap());
    }
    let buys = stream("Buy");
    for (nth, snapshot) in snapshots.iter().enumerate() {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let state = snapshot.cohort_state(&key).unwrap();
                    assert_eq!(state, Some(nth.to_le_bytes().to_vec()));
                    let prepared = snapshot
                        .prepare(std::slice::from_ref(&buys), &[], &[])
                        .unwrap();
                    let history = prepared.read(&[UserKey(0)], Millis::MAX).unwrap();
                    assert_eq!(history.streams[0].times.len(), nth / 50 + 1);
                });
            }
        });
    }
}

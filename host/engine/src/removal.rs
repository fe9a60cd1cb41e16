//! Removal: the end of cohorts whose definition is gone.

use std::time::Instant;

use muster_model::{CohortId, Millis};
use muster_store::{MemberChange, RunCommit, Snapshot, Store};
use roaring::RoaringBitmap;

use crate::beside::Beside;
use crate::copy::unsent_change;
use crate::guard::Guard;
use crate::report::{HeldRun, Reason, RunRecord};
use crate::state::{CohortState, RemovalState};
use crate::{EngineError, encoding, payload, state};

/// The users that one commit of a removal covers: at 100 bytes in a message, 6.5 MB for each
/// destination.
const CHUNK_USERS: usize = 64 * 1024;

/// Returns the cohorts that no longer have a definition and whose last one said `on_remove: exit`.
/// Cohorts whose removal the `guard` holds are left out.
///
/// # Errors
/// When the store fails.
pub fn removed(
    snapshot: &Snapshot,
    defined: &dyn Fn(&CohortId) -> bool,
    guard: Option<&Guard>,
) -> Result<Vec<CohortId>, EngineError> {
    let mut removed = Vec::new();
    for cohort in snapshot.cohorts()? {
        if !defined(&cohort)
            && let Some(state) = state::load_cohort(snapshot, &cohort)?
            && state.exit_on_remove
            && (state.end != RemovalState::Held || guard.is_none())
        {
            removed.push(cohort);
        }
    }
    Ok(removed)
}

/// Removes a cohort: all members exit, and the destinations in its sync receive the exits. After a
/// cut-off at any moment, the next call goes on with it. If the definition comes back, the cohort
/// starts anew.
///
/// The `guard` treats a removal as a run in which all members exit. If it holds the removal, no
/// member exits, and the record says that it is held. A call without guard carries out a held
/// removal.
///
/// # Errors
/// When the store fails.
pub fn remove(
    store: &Store,
    cohort: &CohortId,
    now: Millis,
    guard: Option<&Guard>,
) -> Result<RunRecord, EngineError> {
    let started = Instant::now();
    let snapshot = store.snapshot()?;
    let mut state = state::load_cohort(&snapshot, cohort)?.unwrap_or_default();
    let members = snapshot.members_len(cohort)?;
    if let Some(guard) = guard
        && state.end != RemovalState::UnderWay
        && guard.holds(members, members)
    {
        return hold(store, cohort, state, members, now);
    }
    let mut record = RunRecord::begun(Reason::Removed, now);
    (state.end, state.held) = (RemovalState::UnderWay, None);
    state.begin_beside(now);
    // The answers that its members came from are void. If the definition comes back, the next run
    // evaluates all users.
    state.module_key.clear();
    state.run.clear();
    for chunk in chunks(&snapshot, cohort, &state)? {
        let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else {
            continue;
        };
        let range = *first..=*last;
        let exited = snapshot.members_within(cohort, &range)?;
        let mut commit = RunCommit::default();
        let mut copies = std::mem::take(&mut state.copies);
        for (destination, copy) in &mut copies {
            if copy.active {
                let users = copy.held(&snapshot, cohort, destination, &range, &exited)?;
                let mut beside = Beside::new(&snapshot, cohort, &mut state);
                beside.message(destination, false, &users, &mut commit.messages)?;
                let unsent = snapshot.unsent_within(cohort, destination, &range)?;
                commit
                    .unsent
                    .extend(unsent_change(cohort, destination, unsent));
            } else {
                let toggled = copy.miss(&exited);
                commit
                    .unsent
                    .extend(unsent_change(cohort, destination, toggled));
            }
        }
        state.copies = copies;
        record.exited += exited.len();
        record.messages += commit.messages.len() as u64;
        commit.members.push(MemberChange {
            cohort: cohort.clone(),
            entered: RoaringBitmap::new(),
            exited,
        });
        commit
            .cohort_states
            .push((cohort.clone(), encoding::encode(&state)?));
        store.commit_run(&commit)?;
    }
    if state.batch > 0 {
        record.run_id = Some(payload::run_id(cohort, state.second, snapshot.identity()));
    }
    record.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    // Two things must outlive the cohort: its latest second, in case it comes back, and the copies
    // of destinations that had left its sync.
    state.copies.retain(|_, copy| !copy.active);
    let gone = CohortState {
        second: state.second,
        copies: state.copies,
        ..CohortState::default()
    };
    store.commit_run(&RunCommit {
        cohort_states: vec![(cohort.clone(), encoding::encode(&gone)?)],
        records: vec![record.stored(cohort, now)?],
        ..RunCommit::default()
    })?;
    Ok(record)
}

/// Records that the guard holds the removal of a cohort.
fn hold(
    store: &Store,
    cohort: &CohortId,
    mut state: CohortState,
    members: u64,
    now: Millis,
) -> Result<RunRecord, EngineError> {
    let held = HeldRun {
        at: now.to_string(),
        members,
        entered: 0,
        exited: members,
    };
    (state.end, state.held) = (RemovalState::Held, Some(held.clone()));
    let record = RunRecord {
        members,
        held: Some(held),
        ..RunRecord::begun(Reason::Removed, now)
    };
    store.commit_run(&RunCommit {
        cohort_states: vec![(cohort.clone(), encoding::encode(&state)?)],
        records: vec![record.stored(cohort, now)?],
        ..RunCommit::default()
    })?;
    Ok(record)
}

/// Returns the users who are members or in a destination's copy, in chunks.
fn chunks(
    snapshot: &Snapshot,
    cohort: &CohortId,
    state: &CohortState,
) -> Result<Vec<Vec<u32>>, EngineError> {
    let all = 0..=u32::MAX;
    let mut users = snapshot.members(cohort)?;
    for destination in state.copies.keys() {
        users |= snapshot.unsent_within(cohort, destination, &all)?;
    }
    let users: Vec<u32> = users.iter().collect();
    Ok(users.chunks(CHUNK_USERS).map(<[u32]>::to_vec).collect())
}

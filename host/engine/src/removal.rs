//! Cohorts whose definition is gone.

use std::time::Instant;

use muster_model::{CohortId, Millis};
use muster_store::{MemberChange, Message, RunCommit, Snapshot, Store, UserKey};
use roaring::RoaringBitmap;

use crate::payload::{self, Envelope};
use crate::report::{Reason, RunRecord};
use crate::state::CohortState;
use crate::tick::CHUNK_USERS;
use crate::{EngineError, state};

/// The cohorts that no longer have a definition and whose last one said `on_remove: exit`.
///
/// # Errors
/// When the store fails.
pub fn removed(
    snapshot: &Snapshot,
    defined: &dyn Fn(&CohortId) -> bool,
) -> Result<Vec<CohortId>, EngineError> {
    let mut removed = Vec::new();
    for cohort in snapshot.cohorts()? {
        if !defined(&cohort)
            && let Some(state) = state::load_cohort(snapshot, &cohort)?
            && state.exit_on_remove
        {
            removed.push(cohort);
        }
    }
    Ok(removed)
}

/// Ends a cohort: all members exit, and the destinations that know them are told. Cut off at any moment, it goes on when it is called
/// again. If the definition comes back, the cohort begins anew.
///
/// # Errors
/// When the store fails.
pub fn remove(store: &Store, cohort: &CohortId, now: Millis) -> Result<RunRecord, EngineError> {
    let started = Instant::now();
    let snapshot = store.snapshot()?;
    let mut state = state::load_cohort(&snapshot, cohort)?.unwrap_or_default();
    let mut record = RunRecord::begun(Reason::Removed, now);
    let members: Vec<u32> = snapshot.members(cohort)?.iter().collect();
    begin(&mut state, now);
    for chunk in members.chunks(CHUNK_USERS) {
        let mut commit = RunCommit::default();
        exits(&snapshot, cohort, &mut state, chunk, &mut commit.messages)?;
        record.exited += chunk.len() as u64;
        record.messages += commit.messages.len() as u64;
        commit.members.push(MemberChange {
            cohort: cohort.clone(),
            entered: RoaringBitmap::new(),
            exited: chunk.iter().copied().collect(),
        });
        commit
            .cohort_states
            .push((cohort.clone(), state::encode(&state)?));
        store.commit_run(&commit)?;
    }
    if state.batch > 0 {
        record.run_id = Some(payload::run_id(cohort, state.second));
    }
    record.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    // What must outlive it is its latest second, in case it comes back.
    let gone = CohortState {
        second: state.second,
        ..CohortState::default()
    };
    store.commit_run(&RunCommit {
        cohort_states: vec![(cohort.clone(), state::encode(&gone)?)],
        records: vec![record.stored(cohort, now)?],
        ..RunCommit::default()
    })?;
    Ok(record)
}

/// Begins a run beside the ticks: its second is later than that of all messages so far.
pub(crate) fn begin(state: &mut CohortState, now: Millis) {
    state.second = now.as_second().max(state.second + 1);
    state.batch = 0;
}

/// Adds the messages that tell all destinations of users who exit.
pub(crate) fn exits(
    snapshot: &Snapshot,
    cohort: &CohortId,
    state: &mut CohortState,
    users: &[u32],
    messages: &mut Vec<Message>,
) -> Result<(), EngineError> {
    let mut bodies = Vec::with_capacity(users.len());
    for user in users {
        if let Some(id) = snapshot.user_id(UserKey(*user))? {
            bodies.push(payload::user(&id, &[]));
        }
    }
    let envelope = Envelope {
        cohort,
        name: &state.name,
        second: state.second,
    };
    // A destination that a tick is telling the whole cohort may know some of them.
    for destination in state.synced.union(&state.joining) {
        for message in payload::pack(&envelope, false, &bodies, &mut state.batch) {
            messages.push(Message {
                destination: destination.clone(),
                id: message.id,
                body: message.body,
            });
        }
    }
    Ok(())
}

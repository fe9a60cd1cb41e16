//! The status of cohorts between their runs: the time of the last run, and a run that the guard
//! holds.

use muster_model::{CohortId, Millis, from_hex};
use muster_store::{ModuleKey, RunCommit, Snapshot, Store};
use serde::{Deserialize, Serialize};

use crate::report::{HeldRun, Reason, RunRecord};
use crate::search::TOO_LARGE;
use crate::state::{CohortState, RemovalState};
use crate::{EngineError, encoding, state};

/// The status of a cohort in the store, without its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CohortStatus {
    /// The clock of its latest finished run; in real time, of the latest that evaluated a user;
    /// `None` if it has none.
    pub ran: Option<Millis>,
    /// The run that the guard holds.
    pub held: Option<HeldRun>,
    /// True if the held run is the cohort's removal: its definition is gone, and all members would
    /// exit.
    pub is_end: bool,
    /// The users who cannot be evaluated at present; `None` if there are none.
    pub failing: Option<FailingUsers>,
}

/// Users that a cohort's module gave no answer for. They keep their membership and are evaluated
/// again from time to time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailingUsers {
    /// The number of users that the module failed for.
    pub failed: u64,
    /// The reason of the latest of these failures. Empty if there are none.
    pub reason: String,
    /// The number of users who are too large to evaluate.
    pub too_large: u64,
    /// An explanation of "too large" with its remedy. Empty if no user is too large.
    pub too_large_reason: String,
    /// The ids of the first [`SHOWN_TOO_LARGE`] users who are too large.
    pub too_large_users: Vec<String>,
}

/// The number of users who are too large that a status names.
pub const SHOWN_TOO_LARGE: usize = 10;

/// Returns the status of a cohort; the default status if the store does not know the cohort.
///
/// # Errors
/// When the store fails.
pub fn status(snapshot: &Snapshot, cohort: &CohortId) -> Result<CohortStatus, EngineError> {
    let state = state::load_cohort(snapshot, cohort)?.unwrap_or_default();
    let ran = match state.ran {
        Some(ran) => Some(Millis(ran).max(latest_run_of_module(snapshot, &state)?)),
        None => None,
    };
    Ok(CohortStatus {
        ran,
        failing: failing(snapshot, &state)?,
        held: state.held,
        is_end: state.end == RemovalState::Held,
    })
}

fn failing(snapshot: &Snapshot, state: &CohortState) -> Result<Option<FailingUsers>, EngineError> {
    let Some(module) = from_hex(&state.module_key).map(ModuleKey) else {
        return Ok(None);
    };
    let summary = snapshot.failures_of(&module)?;
    if summary.users == 0 {
        return Ok(None);
    }
    let failed = summary.users.saturating_sub(summary.too_large);
    let mut ids = Vec::new();
    if summary.too_large > 0 {
        for user in snapshot.too_large(&module, SHOWN_TOO_LARGE)? {
            ids.extend(snapshot.user_id(user)?);
        }
    }
    Ok(Some(FailingUsers {
        failed,
        reason: if failed > 0 {
            summary.reason
        } else {
            String::new()
        },
        too_large: summary.too_large,
        too_large_reason: if summary.too_large > 0 { TOO_LARGE } else { "" }.to_owned(),
        too_large_users: ids,
    }))
}

/// Returns the clock of the latest run of the module that a cohort follows. The state of a
/// real-time cohort has only its first run, to save writes. If the guard held the cohort's entries
/// and exits, this is an instant before all others.
fn latest_run_of_module(snapshot: &Snapshot, state: &CohortState) -> Result<Millis, EngineError> {
    let never = Millis(i64::MIN);
    if state.held.is_some() || state.stale {
        return Ok(never);
    }
    Ok(state::clock_of_its_module(snapshot, state)?.unwrap_or(never))
}

/// Drops the run of a cohort that the guard holds. No membership changes, and the cohort's next run
/// evaluates all users. If its removal was held, its members stay, as with `on_remove: keep`.
/// Returns `None` if none is held. (A run without guard approves a run; [`crate::remove`] without
/// guard approves a removal.) No run of the cohort may be under way.
///
/// # Errors
/// When the store fails. Then the run is still held.
pub fn reject(
    store: &Store,
    cohort: &CohortId,
    now: Millis,
) -> Result<Option<HeldRun>, EngineError> {
    let snapshot = store.snapshot()?;
    let Some(mut state) = state::load_cohort(&snapshot, cohort)? else {
        return Ok(None);
    };
    let Some(held) = state.held.take() else {
        return Ok(None);
    };
    if std::mem::take(&mut state.end) == RemovalState::Held {
        state.exit_on_remove = false;
    }
    let record = RunRecord {
        members: held.members,
        ..RunRecord::begun(Reason::Rejected, now)
    };
    store.commit_run(&RunCommit {
        cohort_states: vec![(cohort.clone(), encoding::encode(&state)?)],
        records: vec![record.stored(cohort, now)?],
        ..RunCommit::default()
    })?;
    Ok(Some(held))
}

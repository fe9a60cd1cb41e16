//! Cohorts between their runs: when the last one was, and whether the guard holds one.

use muster_model::{CohortId, Millis};
use muster_store::{ModuleKey, RunCommit, Snapshot, Store};
use serde::Serialize;

use crate::report::{HeldRun, Reason, RunRecord};
use crate::search::TOO_LARGE;
use crate::state::{CohortState, RemovalState};
use crate::{EngineError, state};

/// What the store knows of a cohort, beside its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CohortStatus {
    /// The clock of its latest finished run; in real time, of the latest that evaluated somebody.
    /// `None`: it has none.
    pub ran: Option<Millis>,
    /// A run that the guard holds.
    pub held: Option<HeldRun>,
    /// What is held is the cohort's end: its definition is gone, and all members would exit.
    pub is_end: bool,
    /// Users who cannot be evaluated at present; `None`: there are none.
    pub failing: Option<FailingUsers>,
}

/// Users for whom the rule of a cohort has no answer: they keep their membership, and are asked
/// about again from time to time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailingUsers {
    /// How many the rule failed for.
    pub failed: u64,
    /// Why it failed for the latest of them; empty: it failed for none.
    pub reason: String,
    /// How many are too large to be asked about.
    pub too_large: u64,
    /// What that means, and what to do; empty: nobody is.
    pub too_large_reason: &'static str,
    /// The ids of the first [`SHOWN_TOO_LARGE`] who are too large.
    pub too_large_users: Vec<String>,
}

/// How many users who are too large a status names.
pub const SHOWN_TOO_LARGE: usize = 10;

/// The status of a cohort; the default one if the store does not know it.
///
/// # Errors
/// When the store fails.
pub fn status(snapshot: &Snapshot, cohort: &CohortId) -> Result<CohortStatus, EngineError> {
    let state = state::load_cohort(snapshot, cohort)?.unwrap_or_default();
    let ran = match state.ran {
        Some(ran) => Some(Millis(ran).max(ran_under_its_rule(snapshot, &state)?)),
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
    let Some(module) = state::unhex(&state.module_key).map(ModuleKey) else {
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
        too_large_reason: if summary.too_large > 0 { TOO_LARGE } else { "" },
        too_large_users: ids,
    }))
}

/// The clock of the latest run of the rule that a cohort follows. In real time the cohort's state
/// has only its first run, to save writes. An instant before all others if the cohort's moves in it
/// were held.
fn ran_under_its_rule(snapshot: &Snapshot, state: &CohortState) -> Result<Millis, EngineError> {
    let never = Millis(i64::MIN);
    if state.held.is_some() || state.stale {
        return Ok(never);
    }
    Ok(state::clock_of_its_module(snapshot, state)?.unwrap_or(never))
}

/// Drops the run of a cohort that the guard holds: nobody is moved, and the cohort's next tick asks
/// everybody. If its end was held, its members stay, as with `on_remove: keep`. `None`: none is
/// held. (A run is approved by a tick without guard, an end by [`crate::remove`] without guard.) No
/// tick of the cohort may run at the time.
///
/// # Errors
/// When the store fails; then it is held still.
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
        cohort_states: vec![(cohort.clone(), state::encode(&state)?)],
        records: vec![record.stored(cohort, now)?],
        ..RunCommit::default()
    })?;
    Ok(Some(held))
}

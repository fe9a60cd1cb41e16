//! Cohorts whose definition is gone.

use muster_engine::{EngineError, RunRecord};
use muster_model::{CohortId, Millis};
use muster_project::Project;
use muster_store::{Snapshot, Store};

use super::cohort::{CohortAnswer, CohortRequest};
use crate::api::{ApiError, HeldRemoval, RejectedRun, RequestedRun};

/// Returns all removals that the guard holds.
///
/// # Errors
/// If the store fails.
pub fn held_removals(snapshot: &Snapshot) -> Result<Vec<HeldRemoval>, EngineError> {
    let mut held = Vec::new();
    for cohort in snapshot.cohorts()? {
        let status = muster_engine::status(snapshot, &cohort)?;
        if let Some(exits) = status.held.filter(|_| status.is_end) {
            held.push(HeldRemoval {
                id: cohort.to_string(),
                held: exits,
            });
        }
    }
    Ok(held)
}

/// Executes a request about a cohort without a definition: approves or rejects what the guard holds
/// of it. `None`: the guard holds nothing, or the request is another. No run of the cohort may be
/// under way.
///
/// # Errors
/// If the store fails.
pub(crate) fn decide(
    store: &Store,
    cohort: &CohortId,
    request: &CohortRequest,
    now: Millis,
) -> Result<Option<CohortAnswer>, ApiError> {
    let is_end = muster_engine::status(&store.snapshot()?, cohort)?.is_end;
    match request {
        CohortRequest::Approve if is_end => {
            let record = muster_engine::remove(store, cohort, now, None)?;
            let run = RequestedRun::removal(record, now);
            Ok(Some(CohortAnswer::Ran(run)))
        }
        // A run may be held too, if the definition went later.
        CohortRequest::Reject => {
            let rejected = muster_engine::reject(store, cohort, now)?;
            let rejected = rejected.map(|rejected| RejectedRun { rejected });
            Ok(rejected.map(CohortAnswer::Rejected))
        }
        CohortRequest::Approve | CohortRequest::Sync { .. } | CohortRequest::Reconcile { .. } => {
            Ok(None)
        }
    }
}

/// Removes the cohorts whose definition is gone and had `on_remove: exit`. All their members exit,
/// unless the guard holds the removal.
///
/// # Errors
/// If the store fails.
pub fn end_removed(
    project: &Project,
    store: &Store,
    now: Millis,
) -> Result<Vec<(CohortId, RunRecord)>, EngineError> {
    // If a project has no cohort at all, its folder is more likely not mounted.
    if project.definitions.is_empty() {
        return Ok(Vec::new());
    }
    let defined = |id: &CohortId| project.definitions.iter().any(|known| known.id == *id);
    let guard = project.config.guard.as_ref();
    let removed = muster_engine::removed(&store.snapshot()?, &defined, guard)?;
    let mut ended = Vec::new();
    for cohort in removed {
        let record = muster_engine::remove(store, &cohort, now, guard)?;
        ended.push((cohort, record));
    }
    Ok(ended)
}

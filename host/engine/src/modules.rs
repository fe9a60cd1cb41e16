//! The state of modules and runs that the store keeps between runs.

use muster_model::{CohortId, Millis};
use muster_sandbox::Module;
use muster_store::{Snapshot, Store};

use crate::cohort::Cohort;
use crate::prior_state::{PriorState, Unfinished};
use crate::report::RunRecord;
use crate::{EngineError, state};

/// Deletes the state of all other modules. The cohorts of modules that are no longer run keep their
/// members.
///
/// # Errors
/// When the store fails.
pub fn forget_other_modules(
    store: &Store,
    modules: &[(&Module, &[Cohort])],
) -> Result<(), EngineError> {
    let kept: Vec<_> = modules
        .iter()
        .map(|(module, cohorts)| state::module_key(module, cohorts))
        .collect();
    for key in store.snapshot()?.module_keys()? {
        if !kept.contains(&key) {
            store.forget_module(&key)?;
        }
    }
    Ok(())
}

/// Deletes the state of a module that was run for these cohorts. The cohorts keep their members.
///
/// # Errors
/// When the store fails.
pub fn forget_module(
    store: &Store,
    module: &Module,
    cohorts: &[Cohort],
) -> Result<(), EngineError> {
    store.forget_module(&state::module_key(module, cohorts))?;
    Ok(())
}

/// Returns true if a run of a module was cut off after a commit, so that the next run goes on with
/// it.
///
/// # Errors
/// When the store fails.
pub fn goes_on(
    snapshot: &Snapshot,
    module: &Module,
    cohorts: &[Cohort],
) -> Result<bool, EngineError> {
    let key = state::module_key(module, cohorts);
    let prior = PriorState::load(snapshot, &key, cohorts)?;
    Ok(matches!(prior.unfinished(&key), Unfinished::Open(_)))
}

/// Returns the first instant at which an answer of a module expires; `None` if all answers hold for
/// ever.
///
/// # Errors
/// When the store fails.
pub fn next_due(
    snapshot: &Snapshot,
    module: &Module,
    cohorts: &[Cohort],
) -> Result<Option<Millis>, EngineError> {
    Ok(snapshot.next_due(&state::module_key(module, cohorts))?)
}

/// Returns the latest runs of a cohort, newest first.
///
/// # Errors
/// When the store fails or a record cannot be read.
pub fn records(
    snapshot: &Snapshot,
    cohort: &CohortId,
    limit: usize,
) -> Result<Vec<RunRecord>, EngineError> {
    records_since(snapshot, cohort, Millis(i64::MIN), limit)
}

/// Returns the latest runs of a cohort, newest first, back to the first that is older than an
/// instant.
///
/// # Errors
/// When the store fails or a record cannot be read.
pub fn records_since(
    snapshot: &Snapshot,
    cohort: &CohortId,
    since: Millis,
    limit: usize,
) -> Result<Vec<RunRecord>, EngineError> {
    let stored = snapshot.records_since(cohort, since, limit)?;
    let decode = |record: muster_store::StoredRun| {
        serde_json::from_slice(&record.body).map_err(|error| EngineError::State {
            of: format!("a run of `{cohort}`"),
            why: error.to_string(),
        })
    };
    stored.into_iter().map(decode).collect()
}

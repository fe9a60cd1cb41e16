//! The execution of a request about one cohort without the service.

use muster_engine::{Cohort, RunOptions};
use muster_model::CohortId;
use muster_project::{LoadedModule, Project, modules};
use muster_sandbox::Compile;
use muster_store::Store;

use super::cohort::{CohortAction, CohortAnswer, CohortRequest};
use super::reconcile::reconcile;
use super::removal::decide;
use super::run::{RunMode, run_cohorts};
use crate::api::{ApiError, RejectedRun, RequestedRun};

/// Executes a request with the definitions of a project that have no error. The messages wait in
/// the outbox. `options` has the clock of the run, its progress and the static lists; the guard is
/// that of the project.
///
/// # Errors
/// If no such cohort exists, its state does not allow the request, or the request failed.
pub fn execute(
    project: &Project,
    store: &Store,
    cohort: &str,
    request: CohortRequest,
    options: &RunOptions<'_>,
    compile: Compile,
) -> Result<CohortAnswer, ApiError> {
    let definition = match project.cohort(cohort) {
        Ok(definition) => definition,
        Err(unknown) => {
            let unknown = ApiError::from(unknown);
            let id = CohortId::new(cohort).map_err(|_| unknown.clone())?;
            let decided = decide(store, &id, &request, options.now)?;
            return decided.ok_or(unknown);
        }
    };
    let (id, now) = (&definition.id, options.now);
    let is_held = muster_engine::status(&store.snapshot()?, id)?
        .held
        .is_some();
    match request.action(id, is_held)? {
        CohortAction::Run(mode) => {
            let options = RunOptions {
                guard: project.config.guard,
                ..*options
            };
            run(project, store, id, mode, &options, compile).map(CohortAnswer::Ran)
        }
        CohortAction::Reject => match muster_engine::reject(store, id, now)? {
            Some(rejected) => Ok(CohortAnswer::Rejected(RejectedRun { rejected })),
            None => Err(ApiError::refused(format!("no run of `{id}` is held"))),
        },
        CohortAction::Reconcile { destination, have } => {
            let cohort = modules::cohort(definition);
            let have = have.as_deref();
            reconcile(store, &cohort, &destination, have, now).map(CohortAnswer::Reconciled)
        }
    }
}

/// Makes one run of one cohort.
fn run(
    project: &Project,
    store: &Store,
    cohort: &CohortId,
    mode: RunMode,
    options: &RunOptions<'_>,
    compile: Compile,
) -> Result<RequestedRun, ApiError> {
    let loaded = modules::load(project, compile).map_err(ApiError::failed)?;
    let is_it = |known: &&Cohort| known.id == *cohort;
    let of_cohort = |loaded: &&LoadedModule| loaded.cohorts.iter().any(|known| is_it(&known));
    let unknown = || ApiError::unknown(format!("no module computes `{cohort}`"));
    let loaded = loaded.iter().find(of_cohort).ok_or_else(unknown)?;
    let module =
        (loaded.module.as_ref()).map_err(|error| ApiError::failed(format!("{cohort}: {error}")))?;
    let cohorts: Vec<_> = loaded.cohorts.iter().filter(is_it).cloned().collect();
    let part = cohorts.len() < loaded.cohorts.len();
    let report = run_cohorts(store, module, &cohorts, part, mode, options)?;
    RequestedRun::of(&report).ok_or_else(unknown)
}

//! Runs of a module: candidates, evaluation, diff, commit; and previews, which commit nothing.

mod chunk_answers;
mod cohort_run;
mod committing;
mod cuts;
mod evaluating;
#[cfg(test)]
mod guest;
mod holding;
mod module_run;
mod preview;
mod recording;
mod sending;
#[cfg(test)]
mod tests;

use muster_sandbox::Module;
use muster_store::Store;

use crate::cohort::Cohort;
use crate::prior_state::{PriorState, Unfinished};
use crate::report::RunReport;
use crate::run_options::RunOptions;
use crate::{EngineError, candidates, state};
use module_run::ModuleRun;

pub use preview::preview;

/// Runs a module for its cohorts. It first finishes a run that was cut off. For the same cohorts
/// there must be one run at a time.
///
/// A run may cover some of a module's cohorts alone ([`RunOptions::alone`]). The store identifies a
/// module together with the cohorts that it is run for, so such a run evaluates all users. It does
/// not touch the other cohorts.
///
/// # Errors
/// When the run is stopped, the store fails, the module does not answer for a cohort, or it reads
/// an unknown time zone or list. What was committed is consistent, and the next call goes on from
/// there.
pub fn run_module(
    store: &Store,
    module: &Module,
    cohorts: &[Cohort],
    options: &RunOptions<'_>,
) -> Result<RunReport, EngineError> {
    let key = state::module_key(module, cohorts);
    let mut snapshot = store.snapshot()?;
    let mut prior = PriorState::load(&snapshot, &key, cohorts)?;
    let mut options = *options;
    let mut module_run = ModuleRun::new(store, module, cohorts);
    match prior.unfinished(&key) {
        Unfinished::Open(open) => {
            module_run.run(snapshot, prior, open, &options)?;
            if options.only_finish {
                return Ok(module_run.finish(&options));
            }
            snapshot = store.snapshot()?;
            prior = PriorState::load(&snapshot, &key, cohorts)?;
        }
        Unfinished::Lost { all_users } => options.all_users |= all_users,
        Unfinished::None => {}
    }
    match candidates::begin(&snapshot, &key, &prior, cohorts, &options)? {
        Some(open) => module_run.run(snapshot, prior, open, &options)?,
        None => module_run.count_members(&prior),
    }
    Ok(module_run.finish(&options))
}

//! One run of some or all cohorts of a module.

use muster_engine::{Cohort, EngineError, Reason, RunOptions, RunReport};
use muster_sandbox::Module;
use muster_store::Store;

/// The mode of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RunMode {
    /// All users are evaluated.
    pub(crate) all_users: bool,
    /// Every destination receives the whole cohort.
    pub(crate) resend: bool,
    /// The guard does not hold the run.
    pub(crate) unguarded: bool,
    /// The run only finishes an interrupted run, and begins no other after it.
    pub(crate) only_finish: bool,
    /// The reason in the run's record; `None`: that which the engine finds.
    pub(crate) reason: Option<Reason>,
}

/// Runs cohorts of a module. `part` is true if the module computes other cohorts too.
///
/// # Errors
/// The reason why the run failed, or [`EngineError::Stopped`]. Commits that were made stay.
pub(crate) fn run_cohorts(
    store: &Store,
    module: &Module,
    cohorts: &[Cohort],
    part: bool,
    mode: RunMode,
    options: &RunOptions<'_>,
) -> Result<RunReport, EngineError> {
    let options = RunOptions {
        all_users: mode.all_users,
        resend: mode.resend,
        alone: part,
        only_finish: mode.only_finish,
        reason: mode.reason,
        guard: options.guard.filter(|_| !mode.unguarded),
        ..*options
    };
    let report = muster_engine::run_module(store, module, cohorts, &options)?;
    if part {
        muster_engine::forget_module(store, module, cohorts)?;
    }
    Ok(report)
}

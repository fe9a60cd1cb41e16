//! A run that would change too much of a cohort is held until a user approves or rejects it.

use muster_sandbox::Module;
use muster_store::Snapshot;

use super::chunk_answers::ChunkAnswers;
use super::cohort_run::CohortRun;
use super::evaluating::Evaluating;
use crate::cohort::Cohort;
use crate::guard::Guard;
use crate::members::MembershipDiff;
use crate::prior_state::PriorState;
use crate::report::{HeldRun, Reason};
use crate::run_options::RunOptions;
use crate::state::UnfinishedRun;
use crate::{EngineError, state};

/// Returns the entries and exits that a cohort may have in this run; `None` for any number. A first
/// sync is not guarded, since all its members enter.
fn limit_of(guard: &Guard, running: &CohortRun) -> Option<u64> {
    let guarded = running.state.held.is_none() && running.state.reason != Reason::First;
    guarded
        .then(|| guard.limit(running.members.len()))
        .flatten()
}

/// The numbers of entries and exits of a cohort.
#[derive(Clone, Copy, Default)]
struct ChangeCounts {
    entered: u64,
    exited: u64,
}

impl ChangeCounts {
    fn add(&mut self, diff: &MembershipDiff) {
        self.entered += diff.entered.len();
        self.exited += diff.exited.len();
    }
}

/// A run whose first chunk is evaluated.
pub(super) struct GuardedRun<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) module: &'a Module,
    pub(super) cohorts: &'a [Cohort],
    pub(super) open: &'a UnfinishedRun,
    pub(super) options: &'a RunOptions<'a>,
    /// The number of users that the run evaluates.
    pub(super) candidates: u64,
}

/// Holds the cohorts with more entries and exits than the guard lets pass. `first` is the answers
/// of the first chunk. Further chunks are evaluated here ahead of their commit, and then a second
/// time when they are committed. So the changes of a whole run need not fit into memory.
pub(super) fn hold(
    guard: &Guard,
    run: &GuardedRun<'_>,
    first: &ChunkAnswers,
    running: &mut [CohortRun],
) -> Result<(), EngineError> {
    let limits: Vec<_> = running
        .iter()
        .map(|running| limit_of(guard, running))
        .collect();
    if limits
        .iter()
        .flatten()
        .all(|limit| run.candidates <= *limit)
    {
        return Ok(());
    }
    let mut changes = vec![ChangeCounts::default(); running.len()];
    let mut count = |answers: &ChunkAnswers| {
        let cohorts = (running.iter().zip(run.cohorts)).zip(&mut changes);
        for (((running, cohort), changes), now_in) in cohorts.zip(&answers.members) {
            let members = &running.members;
            changes.add(&members.diff(run.snapshot, &cohort.id, &answers.answered, now_in)?);
        }
        Ok::<_, EngineError>(())
    };
    count(first)?;
    if !first.last {
        let key = state::module_key(run.module, run.cohorts);
        let prior = PriorState::load(run.snapshot, &key, run.cohorts)?;
        let GuardedRun {
            snapshot,
            module,
            cohorts,
            open,
            options,
            ..
        } = run;
        let mut ahead = Evaluating::begin(snapshot, module, cohorts, &prior, open, options)?;
        let _first = ahead.next()?;
        while let Some(answers) = ahead.next()? {
            if options.stopped() {
                return Err(EngineError::Stopped);
            }
            count(&answers)?;
        }
    }
    for ((running, limit), changes) in running.iter_mut().zip(limits).zip(changes) {
        if limit.is_some_and(|limit| changes.entered + changes.exited > limit) {
            running.hold(HeldRun {
                at: run.open.now().to_string(),
                members: running.members.len(),
                entered: changes.entered,
                exited: changes.exited,
            });
        }
    }
    Ok(())
}

//! The guard: a run that would change too much of a cohort is held until a user approves or rejects
//! it.

use muster_sandbox::Module;
use muster_store::Snapshot;

use super::RunOptions;
use super::chunk_answers::ChunkAnswers;
use super::cohort_run::CohortRun;
use super::evaluating::Evaluating;
use crate::cohort::Cohort;
use crate::members::MembershipDiff;
use crate::prior_state::PriorState;
use crate::report::{HeldRun, Reason};
use crate::state::UnfinishedRun;
use crate::{EngineError, state};

/// The limits of the entries and exits that a run may make without approval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guard {
    /// The share of a cohort's members that may enter and exit together, in percent.
    pub percent: f64,
    /// The largest number of members of a cohort that is not guarded.
    pub members: u64,
}

impl Default for Guard {
    /// Returns the default guard: half of a cohort of more than a thousand members.
    fn default() -> Self {
        Self {
            percent: 50.0,
            members: 1_000,
        }
    }
}

impl Guard {
    /// Returns true if the guard holds a run with so many entries and exits in a cohort of so many
    /// members.
    #[must_use]
    pub fn holds(&self, members: u64, changes: u64) -> bool {
        self.limit(members).is_some_and(|limit| changes > limit)
    }

    /// Returns the entries and exits allowed in a cohort of so many members; `None` for any number.
    pub(super) fn limit(&self, members: u64) -> Option<u64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count"
        )]
        let limit = (members as f64 * self.percent / 100.0) as u64;
        (members > self.members).then_some(limit)
    }

    /// Returns the entries and exits that a cohort may have in this run; `None` for any number. A
    /// first sync is not guarded, since all its members enter.
    fn of(&self, running: &CohortRun) -> Option<u64> {
        let guarded = running.state.held.is_none() && running.state.reason != Reason::First;
        guarded.then(|| self.limit(running.members.len())).flatten()
    }
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
    let limits: Vec<_> = running.iter().map(|running| guard.of(running)).collect();
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

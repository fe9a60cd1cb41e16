//! Runs of a module: candidates, evaluation, diff, commit; and previews, which commit nothing.

mod chunk_answers;
mod cohort_run;
mod committing;
mod cuts;
mod evaluating;
mod guard;
#[cfg(test)]
mod guest;
mod preview;
mod recording;
mod sending;
#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use muster_model::Millis;
use muster_sandbox::Module;
use muster_store::{ModuleKey, Snapshot, Store};

use crate::cohort::Cohort;
use crate::failures::Failures;
use crate::lists::StaticLists;
use crate::prior_state::{PriorState, Unfinished};
use crate::report::{CohortReport, Reason, RunReport, SkippedUsers};
use crate::state::{self, UnfinishedRun};
use crate::{EngineError, candidates};
use cohort_run::{CohortRun, RunIdentity};
use evaluating::Evaluating;
use sending::EvaluatedChunk;

pub use cuts::COMMIT_BYTES;
pub use guard::Guard;
pub use preview::preview;

/// The number of users of a chunk of a large run, whose answers are in memory at once. A chunk is
/// one commit, or several where it makes many messages ([`COMMIT_BYTES`]).
pub const CHUNK_USERS: usize = 256 * 1024;

/// The bytes of messages after which a run reads from a new snapshot. The database cannot reuse
/// pages that an older snapshot might still read, and messages that were sent meanwhile leave such
/// pages behind.
const SNAPSHOT_BYTES: u64 = 256 * 1024 * 1024;

/// A callback for the progress of a run: evaluated users, of how many.
pub type RunProgress<'a> = &'a (dyn Fn(u64, u64) + std::marker::Sync);

/// The options of a run.
#[derive(Clone, Copy)]
pub struct RunOptions<'a> {
    /// The clock of the run.
    pub now: Millis,
    /// The number of threads that evaluate batches.
    pub workers: NonZero<usize>,
    /// The number of users of a chunk.
    pub chunk_users: usize,
    /// The approximate bytes of messages of a commit.
    pub commit_bytes: u64,
    /// The lists that modules may read.
    pub lists: &'a StaticLists,
    /// Called after each batch.
    pub progress: RunProgress<'a>,
    /// True to evaluate all users, changed or not.
    pub all_users: bool,
    /// True to evaluate all users and send every destination a full sync.
    pub resend: bool,
    /// True if these cohorts are a part of those that the module is otherwise run for. This run
    /// evaluates all users, and the runs of all its cohorts go on from where they were.
    pub alone: bool,
    /// True to finish a run that was cut off, and begin no other after it.
    pub only_finish: bool,
    /// The reason of the run, if it is neither the schedule nor a change of the module or its
    /// cohorts.
    pub reason: Option<Reason>,
    /// The guard; `None` lets all entries and exits pass and releases a held run.
    pub guard: Option<Guard>,
    /// A flag that ends the run between two chunks with [`EngineError::Stopped`].
    pub stop: Option<&'a AtomicBool>,
}

impl RunOptions<'_> {
    /// Returns the options of a run at an instant, on all processors, without lists.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self {
            now,
            workers,
            chunk_users: CHUNK_USERS,
            commit_bytes: COMMIT_BYTES,
            lists: StaticLists::NONE,
            progress: &|_, _| {},
            all_users: false,
            resend: false,
            alone: false,
            only_finish: false,
            reason: None,
            guard: None,
            stop: None,
        }
    }

    fn stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

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

struct ModuleRun<'a> {
    store: &'a Store,
    module: &'a Module,
    key: ModuleKey,
    cohorts: &'a [Cohort],
    failures: Failures,
    started: Instant,
    report: RunReport,
}

impl<'a> ModuleRun<'a> {
    fn new(store: &'a Store, module: &'a Module, cohorts: &'a [Cohort]) -> Self {
        let report = |cohort: &Cohort| CohortReport {
            id: cohort.id.clone(),
            reason: Reason::Scheduled,
            members: 0,
            entered: 0,
            exited: 0,
            messages: 0,
            held: None,
        };
        let report = RunReport {
            now: Millis(0),
            candidates: 0,
            evaluated: 0,
            skipped: Vec::new(),
            cohorts: cohorts.iter().map(report).collect(),
            duration: std::time::Duration::ZERO,
        };
        Self {
            store,
            module,
            key: state::module_key(module, cohorts),
            cohorts,
            failures: Failures::of(cohorts),
            started: Instant::now(),
            report,
        }
    }

    fn finish(mut self, options: &RunOptions<'_>) -> RunReport {
        self.report.now = options.now;
        self.report.duration = self.started.elapsed();
        self.report
    }

    fn count_members(&mut self, prior: &PriorState) {
        for (cohort, report) in prior.cohorts.iter().zip(&mut self.report.cohorts) {
            report.members = cohort.members.len();
        }
    }

    /// Evaluates the remaining users of an open run, and commits chunk by chunk.
    fn run(
        &mut self,
        mut snapshot: Snapshot,
        mut prior: PriorState,
        mut open: UnfinishedRun,
        options: &RunOptions<'_>,
    ) -> Result<(), EngineError> {
        let (module, cohorts) = (self.module, self.cohorts);
        let mut state = prior.module.clone().unwrap_or_default();
        let mut running = Vec::new();
        let identity = RunIdentity::of(&snapshot, module, &self.key, &open, options);
        for ((cohort, prior), report) in
            (cohorts.iter().zip(&prior.cohorts)).zip(&mut self.report.cohorts)
        {
            let mut cohort = CohortRun::new(prior.clone(), cohort, &identity, &open, options);
            // The expiries of the module count from its own clock. They do not cover members that
            // were computed at an earlier clock.
            if options.alone
                && state::clock_of_its_module(&snapshot, &cohort.state)?
                    .is_some_and(|clock| clock > options.now)
            {
                cohort.state.module_key.clear();
            }
            report.reason = cohort.state.reason;
            running.push(cohort);
        }
        let mut guard = options.guard.filter(|_| open.next_user == 0);
        let mut total = None;
        loop {
            let before = AtomicU64::new(0);
            let progress = |evaluated, left| {
                let before = before.load(Ordering::Relaxed);
                (options.progress)(before + evaluated, before + left);
            };
            let options = &RunOptions {
                progress: &progress,
                ..*options
            };
            let mut evaluating =
                Evaluating::begin(&snapshot, module, cohorts, &prior, &open, options)?;
            let left = evaluating.candidates();
            if total.is_none() {
                self.report.candidates += left;
            }
            if open.next_user == 0 {
                open.candidates = left;
            }
            let total = *total.get_or_insert(left);
            before.store(total.saturating_sub(left), Ordering::Relaxed);
            let mut bytes = 0;
            while bytes < SNAPSHOT_BYTES {
                if options.stopped() {
                    return Err(EngineError::Stopped);
                }
                let Some(answers) = evaluating.next()? else {
                    return Ok(());
                };
                if let Some(guard) = guard.take() {
                    let run = guard::GuardedRun {
                        snapshot: &snapshot,
                        module,
                        cohorts,
                        open: &open,
                        options,
                        candidates: evaluating.candidates(),
                    };
                    guard::hold(&guard, &run, &answers, &mut running)?;
                }
                self.report.evaluated += answers.evaluated;
                open.evaluated += answers.evaluated;
                for skipped in &answers.skipped {
                    SkippedUsers::add(&mut self.report.skipped, skipped);
                    SkippedUsers::add(&mut open.skipped, skipped);
                }
                let chunk = EvaluatedChunk {
                    snapshot: &snapshot,
                    answers,
                    commit_bytes: options.commit_bytes,
                };
                let last = chunk.answers.last;
                bytes += self.commit(chunk, &mut state, &mut open, &mut running)?;
                if last {
                    return Ok(());
                }
            }
            drop(evaluating);
            snapshot = self.store.snapshot()?;
            prior = PriorState::load(&snapshot, &self.key, cohorts)?;
        }
    }
}

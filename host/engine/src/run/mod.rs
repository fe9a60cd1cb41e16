//! One tick of one rule: candidates, evaluation, diff, commit; or a preview of it, which commits
//! nothing.

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

/// How many users a chunk of a large tick has, whose answers are in memory at once. It is one
/// commit, or several where many messages come of it ([`COMMIT_BYTES`]).
pub const CHUNK_USERS: usize = 256 * 1024;

/// After so many bytes of messages a run reads from a new snapshot: pages that an older one might
/// still read cannot be used again, and the messages that were sent meanwhile leave such pages
/// behind.
const SNAPSHOT_BYTES: u64 = 256 * 1024 * 1024;

/// How far a tick is: users asked, of how many.
pub type RunProgress<'a> = &'a (dyn Fn(u64, u64) + std::marker::Sync);

/// How a tick runs.
#[derive(Clone, Copy)]
pub struct RunOptions<'a> {
    /// Its clock.
    pub now: Millis,
    /// Threads that evaluate batches.
    pub workers: NonZero<usize>,
    /// Users of a chunk.
    pub chunk_users: usize,
    /// About how many bytes of messages a commit has.
    pub commit_bytes: u64,
    /// The lists that rules may read.
    pub lists: &'a StaticLists,
    /// Told of each batch that is done.
    pub progress: RunProgress<'a>,
    /// Ask everybody, whether they have news or not.
    pub all_users: bool,
    /// Ask everybody, and tell every destination the whole cohort again.
    pub resend: bool,
    /// These cohorts are a part of those that the rule is otherwise run for: everybody is asked,
    /// and the runs of all go on from where they were.
    pub alone: bool,
    /// A run that was cut off is finished, and no other is begun after it.
    pub only_finish: bool,
    /// Why it runs, if it is neither as scheduled nor for what happened to the rule or its cohorts.
    pub reason: Option<Reason>,
    /// What may move at once; `None`: everything, and what is held is let go.
    pub guard: Option<Guard>,
    /// Set to true, it ends the tick between two chunks with [`EngineError::Stopped`].
    pub stop: Option<&'a AtomicBool>,
}

impl RunOptions<'_> {
    /// A tick at an instant, on all processors, without lists.
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

/// Runs one tick of a rule for its cohorts, first finishing one that was cut off. Of the same
/// cohorts there must be one tick at a time.
///
/// It may be asked for some of a rule's cohorts alone ([`TickOptions::alone`]), as for others at
/// another time: the store knows a rule together with the cohorts it is asked for, so everybody is
/// asked about them, and the other cohorts are not touched.
///
/// # Errors
/// When it is stopped, the store fails, the rule answers for other cohorts, or reads a time zone or
/// a list that there is not. Nothing is left half done: what was committed is consistent, and the
/// next call goes on.
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
    let mut tick = ModuleRun::new(store, module, cohorts);
    match prior.unfinished(&key) {
        Unfinished::Open(open) => {
            tick.run(snapshot, prior, open, &options)?;
            if options.only_finish {
                return Ok(tick.finish(&options));
            }
            snapshot = store.snapshot()?;
            prior = PriorState::load(&snapshot, &key, cohorts)?;
        }
        Unfinished::Lost { everybody } => options.all_users |= everybody,
        Unfinished::None => {}
    }
    match candidates::begin(&snapshot, &key, &prior, cohorts, &options)? {
        Some(open) => tick.run(snapshot, prior, open, &options)?,
        None => tick.count_members(&prior),
    }
    Ok(tick.finish(&options))
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

    /// Asks everybody who remains of an open tick, and commits chunk by chunk.
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
            // Deadlines of the rule look forward from its own clock. Members as of an earlier one
            // do not follow it.
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
            let progress = |asked, left| {
                let before = before.load(Ordering::Relaxed);
                (options.progress)(before + asked, before + left);
            };
            let options = &RunOptions {
                progress: &progress,
                ..*options
            };
            let mut asking = Evaluating::begin(&snapshot, module, cohorts, &prior, &open, options)?;
            let left = asking.candidates();
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
                let Some(answers) = asking.next()? else {
                    return Ok(());
                };
                if let Some(guard) = guard.take() {
                    let run = guard::GuardedRun {
                        snapshot: &snapshot,
                        module,
                        cohorts,
                        open: &open,
                        options,
                        candidates: asking.candidates(),
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
            drop(asking);
            snapshot = self.store.snapshot()?;
            prior = PriorState::load(&snapshot, &self.key, cohorts)?;
        }
    }
}

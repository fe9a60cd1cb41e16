//! One run of a module: its chunks, one after another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use muster_model::Millis;
use muster_sandbox::Module;
use muster_store::{ModuleKey, Snapshot, Store};

use super::cohort_run::{CohortRun, RunIdentity};
use super::evaluating::Evaluating;
use super::holding;
use super::sending::EvaluatedChunk;
use crate::EngineError;
use crate::cohort::Cohort;
use crate::failures::Failures;
use crate::prior_state::PriorState;
use crate::report::{CohortReport, Reason, RunReport, SkippedUsers};
use crate::run_options::RunOptions;
use crate::state::{self, UnfinishedRun};

/// The bytes of messages after which a run reads from a new snapshot. The database cannot reuse
/// pages that an older snapshot might still read, and messages that were sent meanwhile leave such
/// pages behind.
const SNAPSHOT_BYTES: u64 = 256 * 1024 * 1024;

/// A run of a module.
pub(super) struct ModuleRun<'a> {
    pub(super) store: &'a Store,
    module: &'a Module,
    pub(super) key: ModuleKey,
    pub(super) cohorts: &'a [Cohort],
    pub(super) failures: Failures,
    pub(super) started: Instant,
    pub(super) report: RunReport,
}

impl<'a> ModuleRun<'a> {
    pub(super) fn new(store: &'a Store, module: &'a Module, cohorts: &'a [Cohort]) -> Self {
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

    pub(super) fn finish(mut self, options: &RunOptions<'_>) -> RunReport {
        self.report.now = options.now;
        self.report.duration = self.started.elapsed();
        self.report
    }

    pub(super) fn count_members(&mut self, prior: &PriorState) {
        for (cohort, report) in prior.cohorts.iter().zip(&mut self.report.cohorts) {
            report.members = cohort.members.len();
        }
    }

    /// Evaluates the remaining users of an open run, and commits chunk by chunk.
    pub(super) fn run(
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
                    let run = holding::GuardedRun {
                        snapshot: &snapshot,
                        module,
                        cohorts,
                        open: &open,
                        options,
                        candidates: evaluating.candidates(),
                    };
                    holding::hold(&guard, &run, &answers, &mut running)?;
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

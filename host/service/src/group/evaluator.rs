//! One run of a group's cohorts: its permit, its locks and its results.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_engine::{Cohort, EngineError, Reason, RunOptions, RunReport, StaticLists};
use muster_model::Millis;
use muster_sandbox::Module;
use muster_store::{Snapshot, Store};
use muster_tasks::blocking;
use tokio_util::sync::CancellationToken;

use crate::requests::{RunMode, run_cohorts};
use crate::state::ServiceState;

/// The evaluation of a group's cohorts. Both runners and all requests use it. Clones belong to the
/// same group.
#[derive(Clone)]
pub(super) struct Evaluator {
    pub(super) state: Arc<ServiceState>,
    pub(super) module: Module,
    pub(super) cohorts: Arc<[Cohort]>,
    pub(super) lists: Arc<StaticLists>,
    /// A run needs a permit. Real-time runs need none: they are small, and no other run may delay
    /// them.
    pub(super) permitted: bool,
    pub(super) stop: CancellationToken,
}

impl Evaluator {
    /// Runs all cohorts of the group.
    ///
    /// # Errors
    /// Returns [`EngineError::Stopped`] when the group is stopped; otherwise the reason why the run
    /// failed. Commits that were made stay.
    pub(super) async fn run_all(&self, mode: RunMode) -> Result<RunReport, EngineError> {
        self.run(self.cohorts.to_vec(), mode).await
    }

    /// Runs some or all cohorts of the group.
    ///
    /// # Errors
    /// As for [`Self::run_all`].
    pub(super) async fn run(
        &self,
        cohorts: Vec<Cohort>,
        mut mode: RunMode,
    ) -> Result<RunReport, EngineError> {
        let cohorts: Arc<[Cohort]> = cohorts.into();
        let part = cohorts.len() < self.cohorts.len();
        let _permit = self.until_stopped(self.permit()).await?;
        let _module = match part {
            true => Some(self.until_stopped(self.state.locks.modules.read()).await?),
            false => None,
        };
        loop {
            match self.run_or_release(&cohorts, mode, part).await {
                Err(EngineError::Stopped) if !self.stop.is_cancelled() => {}
                Err(error) => return Err(error),
                Ok(report) => {
                    self.done(&report);
                    return Ok(report);
                }
            }
            // A run that has begun continues, and does not begin a second time.
            let (module, begun) = (self.module.clone(), Arc::clone(&cohorts));
            let goes_on =
                self.read(move |snapshot| muster_engine::goes_on(snapshot, &module, &begun));
            mode.only_finish = goes_on.await?;
        }
    }

    /// Runs cohorts to the end, or to a commit at which a request wants the states of all cohorts.
    /// In the second case the run has released the states, and the result is
    /// [`EngineError::Stopped`].
    async fn run_or_release(
        &self,
        cohorts: &Arc<[Cohort]>,
        mode: RunMode,
        part: bool,
    ) -> Result<RunReport, EngineError> {
        let locks = &self.state.locks;
        let _states = self.until_stopped(locks.states.read()).await?;
        let now = self.state.clock.now();
        let stop = Arc::new(AtomicBool::new(self.stop.is_cancelled()));
        let work = {
            let (evaluator, stop) = (self.clone(), Arc::clone(&stop));
            let cohorts = Arc::clone(cohorts);
            blocking(move || evaluator.evaluate(&cohorts, mode, now, &stop, part))
        };
        tokio::pin!(work);
        tokio::select! {
            report = &mut work => return report,
            () = self.stop.cancelled() => {}
            () = locks.wanted() => {}
        }
        stop.store(true, Ordering::Relaxed);
        work.await
    }

    fn evaluate(
        &self,
        cohorts: &[Cohort],
        mode: RunMode,
        now: Millis,
        stop: &AtomicBool,
        part: bool,
    ) -> Result<RunReport, EngineError> {
        #[cfg(test)]
        self.state.faults.inject_run_fault(cohorts)?;
        let state = &self.state;
        let options = RunOptions {
            lists: &self.lists,
            guard: state.guard,
            stop: Some(stop),
            ..state.runs.at(now)
        };
        run_cohorts(&state.store, &self.module, cohorts, part, mode, &options)
    }

    /// Changes the state of cohorts of the group outside a run. Only the group's own task may call
    /// it, so that none of the cohorts has a run under way.
    ///
    /// # Errors
    /// Returns [`EngineError::Stopped`] when the group is stopped; otherwise the reason why the
    /// change failed.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Store, Millis) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let _states = self.until_stopped(self.state.locks.states.read()).await?;
        let state = Arc::clone(&self.state);
        blocking(move || change(&state.store, state.clock.now())).await
    }

    /// Reads the store.
    ///
    /// # Errors
    /// Returns an error when the store fails.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let state = Arc::clone(&self.state);
        blocking(move || read(&state.store.snapshot()?)).await
    }

    /// Notes the instant of the cohorts' next evaluation.
    pub(super) fn note_next(&self, next: Option<Millis>) {
        let mut active = self.state.active();
        for cohort in self.cohorts.iter() {
            active.cohorts.entry(cohort.id.clone()).or_default().next = next;
        }
    }

    /// Notes that a run failed as a whole.
    pub(super) fn failed(&self, why: &str) {
        let mut active = self.state.active();
        for cohort in self.cohorts.iter() {
            tracing::error!(cohort = %cohort.id, "not evaluated, membership kept: {why}");
            active.cohorts.entry(cohort.id.clone()).or_default().error = Some(why.to_owned());
        }
        drop(active);
        let ids = self.cohorts.iter().map(|cohort| &cohort.id);
        self.state.metrics.failed(ids);
    }

    async fn permit(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        match self.permitted {
            true => self.state.permits.acquire().await.ok(),
            false => None,
        }
    }

    /// Waits for a future, unless the group is stopped: others may hold a lock for as long as a
    /// first sync takes.
    async fn until_stopped<T>(&self, wait: impl Future<Output = T>) -> Result<T, EngineError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(EngineError::Stopped),
            got = wait => Ok(got),
        }
    }

    fn done(&self, report: &RunReport) {
        let mut active = self.state.active();
        for cohort in &report.cohorts {
            let known = active.cohorts.entry(cohort.id.clone()).or_default();
            known.last = Some(report.now);
            known.error = None;
            if let Some(held) = &cohort.held
                && held.at == report.now.to_string()
            {
                tracing::warn!(
                    cohort = %cohort.id, members = held.members, entered = held.entered, exited = held.exited,
                    "the guard holds a run that would change many members: approve it with `muster approve {id}` or drop it with `muster reject {id}`", id = cohort.id
                );
            } else if cohort.entered + cohort.exited > 0 || cohort.reason != Reason::Scheduled {
                tracing::info!(
                    cohort = %cohort.id, reason = cohort.reason.as_str(), members = cohort.members, entered = cohort.entered,
                    exited = cohort.exited, messages = cohort.messages, "ran"
                );
            }
        }
        drop(active);
        // Users who wait for another attempt were reported when the module failed for them.
        for skipped in report.skipped.iter().filter(|skipped| !skipped.is_known()) {
            let cohort = self.cohorts.first().map_or("", |cohort| cohort.id.as_str());
            tracing::warn!(
                cohort,
                users = skipped.users,
                "not evaluated, membership kept: {}",
                skipped.reason
            );
        }
        self.state.metrics.ran(report);
    }
}

//! What all parts of the running service share.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_engine::{Guard, RunOptions};
use muster_ingest::SourceStats;
use muster_model::Millis;
use muster_store::Store;
use tokio::sync::{Notify, RwLock, RwLockWriteGuard, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::active::ActiveCohorts;
use super::clock::Clock;
use super::delivery::Health;
use super::metrics::Metrics;
use super::supervisor::ServiceParts;

/// Runs of scheduled cohorts at the same time. Each uses all processors and keeps a chunk of users
/// in memory, so more would only take memory.
const PERMITS: usize = 2;

/// The running service, as its parts see it.
pub(crate) struct ServiceState {
    pub(crate) store: Store,
    /// The project's folder.
    pub(crate) directory: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) guard: Option<Guard>,
    pub(crate) runs: RunSettings,
    /// How often a destination that nobody wakes looks into the outbox.
    pub(crate) fingerprints: Duration,
    /// Told to end: no new work is begun.
    pub(crate) stopping: CancellationToken,
    /// The store takes nothing any more before it is opened anew.
    pub(crate) broken: CancellationToken,
    pub(crate) locks: Locks,
    /// Permits for runs of scheduled cohorts.
    pub(crate) permits: Semaphore,
    /// Each destination of muster.yaml.
    pub(crate) destinations: BTreeMap<String, Arc<DestinationState>>,
    pub(crate) sources: Vec<(String, Arc<SourceStats>)>,
    pub(crate) metrics: Metrics,
    /// Parts that failed.
    pub(crate) parts: Arc<ServiceParts>,
    active: Mutex<ActiveCohorts>,
    /// What tests make go wrong.
    #[cfg(test)]
    pub(crate) faults: super::tests::InjectedFaults,
}

/// Who may change what at the same time. A cohort's state is read, changed and written: by its
/// group's task, one at a time, under `states` for reading; by what touches any cohort (`forget`),
/// under `states` for writing.
#[derive(Default)]
pub(crate) struct Locks {
    /// The states and members of cohorts.
    pub(crate) states: Arc<RwLock<()>>,
    /// Held for as long as states of cohorts of any group are changed beside runs, after `states`
    /// if that is needed, too. Whoever changes only cohorts of which no run is under way needs no
    /// other lock, and does not wait for the runs of others.
    pub(crate) beside: Arc<tokio::sync::Mutex<()>>,
    /// What the store keeps of modules: runs of a part of a module's cohorts hold it for reading,
    /// the clean-up of old modules for writing.
    pub(crate) modules: Arc<RwLock<()>>,
    /// How many wait for the states of all cohorts.
    wanted: watch::Sender<usize>,
}

impl Locks {
    /// Takes the states of all cohorts. Runs under way let go of them at their next commit, and go
    /// on when this is dropped: nobody waits for a first sync of millions, nor behind one who does.
    pub(crate) async fn all_states(&self) -> RwLockWriteGuard<'_, ()> {
        let _wanted = WaitingRequest::begin(&self.wanted);
        self.states.write().await
    }

    /// Waits until somebody wants the states of all cohorts.
    pub(crate) async fn wanted(&self) {
        let mut wanted = self.wanted.subscribe();
        // The sender lives as long as this.
        let _ = wanted.wait_for(|waiting| *waiting > 0).await;
    }
}

/// Counts one who waits, for as long as it does so or is dropped.
struct WaitingRequest<'a>(&'a watch::Sender<usize>);

impl<'a> WaitingRequest<'a> {
    fn begin(wanted: &'a watch::Sender<usize>) -> Self {
        wanted.send_modify(|waiting| *waiting += 1);
        Self(wanted)
    }
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

/// How a run divides its work. Tests make chunks small and watch them.
#[derive(Clone)]
pub(crate) struct RunSettings {
    /// Users a commit covers.
    pub(crate) chunk_users: usize,
    /// Threads that evaluate.
    pub(crate) workers: NonZero<usize>,
    /// Told of each batch that is evaluated: users so far, and of how many.
    pub(crate) progress: Arc<dyn Fn(u64, u64) + Send + Sync>,
}

impl Default for RunSettings {
    fn default() -> Self {
        let RunOptions {
            chunk_users,
            workers,
            ..
        } = RunOptions::at(Millis(0));
        Self {
            chunk_users,
            workers,
            progress: Arc::new(|_, _| {}),
        }
    }
}

impl RunSettings {
    /// The options of a run at an instant.
    pub(crate) fn at(&self, now: Millis) -> RunOptions<'_> {
        RunOptions {
            chunk_users: self.chunk_users,
            workers: self.workers,
            progress: &*self.progress,
            ..RunOptions::at(now)
        }
    }
}

/// A destination as the service sees it.
#[derive(Default)]
pub(crate) struct DestinationState {
    /// Woken when a commit has put messages for it into the outbox.
    pub(crate) wake: Notify,
    pub(crate) health: Mutex<Health>,
}

impl DestinationState {
    pub(crate) fn health(&self) -> Health {
        self.health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What a host begins with.
pub(crate) struct Begin {
    pub(crate) store: Store,
    pub(crate) directory: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) guard: Option<Guard>,
    pub(crate) runs: RunSettings,
    pub(crate) fingerprints: Duration,
    pub(crate) destinations: BTreeMap<String, Arc<DestinationState>>,
    pub(crate) sources: Vec<(String, Arc<SourceStats>)>,
}

impl ServiceState {
    pub(crate) fn new(begin: Begin) -> Self {
        Self {
            store: begin.store,
            directory: begin.directory,
            clock: begin.clock,
            guard: begin.guard,
            runs: begin.runs,
            fingerprints: begin.fingerprints,
            stopping: CancellationToken::new(),
            broken: CancellationToken::new(),
            locks: Locks::default(),
            permits: Semaphore::new(PERMITS),
            destinations: begin.destinations,
            sources: begin.sources,
            metrics: Metrics::new(),
            parts: Arc::default(),
            active: Mutex::default(),
            #[cfg(test)]
            faults: super::tests::InjectedFaults::default(),
        }
    }

    pub(crate) fn active(&self) -> MutexGuard<'_, ActiveCohorts> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

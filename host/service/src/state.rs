//! The state that all parts of the running service share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster_engine::Guard;
use muster_ingest::SourceStats;
use muster_store::Store;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{RwLock, RwLockWriteGuard, Semaphore, watch};

use super::active::ActiveCohorts;
use super::clock::Clock;
use super::health::DestinationState;
use super::metrics::Metrics;
use super::run_settings::RunSettings;
use super::shutdown::Shutdown;
use super::supervisor::ServiceParts;

/// The number of runs of scheduled cohorts at the same time. Each run uses all processors and keeps
/// a chunk of users in memory, so more runs would only take more memory.
const PERMITS: usize = 2;

/// The running service, as its parts see it.
pub(crate) struct ServiceState {
    pub(crate) store: Store,
    /// The project's folder.
    pub(crate) directory: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) guard: Option<Guard>,
    pub(crate) runs: RunSettings,
    /// The time between two reads of the outbox by a destination that no commit wakes.
    pub(crate) outbox_poll: Duration,
    pub(crate) shutdown: Shutdown,
    pub(crate) locks: Locks,
    /// Permits for runs of scheduled cohorts.
    pub(crate) permits: Semaphore,
    /// Each destination of muster.yaml.
    pub(crate) destinations: BTreeMap<String, Arc<DestinationState>>,
    pub(crate) sources: Vec<(String, Arc<SourceStats>)>,
    pub(crate) metrics: Metrics,
    /// The parts that failed.
    pub(crate) parts: Arc<ServiceParts>,
    active: Mutex<ActiveCohorts>,
    /// The faults that tests inject.
    #[cfg(test)]
    pub(crate) faults: super::tests::InjectedFaults,
}

/// The locks on the state of cohorts. A group's task reads, changes and writes the states of its
/// cohorts one at a time, and holds `states` for reading. Work that touches any cohort (`forget`)
/// holds `states` for writing.
#[derive(Default)]
pub(crate) struct Locks {
    /// The states and members of cohorts.
    pub(crate) states: Arc<RwLock<()>>,
    /// A lock that is held while the states of any group's cohorts change outside runs. Work that
    /// needs `states` too takes `states` first. Work on cohorts without a run under way needs only
    /// this lock, and does not wait for the runs of other cohorts.
    pub(crate) outside_runs: Arc<tokio::sync::Mutex<()>>,
    /// The store's data about modules. A run of some of a module's cohorts holds the lock for
    /// reading, the clean-up of old modules holds it for writing.
    pub(crate) modules: Arc<RwLock<()>>,
    /// The number of requests that wait for the states of all cohorts.
    wanted: watch::Sender<usize>,
}

impl Locks {
    /// Takes the states of all cohorts. Runs under way release them at their next commit, and
    /// continue when the guard is dropped. So no request waits for a first sync of millions of
    /// users, nor behind a request that does.
    pub(crate) async fn all_states(&self) -> RwLockWriteGuard<'_, ()> {
        let _wanted = WaitingRequest::begin(&self.wanted);
        self.states.write().await
    }

    /// Waits until a request wants the states of all cohorts.
    pub(crate) async fn wanted(&self) {
        let mut wanted = self.wanted.subscribe();
        // The sender lives as long as `self`.
        let _ = wanted.wait_for(|waiting| *waiting > 0).await;
    }
}

/// A request that waits, and is counted until it is dropped.
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

/// The values that a service starts with.
pub(crate) struct InitialState {
    pub(crate) store: Store,
    pub(crate) directory: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) guard: Option<Guard>,
    pub(crate) runs: RunSettings,
    pub(crate) outbox_poll: Duration,
    pub(crate) destinations: BTreeMap<String, Arc<DestinationState>>,
    pub(crate) sources: Vec<(String, Arc<SourceStats>)>,
    pub(crate) shutdown: Shutdown,
}

impl ServiceState {
    pub(crate) fn new(initial: InitialState) -> Self {
        Self {
            store: initial.store,
            directory: initial.directory,
            clock: initial.clock,
            guard: initial.guard,
            runs: initial.runs,
            outbox_poll: initial.outbox_poll,
            shutdown: initial.shutdown,
            locks: Locks::default(),
            permits: Semaphore::new(PERMITS),
            destinations: initial.destinations,
            sources: initial.sources,
            metrics: Metrics::new(),
            parts: Arc::default(),
            active: Mutex::default(),
            #[cfg(test)]
            faults: super::tests::InjectedFaults::default(),
        }
    }

    pub(crate) fn active(&self) -> MutexGuard<'_, ActiveCohorts> {
        self.active.lock()
    }

    /// Returns the state of a destination. One that muster.yaml does not have gets a state that
    /// no one reads.
    pub(crate) fn destination(&self, name: &str) -> Arc<DestinationState> {
        self.destinations.get(name).cloned().unwrap_or_default()
    }
}

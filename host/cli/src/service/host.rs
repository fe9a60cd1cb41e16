//! What all parts of the running service share.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_engine::{Guard, TickOptions};
use muster_ingest::SourceStats;
use muster_model::{CohortId, Millis};
use muster_store::Store;
use tokio::sync::{Notify, RwLock, Semaphore};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::delivery::Health;
use super::metrics::Metrics;

/// Ticks that evaluate at the same time: each uses all processors and keeps a chunk of users in memory, so more would only take memory.
const TICKS: usize = 2;

/// The running service, as its parts see it.
pub(crate) struct Host {
    pub(crate) store: Store,
    /// The project's folder.
    pub(crate) directory: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) guard: Option<Guard>,
    pub(crate) runs: Runs,
    /// Told to end: no new work is begun.
    pub(crate) stopping: CancellationToken,
    /// The store takes nothing any more before it is opened anew.
    pub(crate) broken: CancellationToken,
    /// Ends ticks between two chunks.
    pub(crate) stop_ticks: AtomicBool,
    /// Ticks hold it for reading; whoever changes what ticks rely on, for writing.
    pub(crate) ticking: RwLock<()>,
    pub(crate) ticks: Semaphore,
    /// Woken when messages have come into the outbox, each destination its own.
    pub(crate) destinations: BTreeMap<String, Arc<Destination>>,
    pub(crate) sources: Vec<(String, Arc<SourceStats>)>,
    pub(crate) metrics: Metrics,
    live: Mutex<Live>,
}

/// How a run divides its work. Tests make chunks small and watch them.
pub(crate) struct Runs {
    /// Users a commit covers.
    pub(crate) chunk_users: usize,
    /// Threads that evaluate.
    pub(crate) workers: NonZero<usize>,
    /// Told of each batch that is evaluated: users so far, and of how many.
    pub(crate) progress: Arc<dyn Fn(u64, u64) + Send + Sync>,
}

impl Default for Runs {
    fn default() -> Self {
        let TickOptions {
            chunk_users,
            workers,
            ..
        } = TickOptions::at(Millis(0));
        Self {
            chunk_users,
            workers,
            progress: Arc::new(|_, _| {}),
        }
    }
}

impl Runs {
    /// The options of a run at an instant.
    pub(crate) fn at(&self, now: Millis) -> TickOptions<'_> {
        TickOptions {
            chunk_users: self.chunk_users,
            workers: self.workers,
            progress: &*self.progress,
            ..TickOptions::at(now)
        }
    }
}

/// A destination as the service sees it.
#[derive(Default)]
pub(crate) struct Destination {
    pub(crate) wake: Notify,
    pub(crate) health: Mutex<Health>,
}

impl Destination {
    pub(crate) fn health(&self) -> Health {
        self.health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What is known of the cohorts while the service runs.
#[derive(Default)]
pub(crate) struct Live {
    pub(crate) cohorts: BTreeMap<CohortId, LiveCohort>,
    /// Why the definitions on disk are not those in force.
    pub(crate) definitions: Option<String>,
    /// What the retention would drop and does not, because it is so much.
    pub(crate) retention: Option<serde_json::Value>,
    /// All groups have had their first look at what was missed.
    pub(crate) caught_up: bool,
}

/// What is known of a cohort while the service runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveCohort {
    /// When it is computed next; `None` in real time, as long as nobody's answer runs out.
    pub(crate) next: Option<Millis>,
    /// The clock of its latest run.
    pub(crate) last: Option<Millis>,
    /// Why its latest run failed.
    pub(crate) trouble: Option<String>,
}

impl Host {
    #[expect(clippy::too_many_arguments, reason = "each is a part of the service")]
    pub(crate) fn new(
        store: Store,
        directory: PathBuf,
        clock: Clock,
        guard: Option<Guard>,
        destinations: impl Iterator<Item = String>,
        sources: Vec<(String, Arc<SourceStats>)>,
        metrics: Metrics,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            store,
            directory,
            clock,
            guard,
            runs: Runs::default(),
            stopping,
            broken: CancellationToken::new(),
            stop_ticks: AtomicBool::new(false),
            ticking: RwLock::new(()),
            ticks: Semaphore::new(TICKS),
            destinations: destinations.map(|name| (name, Arc::default())).collect(),
            sources,
            metrics,
            live: Mutex::default(),
        }
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages have come into the outbox.
    pub(crate) fn wake_destinations(&self) {
        for destination in self.destinations.values() {
            destination.wake.notify_one();
        }
    }

    /// Begins the end: no new work, and ticks stop between two chunks.
    pub(crate) fn stop(&self) {
        self.stop_ticks.store(true, Ordering::Relaxed);
        self.stopping.cancel();
    }
}

//! The running service: sources, cohorts at their cadences, destinations, and the requests of other
//! commands.
//!
//! | file | |
//! |---|---|
//! | `state.rs`, `settings.rs`, `active.rs` | what all parts share |
//! | `clock.rs` | the clock that runs use |
//! | `supervisor.rs` | owns every task, restarts a failed one after a wait (`backoff.rs`) |
//! | `group/` | cohorts that share a module and a cadence: when and how they are evaluated |
//! | `activation.rs`, `definitions.rs` | activation of definitions, checks for changed files |
//! | `sources.rs`, `delivery.rs`, `maintenance.rs` | events in, messages out, work on the store |
//! | `control.rs` | the requests of other commands |
//! | `operations.rs`, `metrics.rs`, `logs.rs` | what operators read |
//! | `descriptors.rs` | open files: the service's own, and those left for connections |
//! | `shutdown.rs` | the end of the service, in order |

mod activation;
mod active;
mod backoff;
mod blocking;
mod clock;
pub(crate) mod control;
mod definitions;
mod delivery;
pub(crate) mod descriptors;
mod group;
pub(crate) mod logs;
mod maintenance;
mod metrics;
mod operations;
mod settings;
mod shutdown;
#[cfg(test)]
mod simulation;
mod sources;
mod state;
mod supervisor;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_ingest::SourceStats;
use muster_store::{Store, StoreError};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

use crate::commands::deliver;
use crate::modules::LoadedModule;
use crate::places::places;
use crate::project::Project;
use activation::Phase;
use active::DefinitionFaults;
use clock::Clock;
use group::CohortGroup;
use shutdown::{Shutdown, Signals};
use sources::Sources;
use state::{DestinationState, InitialState, ServiceState};
use supervisor::{Supervisor, Task};

pub(crate) use settings::{ServiceRuntime, ServiceSettings};

/// The service and its active definitions.
pub(crate) struct Service {
    pub(crate) state: Arc<ServiceState>,
    project: Mutex<Arc<Project>>,
    groups: tokio::sync::Mutex<Vec<CohortGroup>>,
    /// The state of the activation of definitions.
    phase: watch::Sender<Phase>,
    /// A lock for the activation of definitions and for the clean-up that follows it.
    changing: tokio::sync::Mutex<()>,
    /// The history's sequence: it changes with each commit of events.
    changes: watch::Receiver<u64>,
    /// Every task but the deliveries.
    work: Supervisor,
    /// The deliveries, which end after all other tasks, so that the messages of those tasks arrive.
    deliveries: Supervisor,
}

/// Runs the service until a signal ends it.
///
/// # Errors
/// Returns an error when the service cannot start: an address is taken, a source or the store
/// cannot be opened.
pub(crate) fn run(
    prepared: ServiceRuntime,
    project: Project,
    loaded: Vec<LoadedModule>,
    store: Store,
    settings: &ServiceSettings,
) -> anyhow::Result<()> {
    let runtime = prepared.runtime;
    let ended = runtime.block_on(serve(project, loaded, store, settings));
    // Time is up. Work that still runs on a thread of its own is crash-safe.
    runtime.shutdown_background();
    ended
}

/// Runs the service until a signal ends it.
async fn serve(
    project: Project,
    loaded: Vec<LoadedModule>,
    store: Store,
    settings: &ServiceSettings,
) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let modules = loaded.len();
    let (service, sources) = Service::open(project, store, settings, modules).await?;
    let running = service.run(sources, loaded);
    service.end_after(running, signals).await
}

impl Service {
    /// Takes the addresses and opens the sources, but starts no part. `modules` is the number of
    /// modules that will run.
    ///
    /// # Errors
    /// Returns an error when an address is taken or a source cannot be opened.
    async fn open(
        project: Project,
        store: Store,
        settings: &ServiceSettings,
        modules: usize,
    ) -> anyhow::Result<(Arc<Self>, OpenService)> {
        let config = Arc::clone(&project.config);
        let operations = match &config.operations {
            Some(operations) => Some(operations::bind(operations.listen).await?),
            None => None,
        };
        let sources = Sources::open(&project, modules).await?;
        let control = control::bind(&project.store_directory())?;
        let service = Self::new(project, store, settings, sources.stats());
        let open = OpenService {
            operations,
            control,
            sources,
            reload: Arc::clone(&settings.reload),
        };
        Ok((service, open))
    }

    /// Creates a service of which no part runs yet.
    fn new(
        project: Project,
        store: Store,
        settings: &ServiceSettings,
        sources: Vec<(String, Arc<SourceStats>)>,
    ) -> Arc<Self> {
        let config = Arc::clone(&project.config);
        let (changes_sender, changes) = watch::channel(0);
        store.on_changed_users(move |sequence| {
            changes_sender.send_replace(sequence);
        });
        let destinations: BTreeMap<_, Arc<DestinationState>> =
            (config.destinations.keys().cloned())
                .map(|name| (name, Arc::default()))
                .collect();
        {
            let destinations = destinations.clone();
            store.on_messages(move |destination| {
                if let Some(destination) = destinations.get(destination) {
                    destination.wake.notify_one();
                }
            });
        }
        let state = Arc::new(ServiceState::new(InitialState {
            store,
            directory: project.directory.clone(),
            clock: Clock::new(settings.now.or(config.clock), settings.speed),
            guard: config.guard,
            runs: settings.runs.clone(),
            outbox_poll: settings.outbox_poll,
            destinations,
            sources,
            shutdown: Shutdown::new(settings),
        }));
        Arc::new(Self {
            work: Supervisor::new(Arc::clone(&state.parts)),
            deliveries: Supervisor::new(Arc::clone(&state.parts)),
            state,
            project: Mutex::new(Arc::new(project)),
            groups: tokio::sync::Mutex::default(),
            phase: watch::Sender::new(Phase::Starting),
            changing: tokio::sync::Mutex::default(),
            changes,
        })
    }

    /// Starts every part. Returns when a signal ends the service or when the store is broken.
    ///
    /// # Errors
    /// Returns [`StoreError::Stopped`] when a write to the store failed half way.
    async fn run(
        self: &Arc<Self>,
        open: OpenService,
        loaded: Vec<LoadedModule>,
    ) -> anyhow::Result<()> {
        self.start_parts(open, loaded).await;
        tracing::info!(
            sources = self.state.sources.len(),
            cohorts = self.project().definitions.len(),
            destinations = self.state.destinations.len(),
            "running; Ctrl-C or SIGTERM ends it"
        );
        tokio::select! {
            () = self.state.shutdown.begun() => Ok(()),
            () = self.state.shutdown.store_broken() => Err(StoreError::Stopped.into()),
        }
    }

    /// Starts every part. Returns when the definitions are active.
    async fn start_parts(self: &Arc<Self>, open: OpenService, loaded: Vec<LoadedModule>) {
        let project = self.project();
        let state = &self.state;
        state.active().definitions = DefinitionFaults::of_modules(&loaded);
        self.note_active(&project, &loaded);
        // This comes before any delivery, and drops the messages for a destination's old address.
        self.store_active(&loaded, places(&project)).await;
        if let Some(listener) = open.operations {
            let (state, address) = (Arc::clone(state), listener.local_addr());
            let mut listener = Some(listener);
            self.start("metrics and health", move || {
                let (state, listener) = (Arc::clone(&state), listener.take());
                let address = address
                    .as_ref()
                    .map(Clone::clone)
                    .map_err(ToString::to_string);
                async move {
                    let listener = match listener {
                        Some(listener) => listener,
                        None => operations::bind(address.map_err(anyhow::Error::msg)?).await?,
                    };
                    operations::serve(listener, state).await;
                    Ok(())
                }
            });
        }
        {
            let (service, listener) = (Arc::clone(self), Arc::new(open.control));
            self.start("requests", move || {
                control::serve(Arc::clone(&listener), Arc::clone(&service))
            });
        }
        let first_imports = open.sources.start(state, &self.work);
        for (name, destination) in &project.config.destinations {
            self.start_delivery(name, deliver::within(&project, destination));
        }
        {
            let (state, config) = (Arc::clone(state), Arc::clone(&project.config));
            self.start("maintenance of the store", move || {
                let (state, config) = (Arc::clone(&state), Arc::clone(&config));
                async move {
                    maintenance::maintain(state, config).await;
                    Ok(())
                }
            });
        }
        first_imports.await;
        self.start_groups(loaded).await;
        let (service, reload) = (Arc::clone(self), open.reload);
        self.start("definitions", move || {
            let (service, reload) = (Arc::clone(&service), Arc::clone(&reload));
            async move {
                definitions::watch(service, reload).await;
                Ok(())
            }
        });
    }

    /// Starts a part that ends when the service stops.
    fn start<F>(&self, name: &str, work: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let task = Task {
            name: name.to_owned(),
            stop: self.state.shutdown.token(),
            work,
        };
        self.work.start(task, |_| {});
    }

    fn start_delivery(&self, name: &str, destination: muster_publish::Destination) {
        let state = Arc::clone(&self.state);
        let stop = state.shutdown.deliveries_token();
        let task = Task {
            name: format!("destination {name}"),
            stop: stop.clone(),
            work: {
                let (state, name) = (Arc::clone(&state), name.to_owned());
                move || {
                    let (state, name) = (Arc::clone(&state), name.clone());
                    let (destination, stop) = (destination.clone(), stop.clone());
                    async move {
                        delivery::deliver(state, name, destination, stop).await;
                        Ok(())
                    }
                }
            },
        };
        let name = name.to_owned();
        (self.deliveries).start(task, move |why| delivery::failed(&state, &name, why));
    }

    /// Drops events that are older than the retention.
    async fn prune(&self, anyway: bool) -> Result<Value, String> {
        let project = self.project();
        maintenance::prune(Arc::clone(&self.state), &project.config, anyway).await
    }

    fn project(&self) -> Arc<Project> {
        Arc::clone(&self.project.lock())
    }
}

/// The addresses that are taken, and the sources that are open.
struct OpenService {
    operations: Option<tokio::net::TcpListener>,
    control: tokio::net::UnixListener,
    sources: Sources,
    reload: Arc<tokio::sync::Notify>,
}

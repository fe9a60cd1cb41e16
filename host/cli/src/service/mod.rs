//! The running service: sources, cohorts at their cadences, destinations, and what people ask of it.
//!
//! | file | |
//! |---|---|
//! | `host.rs`, `live.rs` | what all parts share |
//! | `clock.rs` | the time that runs go by |
//! | `supervisor.rs` | owns every task; what fails is started again after a wait (`backoff.rs`) |
//! | `group/` | cohorts that share a module and a cadence: when and how they are evaluated |
//! | `in_force.rs`, `definitions.rs` | definitions in force, and those that change meanwhile |
//! | `sources.rs`, `delivery.rs`, `upkeep.rs` | events in, messages out, the store kept tidy |
//! | `control.rs` | what other commands ask |
//! | `operations.rs`, `metrics.rs`, `logs.rs` | what whoever runs it looks at |
//! | `descriptors.rs` | open files: the service's own, and what is left for connections |
//! | `stop.rs` | the end, in order |

mod backoff;
mod blocking;
mod clock;
pub(crate) mod control;
mod definitions;
mod delivery;
pub(crate) mod descriptors;
mod group;
mod host;
mod in_force;
mod live;
#[cfg(test)]
mod lives;
pub(crate) mod logs;
mod metrics;
mod operations;
mod settings;
mod sources;
mod stop;
mod supervisor;
#[cfg(test)]
mod tests;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use muster_ingest::SourceStats;
use muster_store::{Store, StoreError};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::commands::deliver;
use crate::places::places;
use crate::project::Project;
use crate::rules::Loaded;
use clock::Clock;
use group::Group;
use host::{Begin, Destination, Host};
use in_force::Phase;
use live::Faults;
use sources::Sources;
use supervisor::{Supervisor, Task};

pub(crate) use settings::{Prepared, Settings};

/// The service and what is in force.
pub(crate) struct Service {
    pub(crate) host: Arc<Host>,
    project: Mutex<Arc<Project>>,
    groups: tokio::sync::Mutex<Vec<Group>>,
    /// How far the definitions are put in force.
    phase: watch::Sender<Phase>,
    /// Whoever puts definitions in force holds it, and whoever clears up after that.
    changing: tokio::sync::Mutex<()>,
    /// The history's sequence: it changes with each commit of events.
    changes: watch::Receiver<u64>,
    /// Every task but the deliveries.
    work: Supervisor,
    /// They end after everything else, so that what it sends arrives.
    deliveries: Supervisor,
    stop_deliveries: CancellationToken,
}

/// Runs the service until it is told to end.
///
/// # Errors
/// When it cannot start: an address is taken, a source or the store cannot be opened.
pub(crate) fn run(
    prepared: Prepared,
    project: Project,
    loaded: Vec<Loaded>,
    store: Store,
    settings: &Settings,
) -> anyhow::Result<()> {
    let runtime = prepared.runtime;
    let ended = runtime.block_on(serve(project, loaded, store, settings));
    // What is still on a thread of its own then is crash-safe, and time is up.
    runtime.shutdown_background();
    ended
}

/// Runs the service until a signal ends it.
async fn serve(
    project: Project,
    loaded: Vec<Loaded>,
    store: Store,
    settings: &Settings,
) -> anyhow::Result<()> {
    let mut signals = stop::Signals::listen()?;
    let modules = loaded.len();
    let (service, sources) = Service::open(project, store, settings, modules).await?;
    let ended = tokio::select! {
        ended = service.go(sources, loaded) => ended,
        () = signals.first() => Ok(()),
    };
    tokio::select! {
        () = stop::end(&service, settings) => ended,
        () = signals.first() => anyhow::bail!("ended at once; nothing is lost, the next start goes on from here"),
    }
}

impl Service {
    /// Takes the addresses and opens the sources. Nothing runs yet; so many modules will.
    ///
    /// # Errors
    /// When an address is taken or a source cannot be opened.
    async fn open(
        project: Project,
        store: Store,
        settings: &Settings,
        modules: usize,
    ) -> anyhow::Result<(Arc<Self>, Open)> {
        let config = Arc::clone(&project.config);
        let operations = match &config.operations {
            Some(operations) => Some(operations::bind(operations.listen).await?),
            None => None,
        };
        let sources = Sources::open(&project, modules).await?;
        let control = control::bind(&project.store_directory())?;
        let service = Self::new(project, store, settings, sources.stats());
        let open = Open {
            operations,
            control,
            sources,
            reload: Arc::clone(&settings.reload),
        };
        Ok((service, open))
    }

    /// A service of which nothing runs yet.
    fn new(
        project: Project,
        store: Store,
        settings: &Settings,
        sources: Vec<(String, Arc<SourceStats>)>,
    ) -> Arc<Self> {
        let config = Arc::clone(&project.config);
        let (news_sender, changes) = watch::channel(0);
        store.on_news(move |sequence| {
            news_sender.send_replace(sequence);
        });
        let destinations: BTreeMap<_, Arc<Destination>> = (config.destinations.keys().cloned())
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
        let host = Arc::new(Host::new(Begin {
            store,
            directory: project.directory.clone(),
            clock: Clock::new(settings.now.or(config.clock), settings.speed),
            guard: config.guard,
            runs: settings.runs.clone(),
            look: settings.look,
            destinations,
            sources,
        }));
        Arc::new(Self {
            work: Supervisor::new(Arc::clone(&host.parts)),
            deliveries: Supervisor::new(Arc::clone(&host.parts)),
            stop_deliveries: CancellationToken::new(),
            host,
            project: Mutex::new(Arc::new(project)),
            groups: tokio::sync::Mutex::default(),
            phase: watch::Sender::new(Phase::Starting),
            changing: tokio::sync::Mutex::default(),
            changes,
        })
    }

    /// Starts everything, and returns when the service is told to end, or when the store is broken.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when a write to the store failed half way.
    async fn go(self: &Arc<Self>, open: Open, loaded: Vec<Loaded>) -> anyhow::Result<()> {
        self.begin(open, loaded).await;
        tracing::info!(
            sources = self.host.sources.len(),
            cohorts = self.project().definitions.len(),
            destinations = self.host.destinations.len(),
            "running; Ctrl-C or SIGTERM ends it"
        );
        tokio::select! {
            () = self.host.stopping.cancelled() => Ok(()),
            () = self.host.broken.cancelled() => Err(StoreError::Stopped.into()),
        }
    }

    /// Starts every part, and returns when the definitions are in force.
    async fn begin(self: &Arc<Self>, open: Open, loaded: Vec<Loaded>) {
        let project = self.project();
        let host = &self.host;
        host.live().definitions = Faults::of_modules(&loaded);
        self.note_in_force(&project, &loaded);
        // Before anything is delivered: what waits for another place is dropped.
        self.put_in_store(&loaded, places(&project)).await;
        if let Some(listener) = open.operations {
            let (host, address) = (Arc::clone(host), listener.local_addr());
            let mut listener = Some(listener);
            self.start("metrics and health", move || {
                let (host, listener) = (Arc::clone(&host), listener.take());
                let address = address
                    .as_ref()
                    .map(Clone::clone)
                    .map_err(ToString::to_string);
                async move {
                    let listener = match listener {
                        Some(listener) => listener,
                        None => operations::bind(address.map_err(anyhow::Error::msg)?).await?,
                    };
                    operations::serve(listener, host).await;
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
        let first_looks = open.sources.start(host, &self.work);
        for (name, destination) in &project.config.destinations {
            self.start_delivery(name, deliver::within(&project, destination));
        }
        {
            let (host, config) = (Arc::clone(host), Arc::clone(&project.config));
            self.start("upkeep of the store", move || {
                let (host, config) = (Arc::clone(&host), Arc::clone(&config));
                async move {
                    upkeep::upkeep(host, config).await;
                    Ok(())
                }
            });
        }
        first_looks.await;
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
            stop: self.host.stopping.clone(),
            work,
        };
        self.work.start(task, |_| {});
    }

    fn start_delivery(&self, name: &str, destination: muster_publish::Destination) {
        let (host, stop) = (Arc::clone(&self.host), self.stop_deliveries.clone());
        let task = Task {
            name: format!("destination {name}"),
            stop: stop.clone(),
            work: {
                let (host, name) = (Arc::clone(&host), name.to_owned());
                move || {
                    let (host, name) = (Arc::clone(&host), name.clone());
                    let (destination, stop) = (destination.clone(), stop.clone());
                    async move {
                        delivery::deliver(host, name, destination, stop).await;
                        Ok(())
                    }
                }
            },
        };
        let name = name.to_owned();
        (self.deliveries).start(task, move |why| delivery::failed(&host, &name, why));
    }

    /// Drops events that are older than the retention.
    async fn prune(&self, anyway: bool) -> Result<Value, String> {
        let project = self.project();
        upkeep::prune(Arc::clone(&self.host), &project.config, anyway).await
    }

    fn project(&self) -> Arc<Project> {
        Arc::clone(&self.project.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Addresses that are taken, and sources that are open.
struct Open {
    operations: Option<tokio::net::TcpListener>,
    control: tokio::net::UnixListener,
    sources: Sources,
    reload: Arc<tokio::sync::Notify>,
}

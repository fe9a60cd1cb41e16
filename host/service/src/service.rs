//! The service and its active definitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_ingest::SourceStats;
use muster_project::Project;
use muster_sandbox::Compile;
use muster_store::Store;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::clock::Clock;
use super::delivery;
use super::group::CohortGroup;
use super::health::DestinationState;
use super::phase::Phase;
use super::settings::ServiceSettings;
use super::shutdown::Shutdown;
use super::state::{InitialState, ServiceState};
use super::supervisor::{Supervisor, Task};

/// The service and its active definitions.
pub(crate) struct Service {
    pub(crate) state: Arc<ServiceState>,
    pub(super) project: Mutex<Arc<Project>>,
    pub(super) groups: tokio::sync::Mutex<Vec<CohortGroup>>,
    /// The state of the activation of definitions.
    pub(super) phase: watch::Sender<Phase>,
    /// A lock for the activation of definitions and for the clean-up that follows it.
    pub(super) changing: tokio::sync::Mutex<()>,
    /// The history's sequence: it changes with each commit of events.
    pub(super) changes: watch::Receiver<u64>,
    /// Every task but the deliveries.
    pub(super) work: Supervisor,
    /// The deliveries, which end after all other tasks, so that the messages of those tasks arrive.
    pub(super) deliveries: Supervisor,
    /// Where hand-written rules are compiled.
    pub(super) compile: Compile,
    /// The AWS region that the environment names.
    pub(super) region: Option<String>,
}

impl Service {
    /// Creates a service of which no part runs yet.
    pub(super) fn new(
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
            shutdown: Shutdown::new(settings.drain, settings.stop_timeout),
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
            compile: settings.compile.clone(),
            region: settings.region.clone(),
        })
    }

    /// Starts a part that ends when the service stops.
    pub(super) fn start<F>(&self, name: &str, work: impl FnMut() -> F + Send + 'static)
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

    pub(super) fn start_delivery(&self, name: &str, destination: muster_publish::Destination) {
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
        let (name, known) = (name.to_owned(), state.destination(name));
        let failed = move |why: &str| known.failed(format!("destination `{name}`: {why}"));
        self.deliveries.start(task, failed);
    }

    pub(super) fn project(&self) -> Arc<Project> {
        Arc::clone(&self.project.lock())
    }
}

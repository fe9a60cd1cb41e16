//! The running service: sources, cohorts at their rhythms, destinations, and what people ask of it.
//!
//! | file | |
//! |---|---|
//! | `host.rs` | what all parts share |
//! | `clock.rs` | the time that ticks go by |
//! | `group.rs` | a group of cohorts at its rhythm |
//! | `sources.rs`, `delivery.rs`, `upkeep.rs` | events in, messages out, the store kept tidy |
//! | `definitions.rs` | definitions that change meanwhile |
//! | `control.rs` | what other commands ask |
//! | `operations.rs`, `metrics.rs`, `logs.rs` | what whoever runs it looks at |
//! | `stop.rs` | the end, in order |

mod clock;
pub(crate) mod control;
mod definitions;
mod delivery;
mod group;
mod host;
#[cfg(test)]
mod lives;
pub(crate) mod logs;
mod metrics;
mod operations;
mod sources;
mod stop;
mod upkeep;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use muster_model::Millis;
use muster_store::{Store, StoreError};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::commands::deliver;
use crate::project::Project;
use crate::rules::{self, Loaded};
use clock::Clock;
use group::{Group, blocking};
use host::Host;
use metrics::Metrics;
use sources::Sources;

/// How the service runs, beyond what muster.yaml says.
pub(crate) struct Settings {
    /// Where its clock starts; `None`: it is the system's.
    pub(crate) now: Option<Millis>,
    /// How many times as fast the clock runs.
    pub(crate) speed: f64,
    /// Before it ends, it waits until everything is sent.
    pub(crate) drain: bool,
    /// How long its end may take.
    pub(crate) stop_timeout: Duration,
}

/// The service and what is in force.
pub(crate) struct Service {
    host: Arc<Host>,
    project: Mutex<Arc<Project>>,
    groups: tokio::sync::Mutex<Vec<Group>>,
    /// The history's sequence: it changes with each commit of events.
    news: watch::Receiver<u64>,
}

/// Runs the service until it is told to end.
///
/// # Errors
/// When it cannot start: an address is taken, a source or the store cannot be opened.
pub(crate) fn run(
    project: Project,
    loaded: Vec<Loaded>,
    store: Store,
    settings: &Settings,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the service's threads")?;
    let ended = runtime.block_on(serve(project, loaded, store, settings));
    // What is still on a thread of its own then is crash-safe, and time is up.
    runtime.shutdown_background();
    ended
}

async fn serve(
    project: Project,
    loaded: Vec<Loaded>,
    store: Store,
    settings: &Settings,
) -> anyhow::Result<()> {
    let mut signals = stop::Signals::listen()?;
    let config = Arc::clone(&project.config);
    let operations = match &config.operations {
        Some(operations) => Some(operations::bind(operations.listen).await?),
        None => None,
    };
    let sources = Sources::open(&project).await?;
    let control = control::bind(&project.store_directory())?;
    let (news_sender, news) = watch::channel(0);
    store.on_news(move |sequence| {
        news_sender.send_replace(sequence);
    });
    let host = Arc::new(Host::new(
        store,
        project.directory.clone(),
        Clock::new(settings.now.or(config.clock), settings.speed),
        config.guard,
        config.destinations.keys().cloned(),
        sources.stats(),
        Metrics::new(),
        CancellationToken::new(),
    ));
    let destinations: Vec<_> = (config.destinations.iter())
        .map(|(name, destination)| (name.clone(), deliver::within(&project, destination)))
        .collect();
    let service = Arc::new(Service {
        host: Arc::clone(&host),
        project: Mutex::new(Arc::new(project)),
        groups: tokio::sync::Mutex::new(Vec::new()),
        news,
    });

    let (work, deliveries) = (TaskTracker::new(), TaskTracker::new());
    let stop_deliveries = CancellationToken::new();
    if let Some(listener) = operations {
        work.spawn(operations::serve(listener, Arc::clone(&host)));
    }
    work.spawn(control::serve(control, Arc::clone(&service)));
    let first_looks = sources.start(&host, &work);
    for (name, destination) in destinations {
        let stop = stop_deliveries.clone();
        deliveries.spawn(delivery::deliver(
            Arc::clone(&host),
            name,
            destination,
            stop,
        ));
    }
    work.spawn(upkeep::upkeep(Arc::clone(&host), Arc::clone(&config)));
    tokio::select! {
        () = first_looks => service.start(loaded).await,
        () = signals.first() => {
            stop::end(&service, settings, work, deliveries, stop_deliveries).await;
            return Ok(());
        }
    }
    work.spawn(definitions::watch(Arc::clone(&service)));
    tracing::info!(
        sources = host.sources.len(),
        cohorts = service.project().definitions.len(),
        destinations = host.destinations.len(),
        "running; Ctrl-C or SIGTERM ends it"
    );

    let ended = tokio::select! {
        () = signals.first() => Ok(()),
        () = host.broken.cancelled() => Err(StoreError::Stopped.into()),
    };
    let ending = stop::end(&service, settings, work, deliveries, stop_deliveries);
    tokio::select! {
        () = ending => ended,
        () = signals.first() => anyhow::bail!("ended at once; nothing is lost, the next start goes on from here"),
    }
}

impl Service {
    fn project(&self) -> Arc<Project> {
        Arc::clone(&self.project.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a project's definitions in force in the place of the old ones. Groups that stay the same are not disturbed.
    async fn put_in_force(self: &Arc<Self>, project: Project, mut loaded: Vec<Loaded>) {
        let mut groups = self.groups.lock().await;
        let (mut kept, mut ended) = (Vec::new(), Vec::new());
        for group in groups.drain(..) {
            match loaded
                .iter()
                .position(|loaded| loaded.is_same(&group.loaded))
            {
                Some(at) => {
                    loaded.swap_remove(at);
                    kept.push(group);
                }
                None => ended.push(group),
            }
        }
        // All that end do so before any begins: a cohort may go from one to another.
        for group in ended {
            group.end().await;
        }
        *groups = kept;
        drop(groups);
        {
            let mut live = self.host.live();
            live.cohorts
                .retain(|id, _| project.definitions.iter().any(|known| known.id == *id));
        }
        *self.project.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(project);
        self.start(loaded).await;
    }

    /// Starts groups, and clears up after those before them once what was missed is made up.
    async fn start(self: &Arc<Self>, loaded: Vec<Loaded>) {
        let lists = Arc::new(self.project().lists.for_engine());
        let (caught_up, mut waiting) = mpsc::channel::<()>(1);
        let mut groups = self.groups.lock().await;
        for loaded in loaded {
            let (host, lists, news) = (
                Arc::clone(&self.host),
                Arc::clone(&lists),
                self.news.clone(),
            );
            groups.push(Group::start(host, loaded, lists, news, caught_up.clone()));
        }
        drop((groups, caught_up));
        let service = Arc::clone(self);
        tokio::spawn(async move {
            // It is closed when every group has dropped its end.
            while waiting.recv().await.is_some() {}
            if let Err(error) = service.clear_up().await {
                tracing::error!("what belongs to earlier definitions is kept: {error:#}");
            }
            service.host.live().caught_up = true;
        });
    }

    /// Forgets the rules of definitions that are gone, and ends cohorts that said `on_remove: exit`.
    async fn clear_up(&self) -> anyhow::Result<()> {
        let groups = self.groups.lock().await;
        let loaded: Vec<Loaded> = groups.iter().map(|group| group.loaded.clone()).collect();
        let (host, project) = (Arc::clone(&self.host), self.project());
        let _ticking = self.host.ticking.write().await;
        let removed = blocking(move || {
            let rules = loaded
                .iter()
                .filter_map(|loaded| Some((loaded.rule.as_ref().ok()?, loaded.cohorts.as_slice())));
            muster_engine::forget_other_rules(&host.store, &rules.collect::<Vec<_>>())?;
            rules::end_removed(&project, &host.store, host.clock.now())
        });
        let removed = removed.await?;
        drop(groups);
        for (cohort, record) in removed {
            tracing::info!(%cohort, exited = record.exited, "its definition is gone and said `on_remove: exit`");
            self.host.wake_destinations();
        }
        Ok(())
    }

    /// Deletes a person's history and memberships.
    async fn forget(&self, user: String) -> Result<Value, String> {
        let _ticking = self.host.ticking.write().await;
        let host = Arc::clone(&self.host);
        let forgotten =
            blocking(move || muster_engine::forget(&host.store, &user, host.clock.now())).await;
        self.host.wake_destinations();
        forgotten
            .map(|forgotten| crate::told::forgotten(&forgotten))
            .map_err(|error| error.to_string())
    }

    /// Drops events that are older than the retention.
    async fn prune(&self, anyway: bool) -> Result<Value, String> {
        let project = self.project();
        upkeep::prune(Arc::clone(&self.host), &project.config, anyway).await
    }

    fn status(&self) -> Value {
        control::status(self)
    }
}

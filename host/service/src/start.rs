//! The start of the service: addresses are taken, sources opened, and every part started.

use std::sync::Arc;

use muster_project::{LoadedModule, Project};
use muster_store::{Store, StoreError};

use super::active::DefinitionFaults;
use super::control;
use super::definitions;
use super::maintenance;
use super::operations;
use super::service::Service;
use super::settings::{ServiceRuntime, ServiceSettings};
use super::sources::Sources;
use super::stopping::Signals;

/// Runs the service until a signal ends it.
///
/// # Errors
/// Returns an error when the service cannot start: an address is taken, a source or the store
/// cannot be opened.
pub fn run(
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
    pub(super) async fn open(
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

    /// Starts every part. Returns when a signal ends the service or when the store is broken.
    ///
    /// # Errors
    /// Returns [`StoreError::Stopped`] when a write to the store failed half way.
    pub(super) async fn run(
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
        let addresses = project.addresses(self.region.as_deref());
        self.store_active(&loaded, addresses).await;
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
            let (service, directory) = (Arc::clone(self), project.store_directory());
            let mut listener = Some(open.control);
            self.start("requests", move || {
                let (service, listener) = (Arc::clone(&service), listener.take());
                let directory = directory.clone();
                async move {
                    let listener = match listener {
                        Some(listener) => listener,
                        None => control::bind(&directory)?,
                    };
                    control::serve(listener, service).await;
                    Ok(())
                }
            });
        }
        let first_imports = open.sources.start(state, &self.work);
        for (name, destination) in project.destinations() {
            self.start_delivery(&name, destination);
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
}

/// The addresses that are taken, and the sources that are open.
pub(super) struct OpenService {
    operations: Option<tokio::net::TcpListener>,
    control: tokio::net::UnixListener,
    sources: Sources,
    reload: Arc<tokio::sync::Notify>,
}

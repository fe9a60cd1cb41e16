//! Events in: every source of muster.yaml, each as a task of its own.

use std::sync::Arc;

use anyhow::Context;
use muster_ingest::http::{self, ApiKey, HttpSettings};
use muster_ingest::kinesis::{self, KinesisSource};
use muster_ingest::{FilesSettings, SourceStats};
use muster_project::config::SourceConfig;
use muster_project::{Config, Project};
use muster_store::Store;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::descriptors::{self, Needs};
use super::state::ServiceState;
use super::supervisor::{Supervisor, Task};

/// The open sources: their addresses are taken, and no event is read yet.
pub(super) struct Sources {
    all: Vec<NamedSource>,
}

struct NamedSource {
    name: String,
    stats: Arc<SourceStats>,
    open: OpenSource,
}

enum OpenSource {
    Files(FilesSettings),
    Http(HttpSettings, TcpListener),
    Kinesis(KinesisSource),
}

impl Sources {
    /// Opens all that can be opened before any part runs. The connections of `http` sources leave
    /// enough open files for `modules` modules and for the rest of the service.
    pub(super) async fn open(project: &Project, modules: usize) -> anyhow::Result<Self> {
        let connections = needs(&project.config, modules).connections(descriptors::limit());
        let placeholder_ids = project.config.placeholder_ids;
        let mut all = Vec::new();
        for source in &project.config.sources {
            let (name, open) = match source {
                SourceConfig::Http(source) => {
                    let settings = HttpSettings {
                        listen: source.listen,
                        api_keys: source.api_keys.iter().map(|key| ApiKey::new(key)).collect(),
                        connections,
                        placeholder_ids,
                    };
                    let listener = http::bind(&settings).await.context("the `http:` source")?;
                    (
                        format!("http:{}", source.listen),
                        OpenSource::Http(settings, listener),
                    )
                }
                SourceConfig::Files(source) => {
                    let settings = FilesSettings {
                        globs: source.files.clone(),
                        base: project.directory.clone(),
                        max_malformed: source.max_malformed / 100.0,
                        every: FilesSettings::EVERY,
                        placeholder_ids,
                    };
                    (
                        format!("files:{}", source.files.join(",")),
                        OpenSource::Files(settings),
                    )
                }
                SourceConfig::Kinesis(source) => (
                    format!("kinesis:{}", source.stream.stream_name),
                    OpenSource::Kinesis(KinesisSource {
                        placeholder_ids,
                        ..source.clone()
                    }),
                ),
            };
            all.push(NamedSource {
                name,
                stats: Arc::default(),
                open,
            });
        }
        Ok(Self { all })
    }

    pub(super) fn stats(&self) -> Vec<(String, Arc<SourceStats>)> {
        let stats = |source: &NamedSource| (source.name.clone(), Arc::clone(&source.stats));
        self.all.iter().map(stats).collect()
    }

    /// Starts to read each source until the service stops. The returned future is ready when the
    /// files that exist are imported, so that a cohort's first run sees the history.
    pub(super) fn start(
        self,
        state: &Arc<ServiceState>,
        supervisor: &Supervisor,
    ) -> impl Future<Output = ()> + use<> {
        let mut first_imports = Vec::new();
        for NamedSource { name, stats, open } in self.all {
            let (imported, first_import) = oneshot::channel();
            let kind = match open {
                OpenSource::Files(settings) => {
                    first_imports.push(first_import);
                    SourceKind::Files(settings, Once::new(imported))
                }
                OpenSource::Http(settings, listener) => {
                    SourceKind::Http(settings, Once::new(listener))
                }
                OpenSource::Kinesis(source) => SourceKind::Kinesis(source),
            };
            let failing = Arc::clone(&stats);
            let reading = Arc::new(SourceTask {
                kind,
                stats,
                store: state.store.clone(),
                cancel: state.shutdown.token(),
            });
            let task = Task {
                name: format!("source {name}"),
                stop: state.shutdown.token(),
                work: move || Arc::clone(&reading).read(),
            };
            supervisor.start(task, move |why| failing.set_error(Some(why.to_owned())));
        }
        async move {
            for first_import in first_imports {
                // A failed source has reported its error and is restarted: the start does not wait
                // for it.
                let _ = first_import.await;
            }
        }
    }
}

/// Returns the parts of the service that need open files.
fn needs(config: &Config, modules: usize) -> Needs {
    let count = |is: fn(&SourceConfig) -> bool| {
        let sources = config.sources.iter();
        sources.filter(|source| is(source)).count()
    };
    Needs {
        modules,
        files_sources: count(|source| matches!(source, SourceConfig::Files(_))),
        stream_sources: count(|source| matches!(source, SourceConfig::Kinesis(_))),
        http_sources: count(|source| matches!(source, SourceConfig::Http(_))),
        destinations: config.destinations.len(),
        operations: config.operations.is_some(),
    }
}

/// A value that only the first start of a task takes.
struct Once<T>(Mutex<Option<T>>);

impl<T> Once<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(Some(value)))
    }

    fn take(&self) -> Option<T> {
        self.0.lock().take()
    }
}

enum SourceKind {
    Files(FilesSettings, Once<oneshot::Sender<()>>),
    Http(HttpSettings, Once<TcpListener>),
    Kinesis(KinesisSource),
}

/// A source that is read. The supervisor may restart a source: the events that were read are in the
/// store with the source's position.
struct SourceTask {
    kind: SourceKind,
    stats: Arc<SourceStats>,
    store: Store,
    cancel: CancellationToken,
}

impl SourceTask {
    async fn read(self: Arc<Self>) -> anyhow::Result<()> {
        // This clears the error of an earlier start.
        self.stats.set_error(None);
        let (store, stats, cancel) = (
            self.store.clone(),
            Arc::clone(&self.stats),
            self.cancel.clone(),
        );
        match &self.kind {
            SourceKind::Files(settings, imported) => {
                // After the first start no task waits for the first import.
                let imported = imported.take().unwrap_or_else(|| oneshot::channel().0);
                muster_ingest::run_files(store, settings.clone(), imported, stats, cancel).await?;
            }
            SourceKind::Http(settings, listener) => {
                let listener = match listener.take() {
                    Some(listener) => listener,
                    None => http::bind(settings).await?,
                };
                http::run_http(listener, store, settings, stats, cancel).await?;
            }
            SourceKind::Kinesis(source) => {
                kinesis::run_kinesis(store, source.clone(), stats, cancel).await?;
            }
        }
        Ok(())
    }
}

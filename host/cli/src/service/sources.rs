//! Events in: every source of muster.yaml, each a task of its own.

use std::sync::Arc;

use anyhow::Context;
use muster_ingest::http::{self, ApiKey, HttpSettings};
use muster_ingest::kinesis::{self, KinesisSource};
use muster_ingest::{FilesSettings, SourceStats};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::host::Host;
use crate::config::SourceConfig;
use crate::project::Project;

/// Sources that are open: their addresses are taken, nothing is read yet.
pub(super) struct Sources {
    all: Vec<Source>,
}

struct Source {
    name: String,
    stats: Arc<SourceStats>,
    open: Open,
}

enum Open {
    Files(FilesSettings),
    Http(HttpSettings, TcpListener),
    Kinesis(KinesisSource),
}

impl Sources {
    /// Opens what can be opened before anything runs.
    pub(super) async fn open(project: &Project) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for source in &project.config.sources {
            let (name, open) = match source {
                SourceConfig::Http(source) => {
                    let settings = HttpSettings {
                        listen: source.listen,
                        api_keys: source.api_keys.iter().map(|key| ApiKey::new(key)).collect(),
                    };
                    let listener = http::bind(&settings).await.context("the `http:` source")?;
                    (
                        format!("http:{}", source.listen),
                        Open::Http(settings, listener),
                    )
                }
                SourceConfig::Files(source) => {
                    let settings = FilesSettings {
                        globs: source.files.clone(),
                        base: project.directory.clone(),
                        max_malformed: source.max_malformed / 100.0,
                        every: FilesSettings::EVERY,
                    };
                    (
                        format!("files:{}", source.files.join(",")),
                        Open::Files(settings),
                    )
                }
                SourceConfig::Kinesis(source) => (
                    format!("kinesis:{}", source.stream.stream_name),
                    Open::Kinesis(source.clone()),
                ),
            };
            all.push(Source {
                name,
                stats: Arc::default(),
                open,
            });
        }
        Ok(Self { all })
    }

    pub(super) fn stats(&self) -> Vec<(String, Arc<SourceStats>)> {
        let stats = |source: &Source| (source.name.clone(), Arc::clone(&source.stats));
        self.all.iter().map(stats).collect()
    }

    /// Begins to read; each source until the service stops. What is returned is ready when the files that are there are imported, so that
    /// a cohort's first run sees the history.
    pub(super) fn start(
        self,
        host: &Arc<Host>,
        work: &TaskTracker,
    ) -> impl Future<Output = ()> + use<> {
        let mut first_looks = Vec::new();
        for Source { name, stats, open } in self.all {
            let (looked, first_look) = oneshot::channel();
            if let Open::Files(_) = &open {
                first_looks.push(first_look);
            }
            let (store, cancel) = (host.store.clone(), host.stopping.clone());
            work.spawn(async move {
                let ended = match open {
                    Open::Files(settings) => {
                        let stats = Arc::clone(&stats);
                        muster_ingest::run_files(store, settings, looked, stats, cancel)
                            .await
                            .map_err(anyhow::Error::from)
                    }
                    Open::Http(settings, listener) => {
                        let stats = Arc::clone(&stats);
                        http::run_http(listener, store, &settings, stats, cancel)
                            .await
                            .map_err(anyhow::Error::from)
                    }
                    Open::Kinesis(source) => {
                        let stats = Arc::clone(&stats);
                        kinesis::run_kinesis(store, source, stats, cancel)
                            .await
                            .map_err(anyhow::Error::from)
                    }
                };
                if let Err(error) = ended {
                    tracing::error!(source = name, "ended: {error:#}");
                    stats.set_trouble(Some(format!("{error:#}")));
                }
            });
        }
        async move {
            for first_look in first_looks {
                // A source that has ended already has said why.
                let _ = first_look.await;
            }
        }
    }
}

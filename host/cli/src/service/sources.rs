//! Events in: every source of muster.yaml, each a task of its own.

use std::sync::Arc;

use anyhow::Context;
use muster_ingest::SourceStats;
use muster_ingest::http::{self, ApiKey, HttpSettings};
use tokio::net::TcpListener;
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
    Http(HttpSettings, TcpListener),
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
                SourceConfig::Files(_) | SourceConfig::Kinesis(_) => continue,
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

    /// Begins to read; each source until the service stops.
    pub(super) fn start(self, host: &Arc<Host>, work: &TaskTracker) {
        for Source { name, stats, open } in self.all {
            let (store, cancel) = (host.store.clone(), host.stopping.clone());
            work.spawn(async move {
                let ended = match open {
                    Open::Http(settings, listener) => {
                        let stats = Arc::clone(&stats);
                        http::run_http(listener, store, &settings, stats, cancel)
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
    }
}

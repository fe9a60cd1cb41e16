//! Events in: every source of muster.yaml, each a task of its own.

use std::sync::Arc;

use muster_ingest::SourceStats;
use tokio_util::task::TaskTracker;

use super::host::Host;
use crate::project::Project;

/// Sources that are open: their addresses are taken, nothing is read yet.
pub(super) struct Sources {
    all: Vec<(String, Arc<SourceStats>)>,
}

impl Sources {
    pub(super) async fn open(_project: &Project) -> anyhow::Result<Self> {
        Ok(Self { all: Vec::new() })
    }

    pub(super) fn stats(&self) -> Vec<(String, Arc<SourceStats>)> {
        self.all.clone()
    }

    pub(super) fn start(self, _host: &Arc<Host>, _work: &TaskTracker) {}
}

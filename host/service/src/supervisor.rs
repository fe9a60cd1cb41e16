//! The owner of every task of the service. The supervisor logs, shows and restarts a part that
//! panics or fails.

mod parts;

use std::sync::Arc;
use std::time::Duration;

use muster_tasks::caught;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::PartBackoff;

pub(crate) use parts::ServiceParts;

/// The time after which a part counts as steady: if it fails later, its wait begins at the first
/// one again.
const STEADY: Duration = Duration::from_secs(60);

/// A part of the service that runs as a task.
pub(super) struct Task<W> {
    /// The name that `muster status` and `/readyz` show.
    pub(super) name: String,
    /// A token that ends the task while it waits for a restart. The work itself listens for the
    /// token too.
    pub(super) stop: CancellationToken,
    /// A function that begins the work. The work returns `Ok` when it is stopped.
    pub(super) work: W,
}

/// The owner of tasks: it starts them and restarts them after a failure.
#[derive(Clone)]
pub(crate) struct Supervisor {
    parts: Arc<ServiceParts>,
    tasks: TaskTracker,
}

impl Supervisor {
    pub(super) fn new(parts: Arc<ServiceParts>) -> Self {
        Self {
            parts,
            tasks: TaskTracker::new(),
        }
    }

    /// Starts a task, and restarts it after a wait when its work panics or fails. A restart is
    /// safe, because all work of a part is in the store in whole commits. `down` gets the reason of
    /// each failure.
    pub(super) fn start<W, F>(
        &self,
        task: Task<W>,
        down: impl Fn(&str) + Send + 'static,
    ) -> JoinHandle<()>
    where
        W: FnMut() -> F + Send + 'static,
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let parts = Arc::clone(&self.parts);
        self.tasks.spawn(supervise(parts, task, down))
    }

    /// Starts a task that runs once. The task is not restarted, and its panic is logged.
    pub(super) fn once(&self, name: &str, work: impl Future<Output = ()> + Send + 'static) {
        let name = name.to_owned();
        self.tasks.spawn(async move {
            if let Err(why) = caught(work).await {
                tracing::error!(part = name, "panicked: {why}");
            }
        });
    }

    /// Waits until all tasks have ended.
    pub(super) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn supervise<W, F>(parts: Arc<ServiceParts>, mut task: Task<W>, down: impl Fn(&str))
where
    W: FnMut() -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let mut backoff = PartBackoff::default();
    loop {
        let begun = Instant::now();
        let why = match caught((task.work)()).await {
            Ok(Ok(())) => break,
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => format!("panicked: {panic}"),
        };
        if begun.elapsed() >= STEADY {
            backoff.succeeded();
        }
        let wait = backoff.failed();
        tracing::error!(
            part = task.name,
            seconds = wait.as_secs(),
            "{why}; it is started again"
        );
        parts.down(&task.name, &why);
        down(&why);
        tokio::select! {
            () = task.stop.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
        }
        parts.up(&task.name);
    }
    parts.ended(&task.name);
}

#[cfg(test)]
mod tests;

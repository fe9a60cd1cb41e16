//! The owner of every task of the service: a part that panics or fails is logged, shown, and
//! started again.

mod caught;
mod parts;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::Backoff;
use caught::caught;

pub(crate) use parts::ServiceParts;

/// A part that ran for so long before it failed begins its waits anew.
const STEADY: Duration = Duration::from_secs(60);

/// A part of the service that runs as a task.
pub(super) struct Task<W> {
    /// Its name, as `muster status` and `/readyz` show it.
    pub(super) name: String,
    /// It ends the task while it waits to be started again. The work itself listens for it too.
    pub(super) stop: CancellationToken,
    /// Begins the work. It ends with `Ok` when it is told to.
    pub(super) work: W,
}

/// Starts tasks and watches them.
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

    /// Starts a task. When its work panics or fails, it is begun again after a wait: whatever a
    /// part has done is in the store, in commits that are whole. `down` is told why, each time.
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

    /// Starts a task that is done once. It is not begun again, and its panic is logged.
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
    let mut backoff = Backoff::default();
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

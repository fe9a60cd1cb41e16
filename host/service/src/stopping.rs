//! The signals that end the service, and the order of its end.

use std::time::Duration;

use anyhow::Context;
use muster_tasks::blocking;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::service::Service;

/// The time between two checks whether the outbox is empty.
const POLL: Duration = Duration::from_millis(50);

/// A listener for Ctrl-C and SIGTERM.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal of either kind.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Service {
    /// Ends the service when `running` ends or the first signal comes, and returns the result of
    /// `running`.
    ///
    /// # Errors
    /// Returns the error of `running`, and an error when a second signal ends the service at once.
    pub(super) async fn end_after(
        &self,
        running: impl Future<Output = anyhow::Result<()>>,
        mut signals: Signals,
    ) -> anyhow::Result<()> {
        let ended = tokio::select! {
            ended = running => ended,
            () = signals.next() => Ok(()),
        };
        tokio::select! {
            () = self.end() => ended,
            () = signals.next() => anyhow::bail!("ended at once; nothing is lost, the next start continues from here"),
        }
    }

    /// Ends all parts within the set time, as [`crate::shutdown::Shutdown`] describes.
    pub(super) async fn end(&self) {
        let shutdown = &self.state.shutdown;
        tracing::info!(
            seconds = shutdown.timeout.as_secs(),
            drain = shutdown.drain,
            "stopping; a second signal ends it at once"
        );
        shutdown.begin();
        let in_order = async {
            self.work.ended().await;
            if shutdown.drain {
                tracing::info!("waiting until all messages are delivered");
                self.drained().await;
            }
            shutdown.deliveries.cancel();
            self.deliveries.ended().await;
        };
        match tokio::time::timeout(shutdown.timeout, in_order).await {
            Ok(()) => tracing::info!("stopped"),
            Err(_) => tracing::warn!(
                "stopped before all work was done, because the time was up; nothing is lost, the next start continues from here"
            ),
        }
    }

    /// Waits until the outbox is empty.
    async fn drained(&self) {
        loop {
            let state = self.state.clone();
            match blocking(move || state.store.backlog()).await {
                Ok(backlog) => {
                    let known = &self.state.destinations;
                    if !backlog
                        .iter()
                        .any(|(name, messages, _)| *messages > 0 && known.contains_key(name))
                    {
                        return;
                    }
                }
                Err(error) => return tracing::error!("cannot read the outbox: {error}"),
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

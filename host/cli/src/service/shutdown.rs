//! The end of the service, in order: sources stop, runs stop between two chunks, messages that are
//! on their way arrive.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::blocking::blocking;
use super::{Service, ServiceSettings};

/// The time between two checks whether the outbox is empty.
const POLL: Duration = Duration::from_millis(50);

/// The end of the service, as all parts see it. It has these steps:
///
/// 1. A signal begins the end, or a store that takes no more writes does.
/// 2. Sources end, and runs end between two chunks. No part begins new work.
/// 3. With `--drain`, the deliveries continue until the outbox is empty.
/// 4. The deliveries end, after all other tasks, so that the messages of those tasks arrive.
///
/// A second signal ends the service at once, and so does the end of `--stop-timeout`. Nothing is
/// lost then: all work of a part is in the store in whole commits.
pub(crate) struct Shutdown {
    /// A token that is cancelled in step 2.
    begun: CancellationToken,
    /// A token that is cancelled in step 4.
    deliveries: CancellationToken,
    /// A token that is cancelled when the store takes no more writes until it is opened again.
    store_broken: CancellationToken,
    /// True with `--drain`.
    drain: bool,
    /// The longest time that steps 2 to 4 may take.
    timeout: Duration,
}

impl Shutdown {
    /// Makes the end of a service with these settings. It has not begun.
    pub(super) fn new(settings: &ServiceSettings) -> Self {
        Self {
            begun: CancellationToken::new(),
            deliveries: CancellationToken::new(),
            store_broken: CancellationToken::new(),
            drain: settings.drain,
            timeout: settings.stop_timeout,
        }
    }

    /// Begins the end: this ends sources, and ends runs between two chunks.
    pub(super) fn begin(&self) {
        self.begun.cancel();
    }

    /// Returns true if the end has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Waits until the end begins.
    pub(crate) async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Returns a token for a part: it is cancelled when the end begins. A part that may end earlier
    /// takes a child of it.
    pub(super) fn token(&self) -> CancellationToken {
        self.begun.clone()
    }

    /// Returns a token for a delivery: it is cancelled after all other tasks have ended.
    pub(super) fn deliveries_token(&self) -> CancellationToken {
        self.deliveries.clone()
    }

    /// Ends the service because the store takes no more writes.
    pub(super) fn store_broke(&self) {
        self.store_broken.cancel();
    }

    /// Waits until the store takes no more writes.
    pub(super) async fn store_broken(&self) {
        self.store_broken.cancelled().await;
    }
}

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

    /// Ends all parts within the set time, as [`Shutdown`] describes.
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

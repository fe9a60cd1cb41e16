//! The end of the service, in order: sources stop, runs stop between two chunks, messages that are
//! on their way arrive.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::blocking::blocking;
use super::{Service, ServiceSettings};

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
    pub(super) async fn first(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ends all parts within the set time.
pub(super) async fn end(service: &Service, settings: &ServiceSettings) {
    tracing::info!(
        seconds = settings.stop_timeout.as_secs(),
        drain = settings.drain,
        "stopping; a second signal ends it at once"
    );
    // This ends sources, and ends runs between two chunks: every group's stop is a child of it.
    service.state.stopping.cancel();
    let in_order = async {
        service.work.ended().await;
        if settings.drain {
            tracing::info!("waiting until all messages are delivered");
            drained(service).await;
        }
        service.stop_deliveries.cancel();
        service.deliveries.ended().await;
    };
    match tokio::time::timeout(settings.stop_timeout, in_order).await {
        Ok(()) => tracing::info!("stopped"),
        Err(_) => tracing::warn!(
            "stopped before all work was done, because the time was up; nothing is lost, the next start continues from here"
        ),
    }
}

/// Waits until the outbox is empty.
async fn drained(service: &Service) {
    loop {
        let state = service.state.clone();
        match blocking(move || state.store.backlog()).await {
            Ok(backlog) => {
                let known = &service.state.destinations;
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

//! What waits in the outbox, to its destination: a task for each, so that a slow or broken one holds nobody else up. A task is woken
//! after each commit that adds messages for its destination, so the first messages of a long run do not wait for its end.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use muster_model::Millis;
use muster_publish::{CancellationToken, Cause, DrainOptions, DrainReport, Publisher};

use super::backoff::Backoff;
use super::host::Host;

/// How often a destination that is woken by nobody looks into the outbox. Looking costs one read; it bounds what a lost wake-up
/// would cost.
pub(super) const LOOK: Duration = Duration::from_secs(30);

/// How a destination does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// Why it takes nothing at the moment, with what to do about it.
    pub(crate) trouble: Option<String>,
    /// Since when.
    pub(crate) since: Option<Millis>,
    /// When it last took something.
    pub(crate) delivered: Option<Millis>,
}

/// Sends whatever comes into the outbox for a destination, until it is cancelled.
pub(crate) async fn deliver(
    host: Arc<Host>,
    name: String,
    destination: muster_publish::Destination,
    cancel: CancellationToken,
) {
    let mut publisher = Publisher::new(&name, &destination);
    let store = Arc::new(host.store.clone());
    let mut backoff = Backoff::default();
    loop {
        let options = DrainOptions {
            cancel: cancel.clone(),
            ..DrainOptions::default()
        };
        // Reports count from the beginning of a drain, the metrics from the beginning of the service.
        let told = std::sync::Mutex::new(DrainReport::default());
        let progress = |report: &DrainReport| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            host.metrics.delivered(&name, &told, report);
            if report.messages > told.messages {
                health(&host, &name, |health| {
                    health.delivered = Some(Millis::now())
                });
            }
            *told = *report;
        };
        let wait = match publisher.drain(&store, &options, progress).await {
            Ok(_) => {
                if backoff.failures() > 0 {
                    tracing::info!(destination = name, "takes messages again");
                }
                backoff.succeeded();
                health(&host, &name, |health| {
                    (health.trouble, health.since) = (None, None)
                });
                host.look
            }
            Err(error) => {
                let hint = error
                    .cause
                    .hint()
                    .map_or_else(String::new, |hint| format!("; {hint}"));
                let trouble = format!("{error}{hint}");
                let failures = backoff.failures();
                if failures == 0 {
                    tracing::error!(destination = name, "{trouble}");
                } else {
                    tracing::debug!(destination = name, failures, "still: {trouble}");
                }
                health(&host, &name, |health| {
                    health.trouble = Some(trouble);
                    health.since.get_or_insert_with(Millis::now);
                });
                // What only a person can change need not be tried so often.
                match *error.cause {
                    Cause::Denied { .. } | Cause::Misconfigured { .. } | Cause::Poison { .. } => {
                        backoff.failed_for_good()
                    }
                    _ => backoff.failed(),
                }
            }
        };
        let woken = async {
            match host.destinations.get(&name) {
                Some(destination) if backoff.failures() == 0 => destination.wake.notified().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cancel.cancelled() => return,
            () = woken => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Notes that the task itself failed.
pub(super) fn failed(host: &Host, name: &str, why: &str) {
    health(host, name, |health| {
        health.trouble = Some(format!("destination `{name}`: {why}"));
        health.since.get_or_insert_with(Millis::now);
    });
}

fn health(host: &Host, name: &str, change: impl FnOnce(&mut Health)) {
    if let Some(destination) = host.destinations.get(name) {
        change(
            &mut destination
                .health
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}

//! What waits in the outbox, to its destination: a task for each, so that a slow or broken one holds nobody else up.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use muster_model::Millis;
use muster_publish::{CancellationToken, Cause, DrainOptions, DrainReport, Publisher};

use super::host::Host;

/// How long a destination that takes nothing is left alone, at first and at most; it doubles in between.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);

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
    let mut failures = 0_u32;
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
        let result = publisher.drain(&store, &options, progress).await;
        match result {
            Ok(_) => {
                if failures > 0 {
                    tracing::info!(destination = name, "takes messages again");
                }
                failures = 0;
                health(&host, &name, |health| {
                    (health.trouble, health.since) = (None, None)
                });
            }
            Err(error) => {
                let hint = error
                    .cause
                    .hint()
                    .map_or_else(String::new, |hint| format!("; {hint}"));
                let trouble = format!("{error}{hint}");
                if failures == 0 {
                    tracing::error!(destination = name, "{trouble}");
                } else {
                    tracing::debug!(destination = name, failures, "still: {trouble}");
                }
                failures = failures.saturating_add(1);
                health(&host, &name, |health| {
                    health.trouble = Some(trouble);
                    health.since.get_or_insert_with(Millis::now);
                });
                // What only somebody can change need not be tried so often.
                if matches!(
                    *error.cause,
                    Cause::Denied { .. } | Cause::Misconfigured { .. } | Cause::Poison { .. }
                ) {
                    failures = failures.max(5);
                }
            }
        }
        let woken = async {
            if let Some(destination) = host.destinations.get(&name) {
                destination.wake.notified().await;
            }
            if failures > 0 {
                std::future::pending::<()>().await;
            }
        };
        let wait = RETRY.saturating_mul(1 << failures.min(6)).min(RETRY_MOST);
        tokio::select! {
            () = cancel.cancelled() => return,
            () = woken => {}
            () = tokio::time::sleep(wait), if failures > 0 => {}
        }
    }
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

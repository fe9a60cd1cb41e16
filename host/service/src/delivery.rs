//! The delivery of the outbox: one task for each destination, so that a slow or broken destination
//! delays no other. Each commit that adds messages for a destination wakes the destination's task.
//! So the first messages of a long run do not wait for the end of the run.

use std::sync::Arc;
use std::time::Duration;

use muster_publish::{
    CancellationToken, Cause, CheckOptions, CheckState, Destination, DrainOptions, DrainReport,
    Publisher, check,
};
use muster_store::Store;

use super::backoff::PartBackoff;
use super::state::ServiceState;

/// The time between two reads of the outbox by a destination that no commit wakes. A read is cheap,
/// and the time bounds the delay of a lost wake-up.
pub(crate) const POLL: Duration = Duration::from_secs(30);

/// Sends the messages that come into the outbox for a destination, until it is cancelled.
pub(crate) async fn deliver(
    state: Arc<ServiceState>,
    name: String,
    destination: Destination,
    cancel: CancellationToken,
) {
    let known = state.destination(&name);
    let mut publisher = Publisher::new(&name, &destination);
    let store = Arc::new(state.store.clone());
    let mut backoff = PartBackoff::default();
    let mut checked = !matches!(destination, Destination::Kinesis(_));
    loop {
        if !checked && has_messages(&store, &name) {
            checked = true;
            tokio::spawn(warn(name.clone(), destination.clone()));
        }
        let options = DrainOptions {
            cancel: cancel.clone(),
            ..DrainOptions::default()
        };
        // Reports count from the beginning of a drain, the metrics from the beginning of the
        // service.
        let counted = parking_lot::Mutex::new(DrainReport::default());
        let progress = |report: &DrainReport| {
            let mut counted = counted.lock();
            state.metrics.delivered(&name, &counted, report);
            if report.dead > counted.dead {
                let dead_letters = report.dead - counted.dead;
                tracing::error!(
                    destination = name,
                    dead_letters,
                    "the destination will never take some messages; `muster dead-letters list` names them"
                );
            }
            if report.messages > counted.messages {
                known.took();
            }
            *counted = *report;
        };
        let wait = match publisher.drain(&store, &options, progress).await {
            Ok(_) => {
                if backoff.failures() > 0 {
                    tracing::info!(destination = name, "takes messages again");
                }
                backoff.succeeded();
                known.recovered();
                state.outbox_poll
            }
            Err(error) => {
                let hint = error
                    .cause
                    .hint()
                    .map_or_else(String::new, |hint| format!("; {hint}"));
                let outage = format!("{error}{hint}");
                let failures = backoff.failures();
                if failures == 0 {
                    tracing::error!(destination = name, "{outage}");
                } else {
                    tracing::debug!(destination = name, failures, "still failing: {outage}");
                }
                known.failed(outage);
                // A fault that only an operator can repair needs few attempts.
                match *error.cause {
                    Cause::Denied { .. } | Cause::Misconfigured { .. } | Cause::Poison { .. } => {
                        backoff.failed_permanently()
                    }
                    _ => backoff.failed(),
                }
            }
        };
        let woken = async {
            match backoff.failures() {
                0 => known.wake.notified().await,
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

/// Returns true if messages wait for a destination. A store that cannot be read is the drain's
/// fault to report.
fn has_messages(store: &Store, name: &str) -> bool {
    let backlog = store.backlog().unwrap_or_default();
    backlog
        .iter()
        .any(|(destination, messages, _)| destination == name && *messages > 0)
}

/// Checks a stream when the first messages are sent to it, and warns of what should be changed. The
/// drain reports what keeps messages from being delivered.
async fn warn(name: String, destination: Destination) {
    let steps = check(&name, &destination, &CheckOptions::default()).await;
    let warnings = steps.iter();
    for step in warnings.filter(|step| step.state == CheckState::Warning) {
        let hint = step.hint.as_deref().unwrap_or_default();
        tracing::warn!(destination = name, "{}; {hint}", step.text);
    }
}

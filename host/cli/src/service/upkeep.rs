//! Work on the store that may wait: merging segments, dropping what is older than the retention.

use std::sync::Arc;
use std::time::Duration;

use muster_model::Millis;
use muster_store::StoreError;

use super::group::blocking;
use super::host::Host;

/// How often it is looked whether there is something to merge.
const MERGE: Duration = Duration::from_millis(500);

/// How often it is looked whether history has grown too old.
const PRUNE: Duration = Duration::from_secs(3_600);

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(30);

/// Merges and prunes until the service stops. `retention`: how long history is kept, in ms; `None`: for ever.
pub(super) async fn upkeep(host: Arc<Host>, retention: Option<i64>) {
    let mut pruned: Option<tokio::time::Instant> = None;
    loop {
        // Not before the files that are there at the start are in.
        let due = host.live().caught_up && pruned.is_none_or(|at| at.elapsed() >= PRUNE);
        let prune = retention.filter(|_| due);
        let before = prune.map(|retention| Millis(host.clock.now().0.saturating_sub(retention)));
        let work = {
            let host = Arc::clone(&host);
            blocking(move || work(&host, before))
        };
        let wait = match work.await {
            // There may be more at once.
            Ok(true) => Duration::ZERO,
            Ok(false) => {
                if before.is_some() {
                    pruned = Some(tokio::time::Instant::now());
                }
                MERGE
            }
            Err(StoreError::Stopped) => return host.broken.cancel(),
            Err(error) => {
                tracing::error!("the store cannot be kept tidy: {error}");
                RETRY
            }
        };
        tokio::select! {
            () = host.stopping.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// One piece of work; whether there may be more.
fn work(host: &Host, before: Option<Millis>) -> Result<bool, StoreError> {
    if host.store.maintain()? {
        return Ok(true);
    }
    match before {
        Some(before) => host.store.prune(before),
        None => Ok(false),
    }
}

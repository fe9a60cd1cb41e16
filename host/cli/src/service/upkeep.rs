//! Work on the store that may wait: merging segments, dropping what is older than the retention.

use std::sync::Arc;
use std::time::Duration;

use muster_store::{Pruned, Refusal, StoreError};
use serde_json::Value;

use super::blocking::blocking;
use super::host::Host;
use crate::config::Config;
use crate::retention;

/// How often it is looked whether there is something to merge.
const MERGE: Duration = Duration::from_millis(500);

/// How often it is looked whether history has grown too old.
const PRUNE: Duration = Duration::from_secs(3_600);

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(30);

/// Merges and prunes until the service stops.
pub(super) async fn upkeep(host: Arc<Host>, config: Arc<Config>) {
    let prunes = config.retention.is_some() && host.clock.is_systems();
    if config.retention.is_some() && !prunes {
        tracing::info!("the retention drops nothing under another clock than the system's");
    }
    let mut pruned: Option<tokio::time::Instant> = None;
    loop {
        // Not before the files that are there at the start are in.
        let due = prunes && host.live().caught_up && pruned.is_none_or(|at| at.elapsed() >= PRUNE);
        let work = {
            let host = Arc::clone(&host);
            blocking(move || work(&host, due))
        };
        let worked = tokio::select! {
            worked = work => worked,
            // A merge may take longer than the end may. It is crash-safe, and its thread holds no part up.
            () = host.stopping.cancelled() => return,
        };
        let wait = match worked {
            Ok(Work::More) => Duration::ZERO,
            Ok(Work::Done) => MERGE,
            Ok(Work::Pruned(refusal)) => {
                pruned = Some(tokio::time::Instant::now());
                tell(&host, refusal.as_ref().map(retention::refusal_json));
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

/// What a piece of work was.
enum Work {
    /// There may be more at once.
    More,
    /// Nothing is to be merged.
    Done,
    /// Nothing is too old any more, or it is refused.
    Pruned(Option<Refusal>),
}

fn work(host: &Host, prune: bool) -> Result<Work, StoreError> {
    #[cfg(test)]
    host.faults.of_upkeep();
    if host.store.maintain()? {
        return Ok(Work::More);
    }
    if !prune {
        return Ok(Work::Done);
    }
    Ok(
        match host.store.prune(muster_model::Millis::now(), false)? {
            Pruned::More => Work::More,
            Pruned::Done => Work::Pruned(None),
            Pruned::Refused(refusal) => Work::Pruned(Some(refusal)),
        },
    )
}

/// Drops what is too old at somebody's request.
pub(super) async fn prune(host: Arc<Host>, config: &Config, anyway: bool) -> Result<Value, String> {
    retention::may_prune(config, host.clock.is_systems()).map_err(|error| error.to_string())?;
    let pruning = {
        let host = Arc::clone(&host);
        blocking(move || retention::prune(&host.store, anyway, &|| host.stopping.is_cancelled()))
    };
    let done = pruning.await.map_err(|error| error.to_string())?;
    let refusal = done.get("refused").filter(|refusal| !refusal.is_null());
    tell(&host, refusal.cloned());
    Ok(done)
}

/// Says that so much is not dropped, in the log when it begins, and in what `muster status` shows
/// for as long as it is so.
fn tell(host: &Host, refusal: Option<Value>) {
    let mut live = host.live();
    if let Some(refusal) = &refusal
        && live.retention.is_none()
        && let Some(said) = retention::refused(refusal)
    {
        tracing::warn!("{said}");
    }
    live.retention = refusal;
}

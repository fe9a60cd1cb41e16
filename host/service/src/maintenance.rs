//! The maintenance of the store: it merges segments, and drops events that are older than the
//! retention.

use std::sync::Arc;
use std::time::Duration;

use muster_project::Config;
use muster_store::{Pruned, RetentionRefusal, StoreError};
use muster_tasks::blocking;

use super::state::ServiceState;
use crate::api::{ApiError, PrunedEvents, RefusedPrune};
use crate::{logs, requests};

/// The time between two checks for segments to merge.
const MERGE_INTERVAL: Duration = Duration::from_millis(500);

/// The time between two checks for events that are too old.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3_600);

/// The wait after a failure.
const RETRY_WAIT: Duration = Duration::from_secs(30);

/// Merges and prunes until the service stops.
pub(super) async fn maintain(state: Arc<ServiceState>, config: Arc<Config>) {
    let prunes = config.retention.is_some() && state.clock.is_system_clock();
    if config.retention.is_some() && !prunes {
        tracing::info!(
            "the retention drops nothing, because the service does not use the system's clock"
        );
    }
    let mut pruned: Option<tokio::time::Instant> = None;
    loop {
        // Nothing is dropped before the files that exist at the start are imported.
        let due = prunes
            && state.active().caught_up
            && pruned.is_none_or(|at| at.elapsed() >= PRUNE_INTERVAL);
        let work = {
            let state = Arc::clone(&state);
            blocking(move || work(&state, due))
        };
        let worked = tokio::select! {
            worked = work => worked,
            // A merge may take longer than the end of the service may. A merge is crash-safe, and
            // its thread delays no other part.
            () = state.shutdown.begun() => return,
        };
        let wait = match worked {
            Ok(MaintenanceResult::More) => Duration::ZERO,
            Ok(MaintenanceResult::Done) => MERGE_INTERVAL,
            Ok(MaintenanceResult::Pruned(refusal)) => {
                pruned = Some(tokio::time::Instant::now());
                report(&state, refusal.as_ref().map(Into::into));
                MERGE_INTERVAL
            }
            Err(StoreError::Stopped) => return state.shutdown.store_broke(),
            Err(error) => {
                tracing::error!("maintenance of the store failed: {error}");
                RETRY_WAIT
            }
        };
        tokio::select! {
            () = state.shutdown.begun() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// The result of a piece of maintenance.
enum MaintenanceResult {
    /// More work may follow at once.
    More,
    /// No segment is to be merged.
    Done,
    /// No event is too old any more, or the store refuses to drop so many.
    Pruned(Option<RetentionRefusal>),
}

fn work(state: &ServiceState, prune: bool) -> Result<MaintenanceResult, StoreError> {
    #[cfg(test)]
    state.faults.hold_maintenance();
    if state.store.maintain()? {
        return Ok(MaintenanceResult::More);
    }
    if !prune {
        return Ok(MaintenanceResult::Done);
    }
    Ok(
        match state.store.prune(muster_model::Millis::now(), false)? {
            Pruned::More => MaintenanceResult::More,
            Pruned::Done => MaintenanceResult::Pruned(None),
            Pruned::Refused(refusal) => MaintenanceResult::Pruned(Some(refusal)),
        },
    )
}

/// Drops events that are older than the retention, at the request of a command.
pub(super) async fn prune(
    state: Arc<ServiceState>,
    config: &Config,
    anyway: bool,
) -> Result<PrunedEvents, ApiError> {
    requests::may_prune(config, state.clock.is_system_clock())?;
    let pruning = {
        let state = Arc::clone(&state);
        blocking(move || requests::prune(&state.store, anyway, &|| state.shutdown.has_begun()))
    };
    let done = pruning.await?;
    report(&state, done.refused.clone());
    Ok(done)
}

/// Reports that the retention drops nothing because it would drop too much. The log has it once,
/// when it begins; `muster status` shows it as long as it lasts.
fn report(state: &ServiceState, refusal: Option<RefusedPrune>) {
    let mut active = state.active();
    if let Some(refusal) = &refusal
        && active.retention.is_none()
    {
        tracing::warn!("{}", logs::refused_prune(refusal));
    }
    active.retention = refusal;
}

//! Events that are older than `retention:`.

use muster_model::Millis;
use muster_project::Config;
use muster_store::{Pruned, Store, StoreError};

use crate::api::{ApiError, PrunedEvents};

/// Refuses to drop events on request if there is no retention, or if the clock is not the system's
/// (`is_system_clock` is false).
///
/// # Errors
/// The refusal.
pub fn may_prune(config: &Config, is_system_clock: bool) -> Result<(), ApiError> {
    if config.retention.is_none() {
        return Err(ApiError::refused(
            "muster.yaml has no `retention:`, so events are kept for ever",
        ));
    }
    if !is_system_clock {
        return Err(ApiError::refused(
            "events are dropped only by the system's clock: leave out `--now`, `--speed` and `clock:`",
        ));
    }
    Ok(())
}

/// Drops the events that are too old by the system's clock, piece by piece, until `stopped` returns
/// true.
///
/// # Errors
/// If the store fails.
pub fn prune(
    store: &Store,
    anyway: bool,
    stopped: &dyn Fn() -> bool,
) -> Result<PrunedEvents, StoreError> {
    let before = store.statistics()?.events;
    let refusal = loop {
        match store.prune(Millis::now(), anyway)? {
            Pruned::More if !stopped() => {}
            Pruned::More | Pruned::Done => break None,
            Pruned::Refused(refusal) => break Some(refusal),
        }
    };
    Ok(PrunedEvents {
        dropped: before.saturating_sub(store.statistics()?.events),
        refused: refusal.as_ref().map(Into::into),
    })
}

//! Stores that were restored from a backup.

use muster_engine::EngineError;
use muster_store::{Snapshot, Store};

use crate::api::{CopyName, RestoredStore};

/// Checks whether a store that is opened for writing was restored. If no destination holds a copy,
/// there is nothing to reconcile, and the store is marked as repaired.
///
/// # Errors
/// If the store fails.
pub fn begin_restored(store: &Store) -> Result<Option<RestoredStore>, EngineError> {
    let restored = restored(&store.snapshot()?)?;
    if restored
        .as_ref()
        .is_some_and(|restored| restored.unreconciled.is_empty())
    {
        store.acknowledge_restore()?;
        return Ok(None);
    }
    Ok(restored)
}

/// Checks whether a store was restored.
///
/// # Errors
/// If the store fails.
pub fn restored(snapshot: &Snapshot) -> Result<Option<RestoredStore>, EngineError> {
    let Some(backup_at) = snapshot.restored()? else {
        return Ok(None);
    };
    let copies = muster_engine::unreconciled(snapshot)?.into_iter();
    let unreconciled = copies.map(|(cohort, destination)| CopyName {
        cohort: cohort.to_string(),
        destination,
    });
    Ok(Some(RestoredStore {
        backup_at,
        unreconciled: unreconciled.collect(),
    }))
}

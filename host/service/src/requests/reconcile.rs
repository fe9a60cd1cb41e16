//! The reconciliation of a destination's copy with the members of a cohort.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, anyhow};
use muster_engine::{Cohort, EngineError};
use muster_model::Millis;
use muster_store::Store;

use crate::api::{ApiError, ReconciledCopy};

/// Makes a destination's copy of a cohort equal to its members.
///
/// # Errors
/// If the cohort is not sent to the destination, or the store fails.
pub(crate) fn reconcile(
    store: &Store,
    cohort: &Cohort,
    destination: &str,
    have: Option<&BTreeSet<String>>,
    now: Millis,
) -> Result<ReconciledCopy, ApiError> {
    let mut synced = cohort.sync.iter();
    let Some(sync) = synced.find(|sync| sync.destination == destination) else {
        let known = cohort
            .sync
            .iter()
            .map(|sync| format!("`{}`", sync.destination));
        let known = known.collect::<Vec<_>>().join(", ");
        return Err(ApiError::refused(format!(
            "`{}` is not sent to `{destination}`: its `sync` names {}",
            cohort.id,
            if known.is_empty() {
                "no destination"
            } else {
                &known
            }
        )));
    };
    let done = muster_engine::reconcile(store, cohort, sync, have, now)?;
    acknowledge(store)?;
    Ok(done.into())
}

/// Marks a restored store as repaired once every copy has been reconciled.
///
/// # Errors
/// If the store fails.
pub fn acknowledge(store: &Store) -> Result<(), EngineError> {
    if store.restored()?.is_some() && muster_engine::unreconciled(&store.snapshot()?)?.is_empty() {
        store.acknowledge_restore()?;
    }
    Ok(())
}

/// Reads user ids, one a line. Blank lines are skipped.
///
/// # Errors
/// If the file cannot be read, or a line is not UTF-8.
pub fn read_ids(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let unreadable = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).with_context(unreadable)?;
    let mut ids = BTreeSet::new();
    for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.with_context(unreadable)?;
        let text = String::from_utf8(line).map_err(|_| {
            let (path, line) = (path.display(), index + 1);
            anyhow!("{path}:{line}: the line is not UTF-8: write one user id a line")
        })?;
        let id = text.trim();
        if !id.is_empty() {
            ids.insert(id.to_owned());
        }
    }
    Ok(ids)
}

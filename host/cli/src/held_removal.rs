//! Removals of cohorts that the guard holds.

use muster_engine::{EngineError, HeldRun};
use muster_model::{CohortId, Millis};
use muster_store::{Snapshot, Store};
use serde_json::{Value, json};

use crate::output::count;
use crate::output_json;

/// A cohort whose definition is gone and had `on_remove: exit`. The guard holds the exits of its
/// members until the operator approves them.
pub(crate) struct HeldRemoval {
    pub(crate) cohort: CohortId,
    pub(crate) held: HeldRun,
}

impl HeldRemoval {
    /// Returns all held removals in the store.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) fn all(snapshot: &Snapshot) -> Result<Vec<Self>, EngineError> {
        let mut ends = Vec::new();
        for cohort in snapshot.cohorts()? {
            let status = muster_engine::status(snapshot, &cohort)?;
            if let Some(held) = status.held.filter(|_| status.is_end) {
                ends.push(Self { cohort, held });
            }
        }
        Ok(ends)
    }

    /// Says what is held and what to do.
    pub(crate) fn text(&self) -> String {
        let Self { cohort, held } = self;
        let members = count(held.members, "member");
        format!(
            "{cohort}: its definition is gone and said `on_remove: exit`; the guard holds the exit of all {members} since {}: \
             `muster approve {cohort}` sends it, `muster reject {cohort}` keeps the members",
            held.at
        )
    }

    /// Returns the same as JSON.
    pub(crate) fn json(&self) -> Value {
        json!({ "id": self.cohort.as_str(), "held": self.held })
    }
}

/// Approves or rejects the held removal of a cohort. `None`: no removal is held. No run of the
/// cohort may be under way.
///
/// # Errors
/// If the store fails.
pub(crate) fn decide(
    store: &Store,
    cohort: &CohortId,
    approved: bool,
    now: Millis,
) -> Result<Option<Value>, EngineError> {
    if !muster_engine::status(&store.snapshot()?, cohort)?.is_end {
        return Ok(None);
    }
    if approved {
        let record = muster_engine::remove(store, cohort, now, None)?;
        return Ok(Some(output_json::ended(&record)));
    }
    let rejected = muster_engine::reject(store, cohort, now)?;
    Ok(Some(json!({ "rejected": rejected })))
}

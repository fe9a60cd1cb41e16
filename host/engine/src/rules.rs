//! What the store keeps of rules and runs, beyond a tick.

use muster_model::CohortId;
use muster_sandbox::Rule;
use muster_store::{Snapshot, Store};

use crate::cohort::Cohort;
use crate::report::RunRecord;
use crate::{EngineError, state};

/// The cohorts of rules that are no longer run keep their members; only what belongs to the rule is forgotten.
///
/// # Errors
/// When the store fails.
pub fn forget_other_rules(store: &Store, rules: &[(&Rule, &[Cohort])]) -> Result<(), EngineError> {
    let kept: Vec<_> = rules
        .iter()
        .map(|(rule, cohorts)| state::rule_key(rule, cohorts))
        .collect();
    for key in store.snapshot()?.rules()? {
        if !kept.contains(&key) {
            store.forget_rule(&key)?;
        }
    }
    Ok(())
}

/// The latest runs of a cohort, newest first.
///
/// # Errors
/// When the store fails or a record cannot be read.
pub fn records(
    snapshot: &Snapshot,
    cohort: &CohortId,
    limit: usize,
) -> Result<Vec<RunRecord>, EngineError> {
    let stored = snapshot.records(cohort, limit)?;
    let decode = |record: muster_store::RunRecord| {
        serde_json::from_slice(&record.body).map_err(|error| EngineError::State {
            of: format!("a run of `{cohort}`"),
            why: error.to_string(),
        })
    };
    stored.into_iter().map(decode).collect()
}

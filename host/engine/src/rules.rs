//! What the store keeps of rules and runs, beyond a tick.

use muster_model::{CohortId, Millis};
use muster_sandbox::Rule;
use muster_store::{Snapshot, Store};

use crate::cohort::Cohort;
use crate::memory::{Memory, Unfinished};
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

/// What the store keeps of a rule that was asked for these cohorts is forgotten; the cohorts keep their members.
///
/// # Errors
/// When the store fails.
pub fn forget_rule(store: &Store, rule: &Rule, cohorts: &[Cohort]) -> Result<(), EngineError> {
    store.forget_rule(&state::rule_key(rule, cohorts))?;
    Ok(())
}

/// Returns whether a run of a rule was cut off after a commit, so that the next one goes on with it.
///
/// # Errors
/// When the store fails.
pub fn goes_on(snapshot: &Snapshot, rule: &Rule, cohorts: &[Cohort]) -> Result<bool, EngineError> {
    let key = state::rule_key(rule, cohorts);
    let memory = Memory::load(snapshot, &key, cohorts)?;
    Ok(matches!(memory.unfinished(&key), Unfinished::Open(_)))
}

/// The first instant at which an answer of a rule runs out; `None`: all stand for ever.
///
/// # Errors
/// When the store fails.
pub fn next_due(
    snapshot: &Snapshot,
    rule: &Rule,
    cohorts: &[Cohort],
) -> Result<Option<Millis>, EngineError> {
    Ok(snapshot.next_due(&state::rule_key(rule, cohorts))?)
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
    records_since(snapshot, cohort, Millis(i64::MIN), limit)
}

/// The latest runs of a cohort, newest first, back to the first that is older than an instant.
///
/// # Errors
/// When the store fails or a record cannot be read.
pub fn records_since(
    snapshot: &Snapshot,
    cohort: &CohortId,
    since: Millis,
    limit: usize,
) -> Result<Vec<RunRecord>, EngineError> {
    let stored = snapshot.records_since(cohort, since, limit)?;
    let decode = |record: muster_store::RunRecord| {
        serde_json::from_slice(&record.body).map_err(|error| EngineError::State {
            of: format!("a run of `{cohort}`"),
            why: error.to_string(),
        })
    };
    stored.into_iter().map(decode).collect()
}

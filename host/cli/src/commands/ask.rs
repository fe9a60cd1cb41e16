//! What changes a cohort or a person at somebody's request: the running service does it, or this process if none runs.

use muster_engine::{EngineError, Reason, TickOptions, TickReport};
use muster_model::{CohortId, Millis};
use muster_store::Store;
use serde_json::{Value, json};

use crate::output::Output;
use crate::project::Project;
use crate::rules::{self, Loaded};
use crate::service::control::{self, Request};
use crate::ticking::with_progress;
use crate::told::{self, field};

/// Asks the running service; if none runs, does it here. Messages that come of it here wait for the next run.
pub(super) fn ask(
    project: &Project,
    request: &Request,
    here: impl FnOnce(&Store, Millis) -> anyhow::Result<Value>,
) -> anyhow::Result<Value> {
    if let Some(answer) = control::ask(&project.store_directory(), request)? {
        return Ok(answer);
    }
    project.look()?;
    let store = project.open_store()?;
    let now = project.config.clock.unwrap_or_else(Millis::now);
    here(&store, now)
}

/// One run of one cohort, by this process.
pub(super) fn run_one(
    project: &Project,
    store: &Store,
    cohort: &CohortId,
    output: &Output,
    now: Millis,
    change: impl FnOnce(&mut TickOptions<'_>),
) -> anyhow::Result<Value> {
    let loaded = rules::load(project)?;
    let of_cohort = |loaded: &&Loaded| loaded.cohorts.iter().any(|known| known.id == *cohort);
    let Some(loaded) = loaded.iter().find(of_cohort) else {
        anyhow::bail!("`{cohort}` has no rule");
    };
    let rule = loaded
        .rule
        .as_ref()
        .map_err(|error| anyhow::anyhow!("{cohort}: {error}"))?;
    let cohorts: Vec<_> = (loaded.cohorts.iter())
        .filter(|known| known.id == *cohort)
        .cloned()
        .collect();
    let lists = project.lists.for_engine();
    let report: Result<TickReport, EngineError> = with_progress(&lists, now, output, |options| {
        let mut options = TickOptions {
            alone: cohorts.len() < loaded.cohorts.len(),
            reason: Some(Reason::Requested),
            guard: project.config.guard,
            ..*options
        };
        change(&mut options);
        muster_engine::tick(store, rule, &cohorts, &options)
    });
    let report = report?;
    if cohorts.len() < loaded.cohorts.len() {
        muster_engine::forget_rule(store, rule, &cohorts)?;
    }
    Ok(told::run(&report))
}

/// What a run did, in a line.
pub(super) fn said(cohort: &str, run: &Value) -> String {
    let number = |key: &str| crate::output::number(field(run, key).as_u64().unwrap_or_default());
    if let Some(held) = field(run, "held").as_object() {
        let of = |key: &str| held.get(key).and_then(Value::as_u64).unwrap_or_default();
        return format!(
            "{cohort}: held by the guard: {} would enter and {} exit, of {} members; `muster approve {cohort}` lets it go, `muster reject {cohort}` drops it",
            of("entered"),
            of("exited"),
            of("members")
        );
    }
    format!(
        "{cohort}: {} members, {} entered, {} exited, {} messages",
        number("members"),
        number("entered"),
        number("exited"),
        number("messages")
    )
}

/// The one document about a run that was asked for.
pub(super) fn document(cohort: &str, run: Value) -> Value {
    json!({ "cohort": cohort, "run": run })
}

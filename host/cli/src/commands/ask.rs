//! Requests that change a cohort or a user. The running service carries them out, or this process
//! if no service runs.

use std::path::Path;

use muster_engine::{EngineError, Reason, RunOptions, RunReport};
use muster_model::{CohortId, Millis};
use muster_store::Store;
use serde_json::{Value, json};

use crate::modules::{self, LoadedModule};
use crate::output::{Output, count};
use crate::output_json::{self, field};
use crate::project::Project;
use crate::run_progress::with_progress;
use crate::service::control::{self, ControlRequest};

/// The result of a request.
pub(super) struct ControlResult {
    pub(super) value: Value,
    /// The faults of the definitions on disk, if this process has read them.
    pub(super) faults: Vec<Value>,
}

/// Sends a request to the running service, whatever the files on disk say.
///
/// If no service runs, this process carries the request out (`here`), with the definitions that
/// have no error. The messages that it makes wait for the next `muster run`.
pub(super) fn ask(
    directory: &Path,
    request: &ControlRequest,
    output: &Output,
    here: impl FnOnce(&Project, &Store, Millis) -> anyhow::Result<Value>,
) -> anyhow::Result<ControlResult> {
    let project = Project::store_only(directory, output)?;
    if let Some(value) = control::ask(&project.store_directory(), request)? {
        return Ok(ControlResult {
            value,
            faults: Vec::new(),
        });
    }
    let project = Project::load_lenient(directory, output)?;
    project.open_snapshot()?;
    let store = project.open_store()?;
    let now = project.config.clock.unwrap_or_else(Millis::now);
    Ok(ControlResult {
        value: here(&project, &store, now)?,
        faults: project.faults(),
    })
}

/// Makes one run of one cohort in this process.
pub(super) fn run_one(
    project: &Project,
    store: &Store,
    cohort: &CohortId,
    output: &Output,
    now: Millis,
    change: impl FnOnce(&mut RunOptions<'_>),
) -> anyhow::Result<Value> {
    let loaded = modules::load(project)?;
    let of_cohort = |loaded: &&LoadedModule| loaded.cohorts.iter().any(|known| known.id == *cohort);
    let Some(loaded) = loaded.iter().find(of_cohort) else {
        anyhow::bail!("no module computes `{cohort}`");
    };
    let module = loaded
        .module
        .as_ref()
        .map_err(|error| anyhow::anyhow!("{cohort}: {error}"))?;
    let cohorts: Vec<_> = (loaded.cohorts.iter())
        .filter(|known| known.id == *cohort)
        .cloned()
        .collect();
    let lists = project.lists.for_engine();
    let report: Result<RunReport, EngineError> = with_progress(&lists, now, output, |options| {
        let mut options = RunOptions {
            alone: cohorts.len() < loaded.cohorts.len(),
            reason: Some(Reason::Requested),
            guard: project.config.guard,
            ..*options
        };
        change(&mut options);
        muster_engine::run_module(store, module, &cohorts, &options)
    });
    let report = report?;
    if cohorts.len() < loaded.cohorts.len() {
        muster_engine::forget_module(store, module, &cohorts)?;
    }
    Ok(output_json::run(&report))
}

/// Returns one line that says what a run did.
pub(super) fn run_text(cohort: &str, run: &Value) -> String {
    let number = |key: &str| crate::output::number(field(run, key).as_u64().unwrap_or_default());
    if let Some(held) = field(run, "held").as_object() {
        let of = |key: &str| held.get(key).and_then(Value::as_u64).unwrap_or_default();
        return format!(
            "{cohort}: held by the guard: {} would enter and {} exit, of {}; `muster approve {cohort}` lets it go, `muster reject {cohort}` drops it",
            of("entered"),
            of("exited"),
            count(of("members"), "member")
        );
    }
    let counted = |key: &str, noun| count(field(run, key).as_u64().unwrap_or_default(), noun);
    format!(
        "{cohort}: {}, {} entered, {} exited, {}",
        counted("members", "member"),
        number("entered"),
        number("exited"),
        counted("messages", "message")
    )
}

/// Returns the JSON document about a requested run.
pub(super) fn document(cohort: &str, run: ControlResult) -> Value {
    json!({ "cohort": cohort, "run": run.value, "faults": run.faults })
}

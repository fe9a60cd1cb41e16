//! Requests that change a cohort or a user. The running service carries them out, or this process
//! if no service runs.

use std::path::Path;

use muster_engine::RunOptions;
use muster_model::{Millis, count, number};
use muster_project::Project;
use muster_service::api::RequestedRun;
use muster_service::control::{ClientError, ControlClient};
use muster_service::requests::{self, CohortAnswer, CohortRequest};
use muster_store::Store;
use serde::Serialize;

use crate::faults::{FileFault, WithFaults};
use crate::load;
use crate::output::Output;
use crate::remarks;
use crate::run_progress::with_progress;

/// Sends a request to the running service, whatever the files on disk say (`there`).
///
/// If no service runs, this process carries the request out (`here`), with the definitions that
/// have no error. The messages that it makes wait for the next `muster run`.
pub(super) fn ask<T>(
    directory: &Path,
    output: &Output,
    there: impl FnOnce(&ControlClient) -> Result<Option<T>, ClientError>,
    here: impl FnOnce(&Project, &Store, Millis) -> anyhow::Result<T>,
) -> anyhow::Result<WithFaults<T>> {
    let project = load::store_only(directory, output)?;
    if let Some(answer) = there(&ControlClient::new(&project.store_directory())?)? {
        let faults = Vec::new();
        return Ok(WithFaults { answer, faults });
    }
    let project = load::load_lenient(directory, output)?;
    load::open_snapshot(&project)?;
    let store = load::open_store(&project)?;
    let now = project.config.clock.unwrap_or_else(Millis::now);
    Ok(WithFaults {
        answer: here(&project, &store, now)?,
        faults: FileFault::all(&project.problems),
    })
}

/// Executes a request about a cohort in this process.
pub(super) fn execute(
    project: &Project,
    store: &Store,
    cohort: &str,
    request: CohortRequest,
    now: Millis,
    output: &Output,
) -> anyhow::Result<CohortAnswer> {
    let lists = project.lists.for_engine();
    let execute = |options: &RunOptions<'_>| {
        requests::execute(project, store, cohort, request, options, load::compile())
    };
    Ok(with_progress(&lists, now, output, execute)?)
}

/// Returns one line that says what a run did.
pub(super) fn run_text(cohort: &str, run: &RequestedRun) -> String {
    if let Some(held) = &run.held {
        return format!(
            "{cohort}: held by the guard: {}",
            remarks::held_run(cohort, held)
        );
    }
    format!(
        "{cohort}: {}, {} entered, {} exited, {}",
        count(run.members, "member"),
        number(run.entered),
        number(run.exited),
        count(run.messages, "message")
    )
}

/// The document about a requested run.
#[derive(Serialize)]
struct RunDocument<'a> {
    cohort: &'a str,
    run: RequestedRun,
}

/// Prints the result of a requested run.
pub(super) fn print_run(
    cohort: &str,
    run: WithFaults<RequestedRun>,
    output: &Output,
) -> anyhow::Result<()> {
    let text = run_text(cohort, &run.answer);
    let document = WithFaults {
        answer: RunDocument {
            cohort,
            run: run.answer,
        },
        faults: run.faults,
    };
    output.result(&document, &text)
}

//! The reading of a project for a command: its environment, and how its faults are shown.

use std::path::Path;

use anyhow::Context;
use muster_document::{Diagnostics, SourceFile};
use muster_model::CohortId;
use muster_project::{Config, Parse, Project, ProjectError};
use muster_sandbox::Compile;
use muster_service::control::ControlClient;
use muster_service::queries;
use muster_store::{Snapshot, Store, StoreError};

use crate::commands::compile_rule;
use crate::output::Output;

/// The error of a project without a store.
const NO_STORE: &str = "the project has no store yet, so it has no events: import some with `muster run --once` or `muster import`";

/// Returns the value of an environment variable of this process.
pub(crate) fn environment(name: &str) -> Result<String, std::env::VarError> {
    std::env::var(name)
}

/// Returns where hand-written rules are compiled: in another process.
pub(crate) fn compile() -> Compile {
    compile_rule::in_other_process()
}

/// Reads `muster.yaml` and all definitions, and shows the warnings. This is for commands that open
/// no source and no destination.
pub(crate) fn load(directory: &Path, output: &Output) -> anyhow::Result<Project> {
    let (project, warnings) = strict(directory, output, Config::parse_without_secrets)?;
    if !warnings.is_empty() {
        output.note(&output.diagnostics(&warnings));
    }
    Ok(project)
}

/// Reads `muster.yaml` and all definitions. Returns the warnings, or all errors at once.
pub(crate) fn load_all(
    directory: &Path,
    output: &Output,
) -> anyhow::Result<(Project, Diagnostics)> {
    strict(directory, output, Config::parse)
}

/// Reads `muster.yaml` with all its variables, for commands that use its sources and destinations.
/// Errors of definitions do not matter to these.
pub(crate) fn load_settings(directory: &Path, output: &Output) -> anyhow::Result<Project> {
    read(directory, output, Config::parse)
}

/// Reads `muster.yaml` and the definitions without errors, and shows the errors. This is for
/// commands that work with the other definitions and open no source and no destination.
pub(crate) fn load_sound(directory: &Path, output: &Output) -> anyhow::Result<Project> {
    let project = read(directory, output, Config::parse_without_secrets)?;
    note_problems(&project, output);
    Ok(project)
}

/// Reads all files without errors, and shows the errors. This is for commands that answer from the
/// store. If `muster.yaml` has an error, only the store's folder and the faults are known
/// ([`Project::knows_settings`]).
pub(crate) fn load_lenient(directory: &Path, output: &Output) -> anyhow::Result<Project> {
    let project = match Project::read(directory, Config::parse_without_secrets, &environment) {
        Err(ProjectError::Invalid(problems)) => {
            store_only(directory, output)?.with_problems(problems)
        }
        read => shown(read, output)?,
    };
    note_problems(&project, output);
    Ok(project)
}

/// Reads only the store's folder from `muster.yaml`.
pub(crate) fn store_only(directory: &Path, output: &Output) -> anyhow::Result<Project> {
    shown(Project::store_only(directory, &environment), output)
}

/// Returns the same project with the active definitions; `None`: no service runs.
pub(crate) fn active(project: &Project) -> anyhow::Result<Option<Project>> {
    let client = ControlClient::new(&project.store_directory())?;
    let Some(files) = client.definitions()? else {
        return Ok(None);
    };
    let sources = files.into_iter();
    let sources = sources.map(|file| SourceFile::new(&file.path, &file.text));
    Ok(Some(project.with_definitions(sources.collect())))
}

/// Opens the store for writing.
pub(crate) fn open_store(project: &Project) -> anyhow::Result<Store> {
    project.open_store().map_err(|error| match error {
        // These errors name the folder themselves.
        StoreError::Locked { .. }
        | StoreError::Version { .. }
        | StoreError::Damaged { .. }
        | StoreError::NotWritable { .. } => error.into(),
        error => anyhow::Error::new(error).context(format!(
            "cannot open the store in `{}`",
            project.store_directory().display()
        )),
    })
}

/// Opens a snapshot of the store for reading, whether the service runs or not. `None`: there is no
/// store yet.
pub(crate) fn open_read_only(project: &Project) -> anyhow::Result<Option<Snapshot>> {
    let directory = project.store_directory();
    (project.open_read_only())
        .with_context(|| format!("cannot read the store in {}", directory.display()))
}

/// Opens a snapshot of the store for reading. A project without a store is an error.
pub(crate) fn open_snapshot(project: &Project) -> anyhow::Result<Snapshot> {
    open_read_only(project)?.context(NO_STORE)
}

/// Returns the id of a cohort that is defined or that the store knows, and a snapshot of the store.
pub(crate) fn known_cohort(project: &Project, id: &str) -> anyhow::Result<(CohortId, Snapshot)> {
    let snapshot = open_read_only(project)?;
    let id = queries::known_cohort(project, snapshot.as_ref(), id)?;
    Ok((id, snapshot.context(NO_STORE)?))
}

fn strict(
    directory: &Path,
    output: &Output,
    parse: Parse,
) -> anyhow::Result<(Project, Diagnostics)> {
    let project = read(directory, output, parse)?;
    let problems = project.problems.clone();
    match problems.has_errors() {
        true => Err(output.refusal(&problems).into()),
        false => Ok((project, problems)),
    }
}

fn read(directory: &Path, output: &Output, parse: Parse) -> anyhow::Result<Project> {
    shown(Project::read(directory, parse, &environment), output)
}

/// Renders the errors of a project that cannot be read.
fn shown(read: Result<Project, ProjectError>, output: &Output) -> anyhow::Result<Project> {
    read.map_err(|error| match error {
        ProjectError::Invalid(problems) => output.refusal(&problems).into(),
        ProjectError::Missing(_) => error.into(),
    })
}

fn note_problems(project: &Project, output: &Output) {
    if !project.problems.is_empty() {
        output.note(&output.diagnostics(&project.problems));
    }
}

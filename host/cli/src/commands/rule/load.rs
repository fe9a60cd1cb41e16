//! Loading a rule for the commands that report about it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use muster_project::config::{self, ProjectOutline};
use muster_sandbox::{Ceilings, Module, Sandbox, SandboxOptions, to_component};

use super::language::BUILT;
use crate::commands::compile_rule;
use crate::load::environment;
use crate::output::Output;

/// Returns the built rule of a folder, or the file itself.
pub(super) fn rule_file(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.join(BUILT),
        false => path.to_owned(),
    }
}

/// Reads a rule. The core module that a compiler writes becomes a component, as when a project
/// loads it.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| {
        format!(
            "cannot read {}: build it with `muster rule build`",
            path.display()
        )
    })?;
    Ok(to_component(bytes)?)
}

/// Returns the ceilings of the project that holds a file, or else the usual ones.
pub(super) fn ceilings(file: &Path, output: &Output) -> anyhow::Result<Ceilings> {
    let folders = std::path::absolute(file)?;
    let project = folders
        .ancestors()
        .find(|folder| folder.join(config::FILE).is_file());
    let Some(project) = project else {
        return Ok(Ceilings::default());
    };
    let outline = muster_project::read(&project.join(config::FILE))
        .and_then(|source| ProjectOutline::parse(&source, &environment));
    let outline = outline.map_err(|diagnostics| output.refusal(&diagnostics))?;
    Ok(outline.rules)
}

/// A loaded rule with the time that loading took.
pub(super) struct Loaded {
    pub(super) module: Module,
    pub(super) took: Duration,
}

/// Loads a rule in a sandbox of its own.
pub(super) fn load(
    bytes: &[u8],
    ceilings: Ceilings,
    metered: bool,
    cache: Option<PathBuf>,
) -> anyhow::Result<Loaded> {
    let sandbox = Sandbox::new(SandboxOptions {
        ceilings,
        metered,
        cache,
        compile: compile_rule::in_other_process(),
        ..SandboxOptions::default()
    })?;
    let began = Instant::now();
    let module = sandbox.load(bytes, muster_sandbox::Origin::HandWritten)?;
    Ok(Loaded {
        module,
        took: began.elapsed(),
    })
}

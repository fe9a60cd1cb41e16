//! `muster fmt`: formats definitions.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use muster_document::Diagnostics;
use muster_model::count;
use muster_project::config::{self, ProjectOutline};
use muster_project::{find_definitions, is_test};
use muster_project::{read, shown};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::load::environment;
use crate::output::{Output, Reported};

/// Format the YAML definitions
///
/// The command changes the indentation, the order of the keys and the blanks. Comments and meaning
/// stay. JSON, tests of definitions and muster.yaml are left alone. If any definition has an error,
/// no file is changed.
#[derive(Debug, Args)]
pub(crate) struct FmtCommand {
    /// Projects, or single definitions
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Change no file; list the files that would change, and fail if there are any
    #[arg(long)]
    check: bool,
}

impl FmtCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let files = find(&self.paths, output)?;
        let (mut changed, mut problems) = (Vec::new(), Diagnostics::default());
        for path in &files {
            let text = read(path).and_then(|source| {
                let text = muster_definition::format(&source)?;
                Ok((text != source.text()).then_some(text))
            });
            match text {
                Ok(text) => changed.extend(text.map(|text| (path, text))),
                Err(diagnostics) => problems.append(diagnostics),
            }
        }
        if problems.has_errors() {
            return Err(output.refusal(&problems).into());
        }
        let (mut names, mut lines) = (Vec::new(), String::new());
        for (path, text) in &changed {
            if !self.check {
                replace(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            }
            let name = shown(path);
            let does = if self.check {
                "would format"
            } else {
                "formatted"
            };
            lines += &format!("{does} {name}\n");
            names.push(name);
        }
        let (all, different) = (files.len() as u64, changed.len() as u64);
        lines += &match (different, self.check) {
            (0, _) => format!("{}: formatted already", count(all, "definition")),
            (_, true) => format!("{different} of {} would change", count(all, "definition")),
            (_, false) => format!("{different} of {} changed", count(all, "definition")),
        };
        let json = json!({ "definitions": all, "changed": names, "written": !self.check });
        output.result(&json, &lines)?;
        if self.check && different > 0 {
            let what = format!(
                "{} not formatted: run `muster fmt`",
                count(different, "file")
            );
            return Err(Reported(what).into());
        }
        Ok(())
    }
}

/// Returns the YAML definitions of projects, and those that are named themselves: each once, sorted
/// by path.
fn find(paths: &[PathBuf], output: &Output) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_file() {
            files.push(path.clone());
        } else if !path.is_dir() {
            bail!("there is no file or folder {}", path.display());
        } else {
            let file = path.join(config::FILE);
            if !file.is_file() {
                bail!(
                    "there is no {} in {}: give the project's folder, or the definitions themselves",
                    config::FILE,
                    path.display()
                );
            }
            let outline = read(&file)
                .and_then(|source| ProjectOutline::parse(&source, &environment))
                .map_err(|diagnostics| output.refusal(&diagnostics))?;
            for pattern in &outline.cohorts {
                files.extend(find_definitions(pattern, path)?);
            }
        }
    }
    for path in files
        .iter()
        .filter(|path| !is_yaml_definition(path) && paths.contains(path))
    {
        output.note(&format!(
            "{} is left alone: `fmt` formats definitions in YAML, but not JSON, tests of definitions or {}",
            path.display(),
            config::FILE
        ));
    }
    files.retain(|path| is_yaml_definition(path));
    files.sort();
    let mut known = BTreeSet::new();
    files.retain(|path| known.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    Ok(files)
}

/// Returns true for a definition in YAML. `muster fmt cohorts/*` names other files too.
fn is_yaml_definition(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    let yaml = ending == "yaml" || ending == "yml";
    yaml && !is_test(path) && path.file_name() != Some(config::FILE.as_ref())
}

/// Replaces a file whole or not at all: writes a new file beside it and renames that. A symbolic
/// link keeps its target.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let path = path.canonicalize()?;
    let mut file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    let permissions = std::fs::metadata(&path)?.permissions();
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

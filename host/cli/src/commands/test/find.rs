//! Which files are tests, and of which project.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::bail;
use muster_definition::{Body, TimeZoneName, parse};

use crate::config::{self, Config};
use crate::output::{Output, Rendered};
use crate::project::{beside, find_definitions, is_test, read};

/// A test file and the time zone of its project.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) zone: TimeZoneName,
}

/// The test files of projects, of folders that are none, and those that are named themselves; each once, sorted by path.
pub(super) fn find(paths: &[PathBuf], output: &Output) -> anyhow::Result<Vec<Found>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_file() {
            if !is_test(path) {
                bail!(
                    "{} is not a test file: its name has to end in `.test.yaml`",
                    path.display()
                );
            }
            let zone = match project_of(path) {
                Some(project) => zone(&load_config(&project, output)?),
                None => TimeZoneName::utc(),
            };
            files.push(Found {
                path: path.clone(),
                zone,
            });
        } else if path.join(config::FILE).is_file() {
            files.extend(in_project(path, output)?);
        } else if path.is_dir() {
            let zone = TimeZoneName::utc();
            files.extend(in_folder(path)?.into_iter().map(|path| Found {
                path,
                zone: zone.clone(),
            }));
        } else {
            bail!("there is no file or folder {}", path.display());
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut known = BTreeSet::new();
    files.retain(|file| {
        let path = file.path.canonicalize();
        known.insert(path.unwrap_or_else(|_| file.path.clone()))
    });
    Ok(files)
}

/// The tests beside a project's definitions and beside its hand-written rules.
fn in_project(directory: &Path, output: &Output) -> anyhow::Result<Vec<Found>> {
    let config = load_config(directory, output)?;
    let mut folders = BTreeSet::new();
    for pattern in &config.cohorts {
        for path in find_definitions(pattern, directory) {
            // A definition that is wrong concerns its own tests, if it has some.
            if let Ok(definition) = read(&path).and_then(|source| parse(&source))
                && let Body::Rule(rule) = &definition.body
            {
                folders.extend(beside(&definition, rule).parent().map(Path::to_owned));
            }
            folders.extend(path.parent().map(Path::to_owned));
        }
    }
    let zone = zone(&config);
    let mut files = Vec::new();
    for folder in folders {
        files.extend(in_folder(&folder)?.into_iter().map(|path| Found {
            path,
            zone: zone.clone(),
        }));
    }
    Ok(files)
}

fn in_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    // The folder of `vip.wasm` is the empty path.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if is_test(&path) && path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

/// The folder of the project that a file belongs to: the nearest one above it with a configuration.
fn project_of(file: &Path) -> Option<PathBuf> {
    let file = std::path::absolute(file).ok()?;
    let mut above = file.ancestors().skip(1);
    let found = above.find(|folder| folder.join(config::FILE).is_file());
    found.map(Path::to_owned)
}

fn load_config(directory: &Path, output: &Output) -> anyhow::Result<Config> {
    let config = read(&directory.join(config::FILE)).and_then(|source| Config::parse(&source));
    config.map_err(|diagnostics| Rendered(output.diagnostics(&diagnostics)).into())
}

fn zone(config: &Config) -> TimeZoneName {
    config.time_zone.clone()
}

//! The search for test files and the projects that they belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use muster_definition::Body;
use muster_project::{beside, config, is_test};

use super::home::Home;
use crate::output::Output;

/// A test file and its project.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) home: Arc<Home>,
}

/// Returns the test files of projects, of other folders, and those that are named themselves: each
/// once, sorted by path.
pub(super) fn find(paths: &[PathBuf], output: &Output) -> anyhow::Result<Vec<Found>> {
    let mut files = Vec::new();
    // Many files of one project may be named one by one.
    let mut homes: BTreeMap<Option<PathBuf>, Arc<Home>> = BTreeMap::new();
    for path in paths {
        if path.is_file() {
            if !is_test(path) {
                bail!(
                    "{} is not a test file: the name of a test file ends in `.test.yaml`",
                    path.display()
                );
            }
            let project = project_of(path);
            let home = match (homes.get(&project), &project) {
                (Some(home), _) => Arc::clone(home),
                (None, Some(project)) => Arc::new(Home::load(project, output)?),
                (None, None) => Arc::new(Home::none()?),
            };
            homes.insert(project, Arc::clone(&home));
            let path = path.clone();
            files.push(Found { path, home });
            continue;
        }
        if !path.is_dir() {
            bail!("there is no file or folder {}", path.display());
        }
        let (home, folders) = if path.join(config::FILE).is_file() {
            let home = Home::load(path, output)?;
            let folders = folders(&home);
            (home, folders)
        } else {
            (Home::none()?, BTreeSet::from([path.clone()]))
        };
        let home = Arc::new(home);
        for folder in folders {
            files.extend(in_folder(&folder)?.into_iter().map(|path| Found {
                path,
                home: Arc::clone(&home),
            }));
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

/// Returns the folders of a project's definitions and of its hand-written rules.
fn folders(home: &Home) -> BTreeSet<PathBuf> {
    let mut folders = home.folders.clone();
    for definition in &home.definitions {
        if let Body::Rule(rule) = &definition.body {
            folders.extend(beside(definition, rule).parent().map(Path::to_owned));
        }
    }
    folders
}

fn in_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    // The folder of `vip.wasm` is the empty path.
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    // A missing rule may have no folder. The rule's own test reports that.
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if is_test(&path) && path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

/// Returns the folder of the project that a file belongs to: the nearest folder above it with a
/// `muster.yaml`.
fn project_of(file: &Path) -> Option<PathBuf> {
    let nearest = |file: &Path| {
        let mut above = file.ancestors().skip(1);
        let found = above.find(|folder| folder.join(config::FILE).is_file());
        found.map(Path::to_owned)
    };
    // First the folders of the path as the user wrote it, so that messages show it like that. Then
    // those above the working folder.
    nearest(file).or_else(|| nearest(&std::path::absolute(file).ok()?))
}

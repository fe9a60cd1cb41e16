//! The event files that a run would import first.

use std::path::PathBuf;

use muster_ingest::{FindError, find_files, is_imported};
use muster_store::Snapshot;

use crate::output::count;
use crate::project::{Project, shown};

/// The bytes of event files up to which a plan reads the files to find the new ones. A core hashes
/// about 500 MB/s, so reading them takes some two seconds at most. A run reads all files.
const READ_BYTES: u64 = 1 << 30;

/// The number of new files that the text names.
const SHOWN: usize = 3;

/// The new files that a run would find in the sources.
pub(super) struct NewFiles {
    /// Files that the store does not know; `None`: the files are too large to read for a plan.
    pub(super) new: Option<Vec<PathBuf>>,
    /// Reasons why a run would not start.
    pub(super) problems: Vec<String>,
}

impl NewFiles {
    /// Finds the new files of all sources. A `running` service waits for files that do not exist
    /// yet.
    pub(super) fn find(
        project: &Project,
        snapshot: &Snapshot,
        running: bool,
    ) -> anyhow::Result<Self> {
        Self::find_up_to(project, snapshot, running, READ_BYTES)
    }

    fn find_up_to(
        project: &Project,
        snapshot: &Snapshot,
        running: bool,
        most: u64,
    ) -> anyhow::Result<Self> {
        let (mut paths, mut problems) = (Vec::new(), Vec::new());
        let patterns = project.config.files().flat_map(|all| &all.files);
        for pattern in patterns {
            match find_files(pattern, &project.directory) {
                Ok(found) => paths.extend(found),
                Err(FindError::NoFile { .. } | FindError::NoMatch { .. }) if running => {}
                Err(error) => problems.push(format!("a run would not start: {error}")),
            }
        }
        paths.sort();
        paths.dedup();
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
        let new = if paths.iter().map(size).sum::<u64>() > most {
            None
        } else {
            let mut new = Vec::new();
            for path in paths {
                if !is_imported(snapshot, &path)? {
                    new.push(path);
                }
            }
            Some(new)
        };
        Ok(Self { new, problems })
    }

    /// Says which files the plan leaves out; `None`: none.
    pub(super) fn note(&self) -> Option<String> {
        let Some(new) = &self.new else {
            return Some(
                "the event files of `sources:` are too large to find the new ones: a run would first import the new files"
                    .to_owned(),
            );
        };
        if new.is_empty() {
            return None;
        }
        let mut names: Vec<_> = new.iter().take(SHOWN).map(|path| shown(path)).collect();
        if new.len() > SHOWN {
            names.push("…".to_owned());
        }
        let (files, names) = (count(new.len() as u64, "new file"), names.join(", "));
        Some(format!(
            "a run would first import {files} ({names}): their events are not in this plan"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Output;

    #[test]
    fn files_are_read_up_to_a_limit() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name, text| std::fs::write(directory.path().join(name), text).unwrap();
        write(
            "muster.yaml",
            "sources: [{files: \"*.json\"}, {files: a.json}]\n",
        );
        write("a.json", "1234");
        write("b.json", "56");
        let project = Project::load(directory.path(), &Output::new(true)).unwrap();
        let snapshot = project.open_store().unwrap().snapshot().unwrap();
        let find = |most| NewFiles::find_up_to(&project, &snapshot, false, most).unwrap();
        assert_eq!(find(6).new.map(|new| new.len()), Some(2));
        assert_eq!(find(5).new, None);
        assert!(find(5).note().unwrap().contains("too large"));
    }
}

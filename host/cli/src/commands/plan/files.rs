//! Event files that a run would import first.

use std::path::PathBuf;

use muster_ingest::{FindError, find_files, is_imported};
use muster_store::Snapshot;

use crate::output::count;
use crate::project::{Project, shown};

/// Up to how many bytes of event files are read for what is new among them: whoever plans waits
/// some two seconds at most, for a core hashes about 500 MB/s. A run reads them all.
const LOOKED_AT: u64 = 1 << 30;

/// How many new files people are shown.
const SHOWN: usize = 3;

/// What a run would find in the sources.
pub(super) struct NewFiles {
    /// Files that the store does not know; `None`: they are too large to look.
    pub(super) new: Option<Vec<PathBuf>>,
    /// Why a run would not begin.
    pub(super) problems: Vec<String>,
}

impl NewFiles {
    /// Looks at the files of all sources. A `running` service waits for files that are not there
    /// yet.
    pub(super) fn fingerprints(
        project: &Project,
        snapshot: &Snapshot,
        running: bool,
    ) -> anyhow::Result<Self> {
        Self::add_file(project, snapshot, running, LOOKED_AT)
    }

    fn add_file(
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
                Err(error) => problems.push(format!("a run would not begin: {error}")),
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

    /// What the plan leaves out; `None`: nothing.
    pub(super) fn note(&self) -> Option<String> {
        let Some(new) = &self.new else {
            return Some(
                "the event files of `sources:` are too large to be looked at: a run would first import those that are new"
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
    fn files_are_looked_at_up_to_a_limit() {
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
        let fingerprints = |most| NewFiles::add_file(&project, &snapshot, false, most).unwrap();
        assert_eq!(fingerprints(6).new.map(|new| new.len()), Some(2));
        assert_eq!(fingerprints(5).new, None);
        assert!(fingerprints(5).note().unwrap().contains("too large"));
    }
}

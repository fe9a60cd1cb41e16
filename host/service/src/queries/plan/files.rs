//! The event files that a run would import first.

use std::path::PathBuf;

use muster_ingest::{FindError, find_files, is_imported};
use muster_project::Project;
use muster_store::Snapshot;

use crate::api::ApiError;

/// The bytes of event files up to which a plan reads the files to find the new ones. A core hashes
/// about 500 MB/s, so reading them takes some two seconds at most. A run reads all files.
const READ_BYTES: u64 = 1 << 30;

/// The new files that a run would find in the sources.
pub(super) struct NewFiles {
    /// Files that the store does not know; `None`: the files are too large to read for a plan.
    pub(super) new: Option<Vec<PathBuf>>,
    /// Faults of files that a run would report.
    pub(super) problems: Vec<String>,
}

impl NewFiles {
    /// Finds the new files of all sources. A `running` service waits for files that do not exist
    /// yet.
    pub(super) fn find(
        project: &Project,
        snapshot: &Snapshot,
        running: bool,
    ) -> Result<Self, ApiError> {
        Self::find_up_to(project, snapshot, running, READ_BYTES)
    }

    fn find_up_to(
        project: &Project,
        snapshot: &Snapshot,
        running: bool,
        most: u64,
    ) -> Result<Self, ApiError> {
        let (mut paths, mut problems) = (Vec::new(), Vec::new());
        let patterns = project.config.files().flat_map(|all| &all.files);
        for pattern in patterns {
            match find_files(pattern, &project.directory) {
                Ok(found) => paths.extend(found),
                Err(FindError::NoFile { .. } | FindError::NoMatch { .. }) if running => {}
                Err(error @ FindError::Pattern { .. }) => {
                    problems.push(format!("a run would not start: {error}"));
                }
                Err(error) => problems.push(format!("a run would report: {error}")),
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
                if !is_imported(snapshot, &path).map_err(ApiError::failed)? {
                    new.push(path);
                }
            }
            Some(new)
        };
        Ok(Self { new, problems })
    }
}

#[cfg(test)]
mod tests {
    use muster_project::Config;

    use super::*;

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
        let none = |_: &str| Err(std::env::VarError::NotPresent);
        let project = Project::read(directory.path(), Config::parse, &none).unwrap();
        let snapshot = project.open_store().unwrap().snapshot().unwrap();
        let find = |most| NewFiles::find_up_to(&project, &snapshot, false, most).unwrap();
        assert_eq!(find(6).new.map(|new| new.len()), Some(2));
        assert_eq!(find(5).new, None);
    }
}

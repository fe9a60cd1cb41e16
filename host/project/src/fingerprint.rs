//! Fingerprints of a project's files, by which a change is noticed without reading them.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The stamp of a file; `None`: the file does not exist.
pub type OptionalStamp = Option<FileStamp>;

/// A file's metadata, which differs after each change of the file.
///
/// A changed file may have the same length and modification time. Its inode is then different, or
/// its time of status change (`ctime`), which no program can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    length: u64,
    /// In seconds and nanoseconds.
    modified: (i64, i64),
    /// In seconds and nanoseconds.
    changed: (i64, i64),
}

/// The stamps of all files of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFingerprints {
    files: BTreeMap<PathBuf, OptionalStamp>,
}

impl FileFingerprints {
    /// Adds the stamp of a file as it is now. Call this before the file is read, so that any change
    /// after the reading shows. The stamp of a file that was added before stays the same.
    pub fn add(&mut self, path: &Path) {
        if self.files.contains_key(path) {
            return;
        }
        let file = std::fs::metadata(path).ok().map(|file| FileStamp {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        });
        self.files.insert(path.to_owned(), file);
    }

    /// Returns the stamp of a file.
    pub fn of(&self, path: &Path) -> OptionalStamp {
        self.files.get(path).copied().flatten()
    }

    /// Returns the files' paths.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprints(path: &Path) -> FileFingerprints {
        let mut fingerprints = FileFingerprints::default();
        fingerprints.add(path);
        fingerprints
    }

    #[test]
    fn a_file_of_the_same_length_and_modification_time_is_another_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.yaml");
        std::fs::write(&path, "one").unwrap();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let before = fingerprints(&path);
        assert_eq!(before, fingerprints(&path));
        // A file that is renamed over the other, as an editor and `git checkout` do.
        let other = directory.path().join("b.yaml");
        std::fs::write(&other, "two").unwrap();
        let file = std::fs::File::options().write(true).open(&other).unwrap();
        file.set_modified(modified).unwrap();
        std::fs::rename(&other, &path).unwrap();
        let replaced = fingerprints(&path);
        assert_ne!(before, replaced);
        // A file that is overwritten. The file system's clock may be coarse, so the test writes
        // until that clock has advanced.
        let written = || {
            std::fs::write(&path, "six").unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(modified).unwrap();
            fingerprints(&path)
        };
        let mut over = written();
        while over == replaced {
            over = written();
        }
        assert_eq!(over.of(&path).unwrap().length, 3);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(fingerprints(&path).of(&path), None);
    }
}

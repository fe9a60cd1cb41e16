//! What the files of a project look like from outside, so that a change is noticed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a file looks like; `None`: it is not there. A file of the same length and modification time
/// may be another one: then its number or the time of its last change of any kind, which no program
/// sets, is another.
pub(crate) type OptionalStamp = Option<FileStamp>;

/// See [`Stamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    length: u64,
    /// In seconds and nanoseconds.
    modified: (i64, i64),
    /// In seconds and nanoseconds.
    changed: (i64, i64),
}

/// Each file that a project is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileFingerprints {
    files: BTreeMap<PathBuf, OptionalStamp>,
}

impl FileFingerprints {
    /// Adds a file as it looks now. Call it before the file is read: then a later change of what
    /// was read shows. A file that was added before stays as it was.
    pub(crate) fn add(&mut self, path: &Path) {
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

    /// What a file looks like.
    pub(crate) fn of(&self, path: &Path) -> OptionalStamp {
        self.files.get(path).copied().flatten()
    }

    /// The files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
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
        // Put in its place, as an editor and `git checkout` do.
        let other = directory.path().join("b.yaml");
        std::fs::write(&other, "two").unwrap();
        let file = std::fs::File::options().write(true).open(&other).unwrap();
        file.set_modified(modified).unwrap();
        std::fs::rename(&other, &path).unwrap();
        let replaced = fingerprints(&path);
        assert_ne!(before, replaced);
        // Written over. The file system's clock may be coarse, so it is written until that clock
        // has gone on.
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

//! Finds files that are named one by one or by patterns.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// A reason why a pattern gives no files.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The text is not a pattern.
    #[error("`{pattern}` is not a pattern for files: {reason} at character {position}")]
    Pattern {
        /// The pattern, as it was written.
        pattern: String,
        /// The fault in the pattern.
        reason: &'static str,
        /// The place of the fault, counted from 1.
        position: usize,
    },
    /// There is no file with this name.
    #[error("there is no file `{pattern}` in `{}`", shown(base))]
    NoFile {
        /// The pattern, as it was written.
        pattern: String,
        /// The folder in which the file was searched for.
        base: PathBuf,
    },
    /// The pattern is right, but no file matches it.
    #[error("no file matches `{pattern}` in `{}`", shown(base))]
    NoMatch {
        /// The pattern, as it was written.
        pattern: String,
        /// The folder in which files were searched for.
        base: PathBuf,
    },
    /// A folder cannot be listed, or the kind of a file cannot be read, so the files are unknown.
    #[error("cannot search for `{pattern}`: cannot read `{}`: {why}", path.display())]
    Read {
        /// The pattern, as it was written.
        pattern: String,
        /// The folder or file.
        path: PathBuf,
        /// The error of the system.
        why: std::io::Error,
    },
}

impl FindError {
    /// Returns true if the pattern is right and all folders could be listed, but no such file
    /// exists.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NoFile { .. } | Self::NoMatch { .. })
    }
}

/// Returns a folder as messages show it: a path is never empty.
fn shown(folder: &Path) -> std::path::Display<'_> {
    match folder.as_os_str().is_empty() {
        true => Path::new(".").display(),
        false => folder.display(),
    }
}

/// Returns the files that a pattern names, sorted by path. Relative patterns start at `base`. `*`
/// and `?` stand for characters of a name, `**` for any number of folders, `[a-z]` for one of these
/// characters, `[!a-z]` for a character that is none of them. A wildcard never matches a leading
/// dot, and `**` does not follow links to folders. Folders are left out. A pattern that is the path
/// of an existing file names that file, whatever characters the path has.
///
/// # Errors
/// [`FindError::NoFile`] and [`FindError::NoMatch`] if there is no such file; [`FindError::Read`]
/// if a folder on the way cannot be listed, so that the answer is unknown.
pub fn find_files(pattern: &str, base: &Path) -> Result<Vec<PathBuf>, FindError> {
    let unreadable = |(path, why)| FindError::Read {
        pattern: pattern.to_owned(),
        path,
        why,
    };
    let itself = base.join(pattern);
    if kind(&itself).map_err(unreadable)? == PathKind::File {
        return Ok(vec![itself]);
    }
    if !has_wildcard(pattern) {
        return Err(FindError::NoFile {
            pattern: pattern.to_owned(),
            base: base.to_owned(),
        });
    }
    Pattern::new(pattern).map_err(|error| FindError::Pattern {
        pattern: pattern.to_owned(),
        reason: error.msg,
        position: error.pos + 1,
    })?;
    let parts: Vec<_> = Path::new(pattern)
        .components()
        .map(PatternPart::of)
        .collect();
    let mut files = Vec::new();
    let start = base.strip_prefix(".").unwrap_or(base);
    walk(start, &parts, &mut files).map_err(unreadable)?;
    files.sort_unstable();
    files.dedup();
    if files.is_empty() {
        return Err(FindError::NoMatch {
            pattern: pattern.to_owned(),
            base: base.to_owned(),
        });
    }
    Ok(files)
}

/// A path and the reason why it cannot be read.
type Unreadable = (PathBuf, std::io::Error);

/// A part of a pattern between two slashes.
enum PatternPart {
    /// `**`, any number of folders.
    Folders,
    /// A name with wildcards.
    Names(Pattern),
    /// A name without wildcards, `..` or the root.
    Name(PathBuf),
}

impl PatternPart {
    fn of(component: Component<'_>) -> Self {
        let text = component.as_os_str().to_string_lossy();
        match Pattern::new(&text) {
            _ if text == "**" => Self::Folders,
            Ok(pattern) if has_wildcard(&text) => Self::Names(pattern),
            _ => Self::Name(PathBuf::from(component.as_os_str())),
        }
    }
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The kind of a path.
#[derive(PartialEq, Eq)]
enum PathKind {
    File,
    Folder,
    /// Nothing, or neither a file nor a folder.
    Other,
}

/// Returns the kind of a path; links are followed.
fn kind(path: &Path) -> Result<PathKind, Unreadable> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(PathKind::File),
        Ok(metadata) if metadata.is_dir() => Ok(PathKind::Folder),
        Ok(_) => Ok(PathKind::Other),
        Err(error) if is_absence(&error) => Ok(PathKind::Other),
        Err(error) => Err((path.to_owned(), error)),
    }
}

/// Returns true if an error says that nothing has this name. A name that is too long or contains a
/// zero byte names nothing.
fn is_absence(error: &std::io::Error) -> bool {
    use ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    matches!(
        error.kind(),
        NotFound | NotADirectory | InvalidFilename | InvalidInput
    )
}

/// Adds the files below a folder that the parts name.
fn walk(folder: &Path, parts: &[PatternPart], files: &mut Vec<PathBuf>) -> Result<(), Unreadable> {
    let Some((part, rest)) = parts.split_first() else {
        return Ok(());
    };
    match part {
        PatternPart::Name(name) => visit(folder.join(name), rest, files),
        PatternPart::Names(pattern) => {
            const OPTIONS: MatchOptions = MatchOptions {
                case_sensitive: true,
                require_literal_separator: true,
                require_literal_leading_dot: true,
            };
            for entry in entries(folder)? {
                let name = entry.file_name();
                if pattern.matches_with(&name.to_string_lossy(), OPTIONS) {
                    visit(folder.join(name), rest, files)?;
                }
            }
            Ok(())
        }
        PatternPart::Folders => {
            // `**` at the end stands for every file below, like `**/*`.
            match rest {
                [] => walk_all(folder, files)?,
                rest => walk(folder, rest, files)?,
            }
            for below in folders(folder)? {
                walk(&below, parts, files)?;
            }
            Ok(())
        }
    }
}

/// Adds a path that the parts before it name, or continues below it.
fn visit(path: PathBuf, rest: &[PatternPart], files: &mut Vec<PathBuf>) -> Result<(), Unreadable> {
    match (kind(&path)?, rest) {
        (PathKind::File, []) => files.push(path),
        (PathKind::Folder, [_, ..]) => walk(&path, rest, files)?,
        _ => {}
    }
    Ok(())
}

/// Adds every file directly in a folder.
fn walk_all(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Unreadable> {
    for entry in entries(folder)? {
        if !is_hidden(&entry) {
            visit(folder.join(entry.file_name()), &[], files)?;
        }
    }
    Ok(())
}

/// Returns the folders in a folder. Links are left out, so that the search cannot go in circles.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let mut folders = Vec::new();
    for entry in entries(folder)? {
        let kind = entry.file_type().map_err(|error| (entry.path(), error))?;
        if kind.is_dir() && !is_hidden(&entry) {
            folders.push(folder.join(entry.file_name()));
        }
    }
    Ok(folders)
}

fn is_hidden(entry: &std::fs::DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Lists a folder; a folder that does not exist is empty.
fn entries(folder: &Path) -> Result<Vec<std::fs::DirEntry>, Unreadable> {
    let unreadable = |error| (folder.to_owned(), error);
    // Paths in the working folder have no leading `./`.
    let listed = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let listing = match std::fs::read_dir(listed) {
        Ok(listing) => listing,
        Err(error) if is_absence(&error) => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let entries: Result<Vec<_>, _> = listing.collect();
    entries.map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, base: &Path) -> Vec<String> {
        let files = find_files(pattern, base).unwrap();
        files
            .iter()
            .map(|path| path.strip_prefix(base).unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn patterns_name_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("a [b] c");
        for file in [
            "b.json",
            "a.json",
            "sub/deep/c.json",
            "sub/d.json",
            ".hidden.json",
            "x[1].json",
        ] {
            let path = base.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::fs::create_dir(base.join("folder.json")).unwrap();
        assert_eq!(found("*.json", &base), ["a.json", "b.json", "x[1].json"]);
        assert_eq!(found("[!x].json", &base), ["a.json", "b.json"]);
        assert_eq!(found("?.json", &base), ["a.json", "b.json"]);
        assert_eq!(
            found("sub/**/*.json", &base),
            ["sub/d.json", "sub/deep/c.json"]
        );
        assert_eq!(found("b.json", &base), ["b.json"]);
        assert_eq!(found("x[1].json", &base), ["x[1].json"]);
        let absolute = format!("{}/*.json", folder.path().join("a ?b? c").display());
        assert_eq!(
            find_files(&absolute, Path::new("/nowhere")).unwrap().len(),
            3
        );
    }

    #[test]
    fn a_pattern_without_files_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = |pattern| {
            let error = find_files(pattern, folder.path()).unwrap_err().to_string();
            error.replace(&folder.path().display().to_string(), "HERE")
        };
        assert_eq!(error("*.json"), "no file matches `*.json` in `HERE`");
        assert_eq!(error("a.json"), "there is no file `a.json` in `HERE`");
        assert_eq!(
            error("a/***/b"),
            "`a/***/b` is not a pattern for files: wildcards are either regular `*` or recursive `**` at character 5"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_not_a_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        std::fs::create_dir_all(base.join("a/sub")).unwrap();
        std::fs::write(base.join("a/x.json"), "").unwrap();
        // No user, not even root, can list a folder that is a link to itself.
        std::os::unix::fs::symlink("loop", base.join("loop")).unwrap();
        for pattern in ["loop/*.json", "loop/**/*.json", "loop/x.json", "*/*.json"] {
            let error = find_files(pattern, base).unwrap_err();
            assert!(
                matches!(&error, FindError::Read { path, .. } if path.starts_with(base.join("loop"))),
                "{pattern}: {error:?}"
            );
            assert!(!error.is_absence());
        }
        assert_eq!(found("a/**/*.json", base), ["a/x.json"]);
        assert!(find_files("none/*.json", base).unwrap_err().is_absence());
        assert!(
            find_files("a/x.json/*.json", base)
                .unwrap_err()
                .is_absence()
        );
    }

    #[test]
    fn links_are_followed_but_not_in_circles() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        std::fs::create_dir_all(base.join("a/b")).unwrap();
        std::fs::write(base.join("a/b/x.json"), "").unwrap();
        std::fs::create_dir(base.join("a/.git")).unwrap();
        std::fs::write(base.join("a/.git/y.json"), "").unwrap();
        std::os::unix::fs::symlink("..", base.join("a/up")).unwrap();
        std::os::unix::fs::symlink("b/x.json", base.join("a/link.json")).unwrap();
        std::os::unix::fs::symlink("nothing", base.join("a/gone.json")).unwrap();
        assert_eq!(found("a/up/a/*.json", base), ["a/up/a/link.json"]);
        assert_eq!(found("**/*.json", base), ["a/b/x.json", "a/link.json"]);
        assert_eq!(found("a/**", base), ["a/b/x.json", "a/link.json"]);
    }
}

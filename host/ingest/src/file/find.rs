//! Files named one by one or by patterns.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// Why a pattern gives no files.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It is no pattern.
    #[error("`{pattern}` is not a pattern for files: {reason} at character {position}")]
    Pattern {
        /// As it was written.
        pattern: String,
        /// What is wrong.
        reason: &'static str,
        /// Where, counted from 1.
        position: usize,
    },
    /// No file is called so.
    #[error("there is no file `{pattern}` in `{}`", base.display())]
    NoFile {
        /// As it was written.
        pattern: String,
        /// The folder it was looked for in.
        base: PathBuf,
    },
    /// It is a good pattern, but there is no such file.
    #[error("no file matches `{pattern}` in `{}`", base.display())]
    NoMatch {
        /// As it was written.
        pattern: String,
        /// The folder it was looked for in.
        base: PathBuf,
    },
    /// A folder cannot be listed, or a file's kind cannot be read, so nobody knows which files
    /// there are.
    #[error("cannot look for `{pattern}`: cannot read `{}`: {why}", path.display())]
    Read {
        /// As it was written.
        pattern: String,
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
}

impl FindError {
    /// Whether the pattern is good and all folders could be listed: there is just no such file.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NoFile { .. } | Self::NoMatch { .. })
    }
}

/// Returns the files that a pattern names, sorted by path. Relative patterns start at `base`. `*`
/// and `?` stand for characters of a name, `**` for any number of folders, `[a-z]` for one of these
/// characters, `[!a-z]` for none of them; a name that begins with a dot has to be written out.
/// Folders are left out, `**` does not follow links to folders. A path of a file that is there is
/// that file, whatever characters it has.
///
/// # Errors
/// [`FindError::NoFile`] and [`FindError::NoMatch`] if there is no such file; [`FindError::Read`] if that cannot be known,
/// since a folder on the way cannot be listed.
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

/// A path, and why it cannot be read.
type Unreadable = (PathBuf, std::io::Error);

/// A part of a pattern between two slashes.
enum PatternPart {
    /// `**`, any number of folders.
    Folders,
    /// A name with wildcards.
    Names(Pattern),
    /// A name without, or `..` and the root.
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

/// What a path is.
#[derive(PartialEq, Eq)]
enum PathKind {
    File,
    Folder,
    /// Nothing, or neither of both.
    Other,
}

/// Looks at a path, through links.
fn kind(path: &Path) -> Result<PathKind, Unreadable> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(PathKind::File),
        Ok(metadata) if metadata.is_dir() => Ok(PathKind::Folder),
        Ok(_) => Ok(PathKind::Other),
        Err(error) if is_absence(&error) => Ok(PathKind::Other),
        Err(error) => Err((path.to_owned(), error)),
    }
}

/// Whether an error says that there is nothing of this name. A name that is too long or has a zero
/// byte names nothing.
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
            // `**` at the end stands for every file below, as in `**/*`.
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

/// Adds a path that the parts so far name, or goes on below it.
fn visit(path: PathBuf, rest: &[PatternPart], files: &mut Vec<PathBuf>) -> Result<(), Unreadable> {
    match (kind(&path)?, rest) {
        (PathKind::File, []) => files.push(path),
        (PathKind::Folder, [_, ..]) => walk(&path, rest, files)?,
        _ => {}
    }
    Ok(())
}

/// Adds every file of a folder, but none below it.
fn walk_all(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Unreadable> {
    for entry in entries(folder)? {
        if !is_hidden(&entry) {
            visit(folder.join(entry.file_name()), &[], files)?;
        }
    }
    Ok(())
}

/// Returns the folders in a folder. Links are left out, so that none is visited for ever.
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

/// Lists a folder; one that is not there has nothing in it.
fn entries(folder: &Path) -> Result<Vec<std::fs::DirEntry>, Unreadable> {
    let unreadable = |error| (folder.to_owned(), error);
    // Paths in the working folder begin with no `./`.
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
    fn nothing_found_is_said() {
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
    fn a_folder_that_cannot_be_listed_is_an_error_and_no_absence() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        std::fs::create_dir_all(base.join("a/sub")).unwrap();
        std::fs::write(base.join("a/x.json"), "").unwrap();
        // Nobody, root included, can list a folder whose name stands for itself.
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
    fn links_are_followed_but_not_round_in_circles() {
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

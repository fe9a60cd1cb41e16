//! Files named one by one or by patterns.

use std::path::{Path, PathBuf};

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
    /// A folder on the way cannot be read.
    #[error("cannot look for `{pattern}`: {source}")]
    Read {
        /// As it was written.
        pattern: String,
        /// Which folder, and what the system said.
        source: glob::GlobError,
    },
}

/// The files that a pattern names, sorted by path. Relative patterns start at `base`. `*` and `?` stand for characters of a name, `**` for
/// any number of folders, `[a-z]` for one of these characters, `[!a-z]` for none of them; a name that begins with a dot has to
/// be written out. Folders are left out. A path of a file that is there is that file, whatever characters it has.
pub fn find_files(pattern: &str, base: &Path) -> Result<Vec<PathBuf>, FindError> {
    let itself = base.join(pattern);
    if itself.is_file() {
        return Ok(vec![itself]);
    }
    if !pattern.contains(['*', '?', '[']) {
        return Err(FindError::NoFile {
            pattern: pattern.to_owned(),
            base: base.to_owned(),
        });
    }
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let whole = if Path::new(pattern).is_absolute() {
        pattern.to_owned()
    } else {
        // The folder's own name may have brackets in it.
        let base = glob::Pattern::escape(&base.to_string_lossy());
        Path::new(&base)
            .join(pattern)
            .to_string_lossy()
            .into_owned()
    };
    let paths = glob::glob_with(&whole, options).map_err(|error| FindError::Pattern {
        pattern: pattern.to_owned(),
        reason: error.msg,
        position: (error.pos + 1).saturating_sub(whole.len() - pattern.len()),
    })?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|source| FindError::Read {
            pattern: pattern.to_owned(),
            source,
        })?;
        if path.is_file() {
            files.push(path);
        }
    }
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
}

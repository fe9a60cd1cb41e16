//! `muster.lock`: the hand-written rules that a project accepts, by the hashes of their files.
//!
//! The file has the form that `sha256sum` writes and checks: a line a rule, the SHA-256 in
//! hexadecimal digits, two blanks, and the path from the project's folder.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use muster_definition::Body;
use muster_model::to_hex;
use sha2::{Digest, Sha256};

use crate::files::beside;
use crate::project::Project;

/// The name of the file, beside `muster.yaml`.
pub const FILE: &str = "muster.lock";

/// The blanks between a hash and its path: `sha256sum` writes a second blank for a text file.
const BETWEEN: &str = "  ";

/// The rules that are accepted: the SHA-256 of each file, in hexadecimal digits, by its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleLock {
    rules: BTreeMap<String, String>,
}

/// A line of `muster.lock` that is not of its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} of {FILE} is not a SHA-256, two blanks and a path: write the file again with `muster lock`"
)]
pub struct WrongLine {
    line: usize,
}

impl RuleLock {
    /// Reads the file of a project. Returns `None` if there is none: every rule is accepted then.
    ///
    /// # Errors
    /// If the file cannot be read, or has a line of another form.
    pub fn read(directory: &Path) -> Result<Option<Self>, String> {
        match std::fs::read_to_string(directory.join(FILE)) {
            Ok(text) => Self::parse(&text)
                .map(Some)
                .map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("cannot read {FILE}: {error}")),
        }
    }

    fn parse(text: &str) -> Result<Self, WrongLine> {
        let mut rules = BTreeMap::new();
        for (line, number) in text.lines().zip(1..) {
            let (hash, path) = line
                .split_once(BETWEEN)
                .filter(|(hash, path)| is_hash(hash) && !path.is_empty())
                .ok_or(WrongLine { line: number })?;
            rules.insert(path.to_owned(), hash.to_owned());
        }
        Ok(Self { rules })
    }

    /// Takes the hashes of a project's hand-written rules as they are now.
    ///
    /// # Errors
    /// If a rule cannot be read; the error names it.
    pub fn of(project: &Project) -> io::Result<Self> {
        let mut rules = BTreeMap::new();
        for definition in &project.definitions {
            let Body::Rule(rule) = &definition.body else {
                continue;
            };
            let path = beside(definition, rule);
            let bytes = std::fs::read(&path).map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("cannot read {}: {error}", path.display()),
                )
            })?;
            let hash = to_hex(&Sha256::digest(&bytes));
            rules.insert(within(&project.directory, &path), hash);
        }
        Ok(Self { rules })
    }

    /// Returns the rules and their hashes, by path.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &str)> {
        let rules = self.rules.iter();
        rules.map(|(path, hash)| (path.as_str(), hash.as_str()))
    }

    /// Returns the hash that a path is pinned to.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&str> {
        self.rules.get(path).map(String::as_str)
    }

    /// Returns the reason to refuse a rule with these bytes. Returns `None` if it is accepted.
    pub(crate) fn refusal(&self, directory: &Path, path: &Path, digest: &[u8]) -> Option<String> {
        let (path, hash) = (within(directory, path), to_hex(digest));
        let reason = match self.get(&path) {
            Some(pinned) if pinned == hash => return None,
            Some(pinned) => format!(
                "{path} has changed: its SHA-256 is {}…, and {FILE} has {}…",
                hash.get(..12).unwrap_or_default(),
                pinned.get(..12).unwrap_or_default()
            ),
            None => format!("{FILE} does not have {path}"),
        };
        Some(format!("{reason}; run `muster lock` to accept the file"))
    }
}

/// Writes the file's text.
impl std::fmt::Display for RuleLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.rules
            .iter()
            .try_for_each(|(path, hash)| writeln!(f, "{hash}{BETWEEN}{path}"))
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Returns a path from a folder on, without `.` and `..` inside.
fn within(folder: &Path, path: &Path) -> String {
    let path = path.strip_prefix(folder).unwrap_or(path);
    let mut plain = PathBuf::new();
    for part in path.components() {
        let goes_back = part == Component::ParentDir
            && matches!(plain.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            _ if goes_back => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain.display().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_begin_at_the_projects_folder() {
        for (folder, path, expected) in [
            (".", "./cohorts/vip.wasm", "cohorts/vip.wasm"),
            (".", "cohorts/../rule.wasm", "rule.wasm"),
            ("shop", "shop/cohorts/./a/../b.wasm", "cohorts/b.wasm"),
            ("shop", "shop/cohorts/../../b.wasm", "../b.wasm"),
            ("shop", "/rules/vip.wasm", "/rules/vip.wasm"),
        ] {
            assert_eq!(within(Path::new(folder), Path::new(path)), expected);
        }
    }

    #[test]
    fn a_line_of_another_form_is_named() {
        let hash = "0".repeat(64);
        let lock = format!("{hash}  a.wasm\n{hash}  b c.wasm\n");
        assert_eq!(RuleLock::parse(&lock).unwrap().to_string(), lock);
        for wrong in [
            format!("{hash} a.wasm"),
            format!("{hash}  "),
            format!("{}G  a", &hash[1..]),
            "# a".into(),
        ] {
            let text = format!("{hash}  a.wasm\n{wrong}\n");
            assert_eq!(
                RuleLock::parse(&text),
                Err(WrongLine { line: 2 }),
                "{wrong}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_text_is_a_lock_or_has_a_wrong_line(text in "[0-9a-f \\n\\PC]{0,200}") {
            if let Ok(lock) = RuleLock::parse(&text) {
                prop_assert_eq!(RuleLock::parse(&lock.to_string()), Ok(lock));
            }
        }
    }
}

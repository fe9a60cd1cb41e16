//! Files of a project, and their names in messages.

use std::path::{Path, PathBuf};

use muster_definition::Definition;
use muster_document::{Diagnostic, Diagnostics, SourceFile};

/// Returns a path as messages show it.
#[must_use]
pub fn shown(path: &Path) -> String {
    let name = path.display().to_string();
    name.strip_prefix("./").unwrap_or(&name).to_owned()
}

/// Reads a file.
///
/// # Errors
/// If the file cannot be read, or is not UTF-8.
pub fn read(path: &Path) -> Result<SourceFile, Diagnostics> {
    match std::fs::read(path) {
        Ok(bytes) => SourceFile::from_bytes(&shown(path), &bytes),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// Returns the diagnostics for a file that cannot be read.
pub(crate) fn unreadable(path: &Path, why: impl std::fmt::Display) -> Diagnostics {
    let source = SourceFile::new(&shown(path), "");
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(Diagnostic::error(format!("cannot be read: {why}")).in_file(&source));
    diagnostics
}

/// Resolves a path in a definition, which is relative to the definition's folder.
#[must_use]
pub fn beside(definition: &Definition, path: &str) -> PathBuf {
    Path::new(definition.source.path())
        .parent()
        .unwrap_or(Path::new(""))
        .join(path)
}

//! A file's text and the places in it.

use std::path::Path;
use std::sync::Arc;

use super::{Diagnostic, Diagnostics};
use crate::limits;

/// A file that was read: its path, as messages show it, and its text. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct SourceFile {
    path: Arc<str>,
    text: Arc<str>,
}

/// A range of a text, in bytes, at character boundaries. `end` is the position after the last byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The position after the last byte.
    pub end: usize,
}

impl SourceFile {
    /// Makes a source file from a path and a text.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// Makes a source file from a path and the bytes of the file at that path.
    ///
    /// # Errors
    /// Returns an error if the file is larger than [`limits::FILE_BYTES`] or is not UTF-8.
    pub fn from_bytes(path: &str, bytes: &[u8]) -> Result<Self, Diagnostics> {
        let refuse = |message: String, help: &str, text: &str| {
            let mut diagnostics = Diagnostics::default();
            diagnostics.push(
                Diagnostic::error(message)
                    .in_file(&Self::new(path, text))
                    .help(help),
            );
            diagnostics
        };
        if bytes.len() > limits::FILE_BYTES {
            return Err(refuse(too_large(bytes.len()), TOO_LARGE_HELP, ""));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(path, text)),
            Err(error) => {
                let line = 1 + bytes
                    .iter()
                    .take(error.valid_up_to())
                    .filter(|byte| **byte == b'\n')
                    .count();
                let message = format!(
                    "the file is not UTF-8: line {line} has a byte that belongs to no character"
                );
                Err(refuse(message, "save it as UTF-8", ""))
            }
        }
    }

    /// Returns the path as messages show it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text at a place.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Returns the file's name without folders and extension: the default of a cohort's id.
    #[must_use]
    pub fn stem(&self) -> &str {
        Path::new(&*self.path)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default()
    }

    /// Returns line and column of a byte, both from 1, columns in characters.
    #[must_use]
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        (1 + before.matches('\n').count(), 1 + line.chars().count())
    }

    /// Returns the part of a place that a mark covers: the part on its first line, at most [`MARK`]
    /// characters.
    #[must_use]
    pub(crate) fn first_line(&self, span: Span) -> Span {
        let text = self.slice(span);
        let line = text
            .split(['\n', '\r'])
            .next()
            .unwrap_or_default()
            .trim_end();
        let line = line
            .char_indices()
            .nth(MARK)
            .and_then(|(at, _)| line.get(..at))
            .unwrap_or(line);
        Span {
            start: span.start,
            end: span.start + line.len(),
        }
    }
}

/// The longest mark, in characters.
const MARK: usize = 80;

const TOO_LARGE_HELP: &str =
    "put a long list of users into a file of its own and name it under `members:`";

pub(crate) fn too_large(bytes: usize) -> String {
    format!(
        "the file has {bytes} bytes, and at most {} are read",
        limits::FILE_BYTES
    )
}

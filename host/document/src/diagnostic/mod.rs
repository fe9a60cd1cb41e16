//! Diagnostics: errors and warnings about a file, with their places and help lines.

mod render;
mod source;

use std::fmt;

pub(crate) use source::too_large;
pub use source::{SourceFile, Span};

use muster_model::displayed;

use crate::limits;

/// The severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably contains a mistake.
    Warning,
}

/// One error or warning.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    severity: Severity,
    message: String,
    labels: Vec<Label>,
    help: Vec<String>,
}

/// A marked place. The first label of a diagnostic marks the fault, the others mark related places.
#[derive(Clone, Debug)]
struct Label {
    source: SourceFile,
    /// The place; `None`: the file as a whole.
    span: Option<Span>,
    text: String,
}

/// All errors and warnings of one file or of several files. As an error its message is the plain
/// rendering of all of them.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    all: Vec<Diagnostic>,
    /// The number of diagnostics that were counted but not kept.
    left_out: usize,
}

impl Diagnostic {
    /// Makes an error. The message is lower case, has no full stop, and quotes what the user wrote
    /// ([`quote`]).
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Makes a warning.
    #[must_use]
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// Marks a place of a file. `text` stands beside the mark and may be empty.
    #[must_use]
    pub fn at(mut self, source: &SourceFile, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            source: source.clone(),
            span: Some(span),
            text: text.into(),
        });
        self
    }

    /// Adds a file as a whole, without a place.
    #[must_use]
    pub fn in_file(mut self, source: &SourceFile) -> Self {
        self.labels.push(Label {
            source: source.clone(),
            span: None,
            text: String::new(),
        });
        self
    }

    /// Adds a help line, which says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Returns the severity.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns the message, one line that says what is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the help lines.
    #[must_use]
    pub fn helps(&self) -> &[String] {
        &self.help
    }

    /// Returns the path of the file with the fault, or `None` if the fault is in no file.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        Some(self.labels.first()?.source.path())
    }

    /// Returns path, line and column of the fault, line and column from 1. Returns `None` if the
    /// fault has no single place.
    #[must_use]
    pub fn place(&self) -> Option<(&str, usize, usize)> {
        let label = self.labels.first()?;
        let start = label.span?.start;
        let (line, column) = label.source.line_and_column(start);
        Some((label.source.path(), line, column))
    }
}

impl Diagnostics {
    /// Adds a diagnostic. Beyond [`limits::DIAGNOSTICS`] of its severity it is only counted.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let same = |other: &&Diagnostic| other.severity == diagnostic.severity;
        if self.all.iter().filter(same).count() < limits::DIAGNOSTICS {
            self.all.push(diagnostic);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds the diagnostics of another file. Each file has its own limit.
    pub fn append(&mut self, other: Self) {
        self.all.extend(other.all);
        self.left_out += other.left_out;
    }

    /// Iterates over the diagnostics, in the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        self.all.iter()
    }

    /// Returns true if there are no errors and no warnings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns true if there is at least one error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.all
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Returns the number of errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.all
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .count()
    }

    pub(crate) fn sort(&mut self) {
        let start = |diagnostic: &Diagnostic| {
            diagnostic
                .labels
                .first()
                .and_then(|label| label.span)
                .map(|span| span.start)
        };
        self.all.sort_by_key(start);
    }
}

/// Writes the plain rendering of each diagnostic, with an empty line between two.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// The longest quotation of a file in a message, in characters.
const QUOTATION: usize = 60;

/// Puts a text of the user between back quotes, on one line, without control characters. A long
/// text is cut.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut characters = text.chars();
    let shown: String = characters.by_ref().take(QUOTATION).collect();
    let cut = if characters.next().is_some() {
        "…"
    } else {
        ""
    };
    format!("`{}{cut}`", displayed(&shown))
}

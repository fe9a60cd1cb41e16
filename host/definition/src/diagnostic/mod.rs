//! What is wrong with a file, where, and what would be right.

mod render;
mod source;

use std::fmt;

pub(crate) use source::too_large;
pub use source::{SourceFile, Span};

use crate::limits;

/// Whether a file can be used as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, and probably says something that is not meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    severity: Severity,
    message: String,
    labels: Vec<Label>,
    help: Vec<String>,
}

/// A marked place. The first of a diagnostic is where the fault is, the others belong to it.
#[derive(Clone, Debug)]
struct Label {
    source: SourceFile,
    /// `None`: the file as a whole.
    span: Option<Span>,
    text: String,
}

/// All that is wrong with a file, or with several together. As an error its message is the whole
/// plain rendering.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    all: Vec<Diagnostic>,
    /// How many were too many to be kept.
    left_out: usize,
}

impl Diagnostic {
    /// An error. The message is lower case, has no full stop, and quotes what the user wrote
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

    /// A warning.
    #[must_use]
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// Marks a place of a file; `text` stands beside the mark and may be empty.
    #[must_use]
    pub fn at(mut self, source: &SourceFile, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            source: source.clone(),
            span: Some(span),
            text: text.into(),
        });
        self
    }

    /// Names a file as a whole.
    #[must_use]
    pub fn in_file(mut self, source: &SourceFile) -> Self {
        self.labels.push(Label {
            source: source.clone(),
            span: None,
            text: String::new(),
        });
        self
    }

    /// Adds a line that says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The lines that say what would be right.
    #[must_use]
    pub fn helps(&self) -> &[String] {
        &self.help
    }

    /// Returns the path of the file in which the fault is; `None`: it is in none.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        Some(self.labels.first()?.source.path())
    }

    /// Path, line and column of the fault, both from 1; `None`: of no one place.
    #[must_use]
    pub fn place(&self) -> Option<(&str, usize, usize)> {
        let label = self.labels.first()?;
        let start = label.span?.start;
        let (line, column) = label.source.line_and_column(start);
        Some((label.source.path(), line, column))
    }
}

impl Diagnostics {
    /// Adds one, unless there are [`limits::DIAGNOSTICS`] of its kind already, in which case it is
    /// only counted.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let same = |other: &&Diagnostic| other.severity == diagnostic.severity;
        if self.all.iter().filter(same).count() < limits::DIAGNOSTICS {
            self.all.push(diagnostic);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds those of another file; each file has its own limit.
    pub fn append(&mut self, other: Self) {
        self.all.extend(other.all);
        self.left_out += other.left_out;
    }

    /// In the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        self.all.iter()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether there is an error among them.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.all
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many errors there are.
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

/// The plain rendering of each, with an empty line between.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// The longest quotation of a file in a message, in characters.
const QUOTATION: usize = 60;

/// A text of the user between back quotes: on one line, without control characters, cut when it is
/// long.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for (count, char) in text.chars().enumerate() {
        if count == QUOTATION {
            quoted.push('…');
            break;
        }
        match char {
            '\n' | '\r' | '\t' => quoted.extend(char.escape_default()),
            control if control.is_control() => quoted.extend(control.escape_unicode()),
            other => quoted.push(other),
        }
    }
    quoted.push('`');
    quoted
}

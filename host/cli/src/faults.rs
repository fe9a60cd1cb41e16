//! The faults of a project's files, for `--json`.

use muster_document::{Diagnostic, Diagnostics, Severity};
use serde::Serialize;

/// An error in a file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FileFault {
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
}

impl FileFault {
    /// Returns the errors among diagnostics.
    pub(crate) fn all(problems: &Diagnostics) -> Vec<Self> {
        let errors = problems.iter();
        let errors = errors.filter(|problem| problem.severity() == Severity::Error);
        errors.map(Self::of).collect()
    }

    fn of(problem: &Diagnostic) -> Self {
        let place = problem.place();
        Self {
            file: problem.path().map(ToString::to_string),
            line: place.map(|(_, line, _)| line),
            column: place.map(|(_, _, column)| column),
            message: problem.message().to_owned(),
        }
    }
}

/// An answer together with the faults of the definitions on disk, which it leaves out.
#[derive(Debug, Serialize)]
pub(crate) struct WithFaults<T> {
    #[serde(flatten)]
    pub(crate) answer: T,
    pub(crate) faults: Vec<FileFault>,
}

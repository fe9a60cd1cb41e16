//! The report of a test run, as text and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_definition::interpreter::Trace;
use muster_model::{count, number};
use muster_service::api::ClauseAnswer;
use serde_json::{Value as Json, json};

use super::case::{Case, TestFile};
use super::check::CaseFailure;
use super::coverage::Coverage;

/// The results of all files.
pub(super) struct Report {
    pub(super) files: Vec<FileReport>,
    /// The coverage of each definition, by its path.
    pub(super) coverage: BTreeMap<String, Coverage>,
}

/// The results of one test file.
pub(super) struct FileReport {
    pub(super) path: String,
    /// The definition or module that it tests.
    pub(super) tests: String,
    /// The fuel that the module used per user, on average: about one for each WebAssembly
    /// instruction.
    pub(super) fuel: u64,
    pub(super) cases: Vec<CaseReport>,
}

/// The result of one case.
pub(super) struct CaseReport {
    pub(super) name: String,
    /// The line of the case in the file.
    pub(super) line: usize,
    pub(super) took: Duration,
    /// The expectations that are not met; empty: the case passed.
    pub(super) failures: Vec<FailureReport>,
}

/// An expectation that is not met, with its line in the test file.
pub(super) struct FailureReport {
    pub(super) line: usize,
    pub(super) message: String,
    pub(super) trace: Option<Trace>,
}

impl CaseReport {
    pub(super) fn new(
        file: &TestFile,
        case: &Case,
        line: usize,
        took: Duration,
        result: anyhow::Result<Vec<CaseFailure>>,
    ) -> Self {
        let failures = match result {
            Ok(failures) => failures
                .into_iter()
                .map(|failure| FailureReport {
                    line: file.source.line_and_column(failure.span.start).0,
                    message: failure.message,
                    trace: failure.trace,
                })
                .collect(),
            Err(error) => vec![FailureReport {
                line,
                message: format!("{error:#}"),
                trace: None,
            }],
        };
        Self {
            name: case.name.clone(),
            line,
            took,
            failures,
        }
    }
}

impl FailureReport {
    /// Returns the message with its place, and the trace below it.
    pub(super) fn text(&self, path: &str) -> String {
        let mut text = format!("{path}:{}: {}\n", self.line, self.message);
        for line in self.trace.iter().flat_map(|trace| {
            let text = trace.render();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        }) {
            text += &format!("  {line}\n");
        }
        text
    }
}

impl Report {
    pub(super) fn cases(&self) -> u64 {
        self.files.iter().map(|file| file.cases.len() as u64).sum()
    }

    pub(super) fn failed(&self) -> u64 {
        self.files.iter().map(FileReport::failed).sum()
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            let fuel = number(file.fuel);
            text += &format!("{}  ({fuel} fuel a user)\n", file.path);
            for case in &file.cases {
                let verdict = if case.failures.is_empty() {
                    "ok    "
                } else {
                    "failed"
                };
                text += &format!("  {verdict}  {}\n", case.name);
                for failure in &case.failures {
                    for line in failure.text(&file.path).lines() {
                        text += &format!("          {line}\n");
                    }
                }
            }
            text.push('\n');
        }
        let mut warned = false;
        for (path, coverage) in &self.coverage {
            for warning in coverage.warnings() {
                text += &format!("warning: {path}: {warning}\n");
                warned = true;
            }
        }
        if warned {
            text.push('\n');
        }
        let (cases, failed) = (self.cases(), self.failed());
        text += &match failed {
            0 => format!("{}: all right", count(cases, "case")),
            failed => format!("{}: {failed} failed", count(cases, "case")),
        };
        text
    }

    pub(super) fn json(&self) -> Json {
        let failure = |failure: &FailureReport| {
            json!({
                "line": failure.line,
                "message": failure.message,
                "clauses": failure.trace.as_ref().map(ClauseAnswer::from),
            })
        };
        let case = |case: &CaseReport| {
            json!({
                "name": case.name,
                "line": case.line,
                "ok": case.failures.is_empty(),
                "failures": case.failures.iter().map(failure).collect::<Vec<_>>(),
                "seconds": case.took.as_secs_f64(),
            })
        };
        let file = |file: &FileReport| {
            json!({
                "path": file.path,
                "tests": file.tests,
                "fuel_per_user": file.fuel,
                "cases": file.cases.iter().map(case).collect::<Vec<_>>(),
            })
        };
        let coverage = self.coverage.iter().map(|(path, coverage)| {
            json!({ "path": path, "clauses": coverage.json(), "warnings": coverage.warnings() })
        });
        json!({
            "ok": self.failed() == 0,
            "cases": self.cases(),
            "failed": self.failed(),
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
            "coverage": coverage.collect::<Vec<_>>(),
        })
    }
}

impl FileReport {
    pub(super) fn failed(&self) -> u64 {
        let failed = self.cases.iter().filter(|case| !case.failures.is_empty());
        failed.count() as u64
    }
}

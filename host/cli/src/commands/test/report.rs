//! The report of a test run, as text and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_definition::interpreter::Trace;
use muster_document::Diagnostics;
use muster_model::{count, number};
use muster_service::api::ClauseAnswer;
use serde_json::{Value as Json, json};

use super::case::{Case, TestFile};
use super::check::CaseFailure;
use super::coverage::Coverage;
use crate::faults::FileFault;

/// The results of all files.
#[derive(Default)]
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
    /// The reasons why the file or the module that it tests could not be loaded; empty: they were.
    pub(super) faults: Diagnostics,
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

    /// Returns the number of files that could not be loaded.
    pub(super) fn unloaded(&self) -> u64 {
        let files = self.files.iter();
        files.filter(|file| !file.faults.is_empty()).count() as u64
    }

    /// Returns the results, with the failures last, and all gaps of the coverage or only their
    /// number.
    pub(super) fn text(&self, with_coverage: bool) -> String {
        let mut text = String::new();
        for file in &self.files {
            text += &file.text();
        }
        text += &self.coverage_text(with_coverage);
        for file in &self.files {
            text += &file.failures_text();
        }
        let (cases, failed, unloaded) = (self.cases(), self.failed(), self.unloaded());
        text += &match failed {
            0 if unloaded > 0 => count(cases, "case"),
            0 => format!("{}: all right", count(cases, "case")),
            failed => format!("{}: {failed} failed", count(cases, "case")),
        };
        if unloaded > 0 {
            text += &format!(", {} could not be loaded", count(unloaded, "file"));
        }
        text
    }

    fn coverage_text(&self, with_coverage: bool) -> String {
        let mut text = String::new();
        let (mut gaps, mut definitions) = (0, 0);
        for (path, coverage) in &self.coverage {
            let warnings = coverage.warnings();
            gaps += warnings.len() as u64;
            definitions += u64::from(!warnings.is_empty());
            if with_coverage {
                for warning in warnings {
                    text += &format!("warning: {path}: {warning}\n");
                }
            }
        }
        if gaps > 0 && !with_coverage {
            let (gaps, definitions) = (count(gaps, "gap"), count(definitions, "definition"));
            text = format!("coverage: {gaps} in {definitions}; `--coverage` lists them\n");
        }
        if gaps > 0 {
            text.push('\n');
        }
        text
    }

    pub(super) fn json(&self) -> Json {
        let failure = |path: &str, failure: &FailureReport| {
            json!({
                "path": path,
                "code": "case_failed",
                "line": failure.line,
                "message": failure.message,
                "clauses": failure.trace.as_ref().map(ClauseAnswer::from),
            })
        };
        let case = |path: &str, case: &CaseReport| {
            let failures = case.failures.iter().map(|each| failure(path, each));
            json!({
                "name": case.name,
                "line": case.line,
                "ok": case.failures.is_empty(),
                "failures": failures.collect::<Vec<_>>(),
                "seconds": case.took.as_secs_f64(),
            })
        };
        let file = |file: &FileReport| {
            let cases = file.cases.iter().map(|each| case(&file.path, each));
            json!({
                "path": file.path,
                "tests": file.tests,
                "fuel_per_user": file.fuel,
                "cases": cases.collect::<Vec<_>>(),
                "code": (!file.faults.is_empty()).then_some("invalid_files"),
                "faults": FileFault::all(&file.faults),
            })
        };
        let coverage = self.coverage.iter().map(|(path, coverage)| {
            json!({ "path": path, "clauses": coverage.json(), "warnings": coverage.warnings() })
        });
        json!({
            "ok": self.failed() + self.unloaded() == 0,
            "cases": self.cases(),
            "failed": self.failed(),
            "not_loaded": self.unloaded(),
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
            "coverage": coverage.collect::<Vec<_>>(),
        })
    }
}

impl FileReport {
    /// A report without cases so far.
    pub(super) fn new(path: String, tests: String) -> Self {
        Self {
            path,
            tests,
            fuel: 0,
            cases: Vec::new(),
            faults: Diagnostics::default(),
        }
    }

    /// Returns the names of the cases with their verdicts.
    fn text(&self) -> String {
        if !self.faults.is_empty() {
            return format!("{}  (could not be loaded)\n\n", self.path);
        }
        let fuel = number(self.fuel);
        let mut text = format!("{}  ({fuel} fuel a user)\n", self.path);
        for case in &self.cases {
            let verdict = if case.failures.is_empty() {
                "ok    "
            } else {
                "failed"
            };
            text += &format!("  {verdict}  {}\n", case.name);
        }
        text.push('\n');
        text
    }

    /// Returns the failures of the cases, and the reasons why the file could not be loaded.
    fn failures_text(&self) -> String {
        let mut text = String::new();
        if !self.faults.is_empty() {
            text += &format!("{}\n\n", self.faults.render(false).trim_end());
        }
        for case in self.cases.iter().filter(|case| !case.failures.is_empty()) {
            text += &format!("failed: {}: {}\n", self.path, case.name);
            for failure in &case.failures {
                for line in failure.text(&self.path).lines() {
                    text += &format!("    {line}\n");
                }
            }
            text.push('\n');
        }
        text
    }

    pub(super) fn failed(&self) -> u64 {
        let failed = self.cases.iter().filter(|case| !case.failures.is_empty());
        failed.count() as u64
    }
}

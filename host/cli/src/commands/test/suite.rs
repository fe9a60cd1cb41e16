//! A run of many test files, several at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use muster_document::Diagnostics;
use parking_lot::Mutex;

use super::case::{Case, TestFile};
use super::check::check;
use super::coverage::Coverage;
use super::determinism;
use super::find::Found;
use super::read;
use super::report::{CaseReport, FileReport, Report};
use super::subject::Subject;

/// The cases to run.
pub(super) struct CaseFilter {
    /// A text in lower case that the name of a case or its file contains.
    pub(super) text: Option<String>,
    /// Ends the run at the first failed case.
    pub(super) fail_fast: bool,
    /// Also evaluates the users of hand-written rules alone and in other orders.
    pub(super) determinism: bool,
}

impl CaseFilter {
    fn has(&self, path: &str, case: &Case) -> bool {
        let Some(text) = &self.text else {
            return true;
        };
        let contains = |name: &str| name.to_lowercase().contains(text);
        contains(path) || contains(&case.name)
    }
}

/// A file that was run, and what its cases cover of a definition.
type FileOutcome = (FileReport, Option<Coverage>);

/// Runs the selected cases of all files. A file that does not load does not keep the others from
/// running.
pub(super) fn run(found: &[Found], filter: &CaseFilter) -> Report {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let outcomes = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..workers.min(found.len()) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(found) = found.get(number) else {
                        break;
                    };
                    if let Some(outcome) = run_file(found, filter, &stop) {
                        outcomes.lock().insert(number, outcome);
                    }
                }
            });
        }
    });
    let mut report = Report::default();
    for (file, covered) in outcomes.into_inner().into_values() {
        // The coverage is kept by definition, because several files may test one.
        if let Some(covered) = covered {
            match report.coverage.get_mut(&file.tests) {
                Some(coverage) => coverage.merge(covered),
                None => {
                    report.coverage.insert(file.tests.clone(), covered);
                }
            }
        }
        report.files.push(file);
    }
    report
}

/// Loads a file and runs its cases; `None`: none is selected.
fn run_file(found: &Found, filter: &CaseFilter, stop: &AtomicBool) -> Option<FileOutcome> {
    let path = found.path.display().to_string();
    let (file, subject) = match load(found, filter) {
        Ok(loaded) => loaded?,
        Err(faults) => {
            let report = FileReport {
                faults,
                ..FileReport::new(path.clone(), path)
            };
            return Some((report, None));
        }
    };
    let mut report = FileReport::new(file.source.path().to_owned(), subject.path.clone());
    let mut covered = subject.clause.as_ref().map(Coverage::new);
    for case in &file.cases {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let started = Instant::now();
        let mut result = check(&subject, case, covered.as_mut());
        if filter.determinism
            && let Ok(failures) = &mut result
        {
            match determinism::check(&subject, case) {
                Ok(more) => failures.extend(more),
                Err(error) => result = Err(error),
            }
        }
        let (line, _) = file.source.line_and_column(case.span.start);
        let case = CaseReport::new(&file, case, line, started.elapsed(), result);
        if filter.fail_fast && !case.failures.is_empty() {
            stop.store(true, Ordering::Relaxed);
        }
        report.cases.push(case);
    }
    report.fuel = subject.fuel();
    Some((report, covered))
}

/// Reads a test file and loads the module that it tests; `None`: none of its cases is selected.
fn load(found: &Found, filter: &CaseFilter) -> Result<Option<(TestFile, Subject)>, Diagnostics> {
    let source = muster_project::read(&found.path)?;
    let mut file = read::test_file(&source, &found.home.zone)?;
    file.cases.retain(|case| filter.has(source.path(), case));
    if file.cases.is_empty() && filter.text.is_some() {
        return Ok(None);
    }
    let subject = Subject::load(&file, &found.home)?;
    Ok(Some((file, subject)))
}

//! `muster test`: runs the cases of definitions and rules on the real modules in the sandbox
//! (docs/cohorts.md, "Cases: how a rule is tested").

mod case;
mod check;
mod coverage;
mod find;
mod home;
mod junit;
mod read;
mod report;
mod subject;
mod watch;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use muster_document::Diagnostics;
use muster_model::count;
use muster_sandbox::{Sandbox, SandboxOptions};

use crate::commands::compile_rule;
use crate::output::{Output, Reported};
use case::TestFile;
use coverage::Coverage;
use find::Found;
use report::{CaseReport, FileReport, Report};
use subject::Subject;

/// Run the cases in `*.test.yaml` files on the real modules
#[derive(Debug, Args)]
#[command(
    after_help = "The command also shows the clauses that no case makes true or no case makes false.\n\n\
                  A file `big-spenders.test.yaml` beside `big-spenders.yaml` tests that definition:\n\n  \
                  cases:\n    \
                    - name: three purchases within 30 days\n      \
                      at: 2026-03-01T00:00:00Z\n      \
                      users:\n        \
                        ann:\n          \
                          properties: {city: Seattle}\n          \
                          events: [{event: Purchase, ago: 3 days, with: {amount: 75}}]\n          \
                          expect: out\n\n\
                  A file may also name what it tests: `cohort:` with a definition, `rule:` with a module, or `where:` with a clause. \
                  `until:` beside `expect:` is the instant at which the answer changes without new events, or `never`. A case \
                  with `steps:` moves the clock and names the users that `enters:` and `exits:` expect."
)]
pub(crate) struct TestCommand {
    /// Projects, folders, or single test files
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Write the results as JUnit XML too, for CI servers
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Run the cases again whenever a file changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

impl TestCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        if self.watch {
            return watch::watch(&self.paths, output, || self.once(output));
        }
        self.once(output)
    }

    fn once(&self, output: &Output) -> anyhow::Result<()> {
        let found = find::find(&self.paths, output)?;
        let sandbox = Sandbox::new(SandboxOptions {
            metered: true,
            compile: compile_rule::in_other_process(),
            ..SandboxOptions::default()
        })?;
        let suite = load(&found, &sandbox, output)?;
        if suite.iter().all(|(file, _)| file.cases.is_empty()) {
            bail!(
                "there is no case to test: write some into `NAME.test.yaml` beside the definition `NAME.yaml` (see `muster test --help`)"
            );
        }
        let report = run(&suite);
        if let Some(path) = &self.junit {
            std::fs::write(path, junit::xml(&report))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        output.result(&report.json(), &report.text())?;
        match report.failed() {
            0 => Ok(()),
            1 => Err(Reported("1 case fails".to_owned()).into()),
            failed => Err(Reported(format!("{} fail", count(failed, "case"))).into()),
        }
    }
}

/// Reads all test files and loads the modules that they test. All errors are shown at once.
fn load(
    found: &[Found],
    sandbox: &Sandbox,
    output: &Output,
) -> anyhow::Result<Vec<(TestFile, Subject)>> {
    let mut suite = Vec::new();
    let mut problems = Diagnostics::default();
    for found in found {
        let file = muster_project::read(&found.path)
            .and_then(|source| read::test_file(&source, &found.home.zone));
        let loaded = file.and_then(|file| {
            let subject = Subject::load(&file, &found.home, sandbox)?;
            Ok((file, subject))
        });
        match loaded {
            Ok(loaded) => suite.push(loaded),
            Err(diagnostics) => problems.append(diagnostics),
        }
    }
    if problems.has_errors() {
        return Err(output.refusal(&problems).into());
    }
    Ok(suite)
}

/// Runs all cases.
fn run(suite: &[(TestFile, Subject)]) -> Report {
    // The coverage is kept by definition, because several files may test one.
    let mut coverage: BTreeMap<String, Coverage> = BTreeMap::new();
    let mut files = Vec::new();
    for (file, subject) in suite {
        let mut covered = subject.clause.as_ref().map(|clause| {
            let path = subject.path.clone();
            coverage
                .entry(path)
                .or_insert_with(|| Coverage::new(clause))
        });
        let mut cases = Vec::new();
        for case in &file.cases {
            let started = Instant::now();
            let result = check::check(subject, case, covered.as_deref_mut());
            let (line, _) = file.source.line_and_column(case.span.start);
            cases.push(CaseReport::new(file, case, line, started.elapsed(), result));
        }
        files.push(FileReport {
            path: file.source.path().to_owned(),
            tests: subject.path.clone(),
            fuel: subject.fuel(),
            cases,
        });
    }
    Report { files, coverage }
}

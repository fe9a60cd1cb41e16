//! `muster test`: runs the cases of definitions and rules on the real modules in the sandbox
//! (docs/cohorts.md, "Cases: how a rule is tested").

mod case;
mod check;
mod coverage;
mod determinism;
mod find;
mod home;
mod junit;
mod read;
mod report;
mod subject;
mod suite;
mod watch;
mod world;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use muster_document::quote;
use muster_model::count;

use crate::output::{NotLoaded, Output, Reported};
use suite::CaseFilter;

/// Run the cases in `*.test.yaml` files on the real modules
#[derive(Debug, Args)]
#[command(
    after_help = "Failures come last. The exit code is 1 if a case fails, and 2 if a file does not load.\n\n\
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
    /// Run only the cases whose name or file contains this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Stop at the first case that fails
    #[arg(long)]
    fail_fast: bool,
    /// List the clauses that no case makes true or no case makes false
    #[arg(long)]
    coverage: bool,
    /// Evaluate users of hand-written rules also alone and in other orders, and report differences
    #[arg(long)]
    determinism: bool,
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
        let selected = CaseFilter {
            text: self.filter.as_ref().map(|filter| filter.to_lowercase()),
            fail_fast: self.fail_fast,
            determinism: self.determinism,
        };
        let report = suite::run(&found, &selected);
        if let Some(path) = &self.junit {
            std::fs::write(path, junit::xml(&report))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let (cases, failed, unloaded) = (report.cases(), report.failed(), report.unloaded());
        if cases + unloaded == 0 {
            match &self.filter {
                Some(filter) => bail!("no case and no test file has {} in its name", quote(filter)),
                None => bail!(
                    "there is no case to test: write some into `NAME.test.yaml` beside the definition `NAME.yaml` (see `muster test --help`)"
                ),
            }
        }
        output.result(&report.json(), &report.text(self.coverage))?;
        if unloaded > 0 {
            let files = count(unloaded, "test file");
            return Err(NotLoaded(format!("{files} could not be loaded")).into());
        }
        match failed {
            0 => Ok(()),
            1 => Err(Reported("1 case fails".to_owned()).into()),
            failed => Err(Reported(format!("{} fail", count(failed, "case"))).into()),
        }
    }
}

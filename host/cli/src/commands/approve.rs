//! `muster approve`: approves a run that the guard holds.

use std::path::PathBuf;

use clap::Args;
use muster_service::requests::CohortRequest;

use crate::commands::ask::{self, execute, print_run};
use crate::output::Output;

/// Approve a run that the guard holds
#[derive(Debug, Args)]
#[command(
    after_help = "The cohort is computed again, and its entries and exits are sent.\n\n\
                  `muster status` shows the held runs, `muster plan COHORT` the users who would enter and exit. \
                  `guard:` in muster.yaml sets the guard.\n\n\
                  Example: muster approve big-spenders"
)]
pub(crate) struct ApproveCommand {
    /// The cohort's id
    cohort: String,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl ApproveCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let cohort = &self.cohort;
        let run = ask::ask(
            &self.project,
            output,
            |client| client.approve(cohort),
            |project, store, now| {
                let request = CohortRequest::Approve;
                Ok(execute(project, store, cohort, request, now, output)?.ran()?)
            },
        )?;
        print_run(cohort, run, output)
    }
}

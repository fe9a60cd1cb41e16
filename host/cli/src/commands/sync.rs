//! `muster sync`: makes a run of one cohort now.

use std::path::PathBuf;

use clap::Args;
use muster_service::api::SyncRequest;
use muster_service::requests::CohortRequest;

use crate::commands::ask::{self, execute, print_run};
use crate::output::Output;

/// Run one cohort now, whatever its cadence
#[derive(Debug, Args)]
#[command(
    after_help = "The running service does it; if none runs, this process does, and the messages wait for the next `muster run`.\n\n\
                  Example: muster sync big-spenders --full"
)]
pub(crate) struct SyncCommand {
    /// The cohort's id
    cohort: String,
    /// Send all members to every destination, not only the entries and exits
    #[arg(long)]
    full: bool,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl SyncCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let (cohort, full) = (&self.cohort, self.full);
        let run = ask::ask(
            &self.project,
            output,
            |client| client.sync(cohort, &SyncRequest { full }),
            |project, store, now| {
                let request = CohortRequest::Sync { full };
                Ok(execute(project, store, cohort, request, now, output)?.ran()?)
            },
        )?;
        print_run(cohort, run, output)
    }
}

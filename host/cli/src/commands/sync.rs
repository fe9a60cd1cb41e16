//! `muster sync`: makes a run of one cohort now.

use std::path::PathBuf;

use clap::Args;

use crate::commands::ask::{self, document, run_one, run_text};
use crate::output::Output;
use crate::service::control::ControlRequest;

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
        let request = ControlRequest::Sync {
            cohort: self.cohort.clone(),
            full: self.full,
        };
        let run = ask::ask(&self.project, &request, output, |project, store, now| {
            let id = &project.cohort(&self.cohort)?.id;
            if muster_engine::status(&store.snapshot()?, id)?
                .held
                .is_some()
            {
                anyhow::bail!(
                    "a run of `{id}` is held: first let it go with `muster approve {id}` or drop it with `muster reject {id}`"
                );
            }
            run_one(project, store, id, output, now, |options| {
                options.resend = self.full
            })
        })?;
        let text = run_text(&self.cohort, &run.value);
        output.result(&document(&self.cohort, run), &text)
    }
}

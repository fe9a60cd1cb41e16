//! `muster approve`: approves a run that the guard holds.

use std::path::PathBuf;

use clap::Args;
use muster_engine::Reason;

use crate::commands::ask::{self, document, run_one, run_text};
use crate::held_removal;
use crate::output::Output;
use crate::service::control::ControlRequest;

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
        let request = ControlRequest::Approve {
            cohort: self.cohort.clone(),
        };
        let run = ask::ask(&self.project, &request, output, |project, store, now| {
            let id = &project.known_cohort(&self.cohort)?;
            if let Some(ended) = held_removal::decide(store, id, true, now)? {
                return Ok(ended);
            }
            if muster_engine::status(&store.snapshot()?, id)?
                .held
                .is_none()
            {
                anyhow::bail!("no run of `{id}` is held");
            }
            run_one(project, store, id, output, now, |options| {
                options.all_users = true;
                options.guard = None;
                options.reason = Some(Reason::Approved);
            })
        })?;
        let text = run_text(&self.cohort, &run.value);
        output.result(&document(&self.cohort, run), &text)
    }
}

//! `muster reject`: drops a run that the guard holds.

use std::path::PathBuf;

use clap::Args;
use muster_service::requests::CohortRequest;
use serde_json::json;

use crate::commands::ask::{self, execute};
use crate::output::Output;

/// Drop a run that the guard holds
#[derive(Debug, Args)]
#[command(
    after_help = "No entry and no exit is sent, and the next run computes the cohort again. If neither the definition nor the events \
                  have changed until then, the guard holds that run too.\n\n\
                  Example: muster reject big-spenders"
)]
pub(crate) struct RejectCommand {
    /// The cohort's id
    cohort: String,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl RejectCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let cohort = &self.cohort;
        let answer = ask::ask(
            &self.project,
            output,
            |client| client.reject(cohort),
            |project, store, now| {
                let request = CohortRequest::Reject;
                Ok(execute(project, store, cohort, request, now, output)?.rejected()?)
            },
        )?;
        let text = format!("{cohort}: dropped; the next run computes the cohort again");
        let rejected = answer.answer.rejected;
        output.result(
            &json!({ "cohort": cohort, "rejected": rejected, "faults": answer.faults }),
            &text,
        )
    }
}

//! `muster reject`: drops a run that the guard holds.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::commands::ask;
use crate::output::Output;
use crate::output_json::field;
use crate::service::control::ControlRequest;

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
        let request = ControlRequest::Reject {
            cohort: self.cohort.clone(),
        };
        let answer = ask::ask(&self.project, &request, output, |project, store, now| {
            let id = project.known_cohort(&self.cohort)?;
            match muster_engine::reject(store, &id, now)? {
                Some(held) => Ok(json!({ "rejected": held })),
                None => anyhow::bail!("no run of `{id}` is held"),
            }
        })?;
        let text = format!(
            "{}: dropped; the next run computes the cohort again",
            self.cohort
        );
        let rejected = field(&answer.value, "rejected");
        output.result(
            &json!({ "cohort": self.cohort, "rejected": rejected, "faults": answer.faults }),
            &text,
        )
    }
}

//! `muster reject`: drops a run that the guard holds.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::commands::ask;
use crate::output::Output;
use crate::project::Project;
use crate::service::control::Request;
use crate::told::field;

/// Drop a run that the guard holds: nobody moves, and the cohort's next run computes it anew
#[derive(Debug, Args)]
#[command(
    after_help = "If nothing has changed until then, neither the definition nor the events, the next run is held again."
)]
pub(crate) struct Reject {
    /// The cohort's id
    cohort: String,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl Reject {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = Project::load(&self.project, output)?;
        let id = project.cohort(&self.cohort)?.id.clone();
        let request = Request::Reject {
            cohort: id.to_string(),
        };
        let answer = ask::ask(
            &project,
            &request,
            |store, now| match muster_engine::reject(store, &id, now)? {
                Some(held) => Ok(json!({ "rejected": held })),
                None => anyhow::bail!("no run of `{id}` is held"),
            },
        )?;
        let text = format!("{id}: dropped; its next run computes it anew");
        output.result(
            &json!({ "cohort": id.as_str(), "rejected": field(&answer, "rejected") }),
            &text,
        )
    }
}

//! `muster forget`: deletes a user.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::commands::ask;
use crate::output::{Output, count};
use crate::output_json::{self, field};
use crate::service::control::ControlRequest;

/// Delete a user and send the exits
#[derive(Debug, Args)]
#[command(
    after_help = "The user's history, properties and memberships are deleted. This cannot be undone. The exits carry the user id one \
                  last time and wait in the outbox until they are delivered. Event files that are imported again, and events that \
                  arrive later, create the user again.\n\n\
                  Example: muster forget ann"
)]
pub(crate) struct ForgetCommand {
    /// The user's id
    user: String,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl ForgetCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let request = ControlRequest::Forget {
            user: self.user.clone(),
        };
        let answer = ask::ask(&self.project, &request, output, |_, store, now| {
            let forgotten = muster_engine::forget(store, &self.user, now)?;
            Ok(output_json::forgotten(&forgotten))
        })?;
        let answer = answer.value;
        if field(&answer, "known") != true {
            anyhow::bail!("no user has this id, so nothing was deleted");
        }
        let cohorts = field(&answer, "exited").as_array().map_or(0, Vec::len) as u64;
        let text = match cohorts {
            0 => "deleted; the user was in no cohort".to_owned(),
            _ => format!(
                "deleted; the exits of {} are in the outbox",
                count(cohorts, "cohort")
            ),
        };
        output.result(&json!({ "forgotten": answer }), &text)
    }
}

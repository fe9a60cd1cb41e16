//! `muster forget`: deletes a user.

use std::path::PathBuf;

use clap::Args;
use muster_model::count;
use muster_service::api::{ForgetRequest, ForgottenUser};
use serde_json::json;

use crate::commands::ask;
use crate::output::Output;

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
        let user = &self.user;
        let request = ForgetRequest { user: user.clone() };
        let answer = ask::ask(
            &self.project,
            output,
            |client| client.forget(&request),
            |_, store, now| Ok(muster_engine::forget(store, user, now)?.into()),
        )?;
        let forgotten: ForgottenUser = answer.answer;
        if !forgotten.known {
            anyhow::bail!("no user has this id, so nothing was deleted");
        }
        let text = match forgotten.exited.len() as u64 {
            0 => "deleted; the user was in no cohort".to_owned(),
            cohorts => format!(
                "deleted; the exits of {} are in the outbox",
                count(cohorts, "cohort")
            ),
        };
        output.result(&json!({ "forgotten": forgotten }), &text)
    }
}

//! `muster reconcile`: makes a destination's copy of a cohort equal to its members.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use muster_model::{count, number};
use muster_service::api::ReconcileRequest;
use muster_service::requests::{CohortRequest, read_ids};
use serde_json::json;

use crate::commands::ask::{self, execute};
use crate::output::Output;

/// Make a destination's copy of a cohort equal to its members
#[derive(Debug, Args)]
#[command(
    after_help = "With --have, the command sends the missing entries and the surplus exits. Without --have, it sends all members as \
                  entries. As exits it then sends all users that any destination ever received and that are not members. No user is \
                  evaluated.\n\n\
                  The running service does it; if none runs, this process does, and the messages wait for the next `muster run`.\n\n\
                  Example: muster reconcile big-spenders --to growth --have ids-of-the-consumer.txt"
)]
pub(crate) struct ReconcileCommand {
    /// The cohort's id
    cohort: String,
    /// The destination, by its name in muster.yaml
    #[arg(long, value_name = "NAME")]
    to: String,
    /// A file with the user ids that the consumer holds of the cohort, one a line
    #[arg(long, value_name = "FILE")]
    have: Option<PathBuf>,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl ReconcileCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        // The service may run in another folder.
        let have = self.have.as_deref().map(std::path::absolute).transpose()?;
        // This process reads the file too, so that a fault of it is reported at once.
        let ids = have.as_deref().map(read_ids).transpose()?;
        let (cohort, destination) = (&self.cohort, &self.to);
        let request = ReconcileRequest {
            destination: destination.clone(),
            have,
        };
        let answer = ask::ask(
            &self.project,
            output,
            |client| client.reconcile(cohort, &request),
            |project, store, now| {
                let request = CohortRequest::Reconcile {
                    destination: destination.clone(),
                    have: ids.map(Arc::new),
                };
                Ok(execute(project, store, cohort, request, now, output)?.reconciled()?)
            },
        )?;
        let done = &answer.answer;
        let text = format!(
            "{cohort}: {} sent as entries and {} as exits to {destination}, in {}; the copy has {}",
            number(done.entered),
            number(done.exited),
            count(done.messages, "message"),
            count(done.members, "member")
        );
        let document = json!({
            "cohort": cohort,
            "destination": destination,
            "reconciled": done,
            "faults": answer.faults,
        });
        output.result(&document, &text)
    }
}

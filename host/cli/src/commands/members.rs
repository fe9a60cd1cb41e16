//! `muster members`: who is in a cohort.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use muster_store::UserKey;
use serde_json::json;

use crate::output::Output;
use crate::project::Project;

/// List the members of a cohort as of its latest run, one user id a line
#[derive(Debug, Args)]
#[command(after_help = "Example: muster members big-spenders | sort > big-spenders.txt")]
pub(crate) struct Members {
    /// The cohort's id
    cohort: String,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl Members {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = Project::load(&self.project, output)?;
        let id = project.known_cohort(&self.cohort)?;
        let snapshot = project.look()?;
        let members = snapshot.members(&id)?;
        let ids = members
            .iter()
            .filter_map(|user| snapshot.user_id(UserKey(user)).transpose());
        if output.is_json() {
            let ids = ids.collect::<Result<Vec<_>, _>>()?;
            let last = muster_engine::status(&snapshot, &id)?.ran;
            let last = last.map(|at| at.to_string());
            return output.result(
                &json!({ "cohort": id.as_str(), "last_run_at": last, "members": ids }),
                "",
            );
        }
        // Line by line: there may be millions.
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        for id in ids {
            match writeln!(out, "{}", id?) {
                // The reader has seen enough.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                written => written.context("standard output cannot be written")?,
            }
        }
        match out.flush() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(error).context("standard output cannot be written")
            }
            _ => Ok(()),
        }
    }
}

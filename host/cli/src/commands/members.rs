//! `muster members`: lists the members of a cohort.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use muster_model::{Millis, displayed};
use muster_project::Project;
use muster_service::control::ControlClient;
use muster_service::queries;
use serde_json::json;

use crate::faults::FileFault;
use crate::load;
use crate::output::Output;

/// The bytes of ids that are read from the store before they are printed: 16 MiB, some 700,000 ids.
///
/// While a slow reader of the output (`| less`) blocks, no snapshot is open. An open snapshot would
/// keep the store from reusing its pages. Each further slice opens the store again, which takes up
/// to some tenths of a second.
const SLICE_BYTES: usize = 16 << 20;

/// List the members of a cohort, one user id a line
#[derive(Debug, Args)]
#[command(after_help = "The members are those of the cohort's latest run.\n\n\
                        Example: muster members big-spenders | sort > big-spenders.txt")]
pub(crate) struct MembersCommand {
    /// The cohort's id
    cohort: String,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl MembersCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load_lenient(&self.project, output)?;
        let (id, snapshot) = load::known_cohort(&project, &self.cohort)?;
        // All slices print the members of this snapshot.
        let members = snapshot.members(&id)?;
        let mut members = members.iter().peekable();
        if output.is_json() {
            let ids = queries::user_ids(&snapshot, &mut members, usize::MAX)?;
            let last = last_run(&project, id.as_str())?;
            let last = last.max(muster_engine::status(&snapshot, &id)?.ran);
            drop(snapshot);
            return output.result(
                &json!({
                    "cohort": id.as_str(),
                    "last_run_at": last,
                    "members": ids,
                    "faults": FileFault::all(&project.problems),
                }),
                "",
            );
        }
        let mut slice = queries::user_ids(&snapshot, &mut members, SLICE_BYTES)?;
        drop(snapshot);
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        while !slice.is_empty() {
            for id in &slice {
                match writeln!(out, "{}", displayed(id)) {
                    // The reader closed the pipe (`| head`).
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                    written => written.context("standard output cannot be written")?,
                }
            }
            if members.peek().is_none() {
                break;
            }
            let snapshot = load::open_snapshot(&project)?;
            slice = queries::user_ids(&snapshot, &mut members, SLICE_BYTES)?;
        }
        match out.flush() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(error).context("standard output cannot be written")
            }
            _ => Ok(()),
        }
    }
}

/// Returns the clock of a cohort's latest run, if a service runs that has run it since it began.
fn last_run(project: &Project, cohort: &str) -> anyhow::Result<Option<Millis>> {
    let status = ControlClient::new(&project.store_directory())?.status()?;
    let cohorts = status.into_iter().flat_map(|status| status.cohorts);
    let mut known = cohorts.filter(|known| known.id == cohort);
    Ok(known.next().and_then(|known| known.last_run_at))
}

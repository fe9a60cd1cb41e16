//! `muster members`: lists the members of a cohort.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use muster_store::{Snapshot, UserKey};
use serde_json::json;

use crate::output::Output;
use crate::project::Project;
use crate::service::control;

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
        let project = Project::load_lenient(&self.project, output)?;
        let id = project.known_cohort(&self.cohort)?;
        let snapshot = project.open_snapshot()?;
        // All slices print the members of this snapshot.
        let members = snapshot.members(&id)?;
        let mut members = members.iter().peekable();
        if output.is_json() {
            let ids: Vec<_> = ids(&snapshot, &mut members, usize::MAX)?;
            let last = control::last_run(&project.store_directory(), &id)?;
            let last = last.max(muster_engine::status(&snapshot, &id)?.ran);
            let last = last.map(|at| at.to_string());
            drop(snapshot);
            return output.result(
                &json!({
                    "cohort": id.as_str(),
                    "last_run_at": last,
                    "members": ids,
                    "faults": project.faults(),
                }),
                "",
            );
        }
        let mut slice = ids(&snapshot, &mut members, SLICE_BYTES)?;
        drop(snapshot);
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        while !slice.is_empty() {
            for id in &slice {
                match writeln!(out, "{id}") {
                    // The reader closed the pipe (`| head`).
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                    written => written.context("standard output cannot be written")?,
                }
            }
            if members.peek().is_none() {
                break;
            }
            slice = ids(&project.open_snapshot()?, &mut members, SLICE_BYTES)?;
        }
        match out.flush() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(error).context("standard output cannot be written")
            }
            _ => Ok(()),
        }
    }
}

/// Returns the ids of the next users, until the ids have `limit` bytes. Users who were forgotten
/// since the list was read have no id and are left out.
fn ids(
    snapshot: &Snapshot,
    users: &mut impl Iterator<Item = u32>,
    limit: usize,
) -> anyhow::Result<Vec<String>> {
    let (mut ids, mut bytes) = (Vec::new(), 0);
    for user in users {
        if let Some(id) = snapshot.user_id(UserKey(user))? {
            bytes += id.len();
            ids.push(id);
            if bytes >= limit {
                break;
            }
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use muster_model::{EventBuffer, Millis};
    use muster_store::{Store, StoreOptions};

    use super::*;

    #[test]
    fn ids_are_read_in_slices_of_a_byte_limit() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::default()).unwrap();
        let mut buffer = EventBuffer::default();
        for user in 0..10 {
            buffer.event(&format!("user {user}"), "Buy", Millis(1), None);
        }
        store.append(&buffer, None).unwrap();
        store
            .forget_user(UserKey(3), &muster_store::ForgetChanges::default())
            .unwrap();
        let mut users = 0..10;
        let snapshot = store.snapshot().unwrap();
        let mut slices = Vec::new();
        while users.start < users.end {
            slices.push(ids(&snapshot, &mut users, 20).unwrap());
        }
        let lengths: Vec<_> = slices.iter().map(Vec::len).collect();
        assert_eq!(lengths, [4, 4, 1]);
        let all = slices.concat();
        assert_eq!(
            (&*all[0], &*all[3], &*all[8]),
            ("user 0", "user 4", "user 9")
        );
    }
}

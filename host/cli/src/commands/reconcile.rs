//! `muster reconcile`: makes a destination's copy of a cohort equal to its members.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use muster_engine::Cohort;
use muster_model::Millis;
use muster_store::Store;
use serde_json::{Value, json};

use crate::commands::ask;
use crate::modules;
use crate::output::{Output, count, number};
use crate::output_json::field;
use crate::service::control::ControlRequest;

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
        let request = ControlRequest::Reconcile {
            cohort: self.cohort.clone(),
            destination: self.to.clone(),
            have,
        };
        let answer = ask::ask(&self.project, &request, output, |project, store, now| {
            let cohort = modules::cohort(project.cohort(&self.cohort)?);
            reconcile(store, &cohort, &self.to, ids.as_ref(), now)
        })?;
        let of = |key: &str| field(&answer.value, key).as_u64().unwrap_or_default();
        let text = format!(
            "{}: {} sent as entries and {} as exits to {}, in {}; the copy has {}",
            self.cohort,
            number(of("entered")),
            number(of("exited")),
            self.to,
            count(of("messages"), "message"),
            count(of("members"), "member")
        );
        let document = json!({
            "cohort": self.cohort,
            "destination": self.to,
            "reconciled": answer.value,
            "faults": answer.faults,
        });
        output.result(&document, &text)
    }
}

/// Makes a destination's copy of a cohort equal to its members. Returns the counts for `--json`.
///
/// # Errors
/// If the cohort is not sent to the destination, or the store fails.
pub(crate) fn reconcile(
    store: &Store,
    cohort: &Cohort,
    destination: &str,
    have: Option<&BTreeSet<String>>,
    now: Millis,
) -> anyhow::Result<Value> {
    let mut synced = cohort.sync.iter();
    let Some(sync) = synced.find(|sync| sync.destination == destination) else {
        let known = cohort
            .sync
            .iter()
            .map(|sync| format!("`{}`", sync.destination));
        let known = known.collect::<Vec<_>>().join(", ");
        bail!(
            "`{}` is not sent to `{destination}`: its `sync` names {}",
            cohort.id,
            if known.is_empty() {
                "no destination"
            } else {
                &known
            }
        );
    };
    let done = muster_engine::reconcile(store, cohort, sync, have, now)?;
    acknowledge(store)?;
    Ok(json!({
        "members": done.members,
        "entered": done.entered,
        "exited": done.exited,
        "messages": done.messages,
    }))
}

/// Marks a restored store as repaired once every copy has been reconciled.
pub(crate) fn acknowledge(store: &Store) -> anyhow::Result<()> {
    if store.restored()?.is_some() && muster_engine::unreconciled(&store.snapshot()?)?.is_empty() {
        store.acknowledge_restore()?;
    }
    Ok(())
}

/// Reads user ids, one a line. Blank lines are skipped.
pub(crate) fn read_ids(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let unreadable = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).with_context(unreadable)?;
    let mut ids = BTreeSet::new();
    for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.with_context(unreadable)?;
        let text = String::from_utf8(line).map_err(|_| {
            let (path, line) = (path.display(), index + 1);
            anyhow!("{path}:{line}: the line is not UTF-8: write one user id a line")
        })?;
        let id = text.trim();
        if !id.is_empty() {
            ids.insert(id.to_owned());
        }
    }
    Ok(ids)
}

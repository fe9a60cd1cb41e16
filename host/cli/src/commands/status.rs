//! `muster status`: shows the state of the service, the cohorts and the outbox.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use muster_engine::FailingUsers;
use muster_model::{Millis, count, number};
use muster_service::api::{CohortSummary, DestinationHealth, SourceSummary, StatusDocument};
use muster_service::control::ControlClient;
use muster_service::{logs, queries};

use crate::faults::{FileFault, WithFaults};
use crate::load;
use crate::output::{Output, bytes, duration, table};
use crate::remarks;

/// Show the state of the service, the cohorts and the outbox
#[derive(Debug, Args)]
#[command(
    after_help = "The command shows the events in the store, the cohorts and their latest runs, the runs that the guard holds, the \
                  sources, and the messages that wait to be sent. It works whether the service runs or not. Only a running service \
                  knows the next run of a cohort and the state of its sources and destinations.\n\n\
                  Example: muster status shop --json"
)]
pub(crate) struct StatusCommand {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
}

impl StatusCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load_lenient(&self.project, output)?;
        let running = ControlClient::new(&project.store_directory())?.status()?;
        let status = match running {
            Some(status) => status,
            None => {
                let snapshot = load::open_read_only(&project)?;
                queries::status(&project, snapshot.as_ref(), None)?
            }
        };
        let text = text(&status);
        let answer = status;
        let faults = FileFault::all(&project.problems);
        output.result(&WithFaults { answer, faults }, &text)
    }
}

fn text(status: &StatusDocument) -> String {
    let mut text = match &status.running {
        None => "the service is not running\n".to_owned(),
        Some(version) => format!("the service is running, version {version}\n"),
    };
    let store = &status.store;
    text += &format!(
        "{}, {} of {}, {} on disk\n",
        count(store.users, "user"),
        count(store.events, "event"),
        count(store.event_types, "type"),
        bytes(store.bytes)
    );
    let cohorts = status.cohorts.iter().map(cohort_row).collect();
    let headings = ["cohort", "members>", "cadence", "last run", "next run"];
    text += &format!("\n{}", table(&headings, cohorts));
    let sources: Vec<_> = (status.sources.iter().flatten())
        .map(|source| {
            let lag = u64::try_from(source.lag_ms).unwrap_or_default();
            vec![
                source.name.clone(),
                number(source.counts.events),
                number(skipped(source)),
                duration(Duration::from_millis(lag)),
                instant(source.last_commit),
            ]
        })
        .collect();
    if !sources.is_empty() {
        let headings = ["source", "events>", "skipped>", "behind>", "last commit"];
        text += &format!("\n{}", table(&headings, sources));
    }
    let destinations: Vec<_> = status.destinations.iter().map(destination_row).collect();
    if !destinations.is_empty() {
        let headings = ["destination", "waiting>", "size>", "last delivery"];
        text += &format!("\n{}", table(&headings, destinations));
    }
    for remark in all_remarks(status) {
        text += &format!("\n{remark}\n");
    }
    text
}

/// Returns the number of events, lines and records of a source that were not stored.
fn skipped(source: &SourceSummary) -> u64 {
    let counts = &source.counts;
    counts.malformed + counts.anonymous + counts.groups + counts.mappings
}

fn cohort_row(cohort: &CohortSummary) -> Vec<String> {
    let last = cohort.last_run_at.map(|last| last.to_string());
    vec![
        cohort.id.clone(),
        number(cohort.members),
        cohort.cadence.clone(),
        last.unwrap_or_else(|| "never".to_owned()),
        instant(cohort.next_run_at),
    ]
}

fn destination_row(destination: &DestinationHealth) -> Vec<String> {
    vec![
        destination.name.clone(),
        number(destination.waiting_messages),
        bytes(destination.waiting_bytes),
        instant(destination.delivered),
    ]
}

fn instant(at: Option<Millis>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// Returns the faults and other states that the operator should handle.
fn all_remarks(status: &StatusDocument) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(error) = &status.definitions {
        all.push(format!(
            "the definitions on disk are wrong; the earlier definitions stay active:\n{error}"
        ));
    }
    if status.caught_up == Some(false) {
        all.push(
            "not every cohort has been evaluated since the start: an import or a first run is under way"
                .to_owned(),
        );
    }
    for destination in &status.destinations {
        if destination.dead_letters > 0 {
            all.push(format!(
                "destination `{}` has {}: `muster dead-letters list` says why",
                destination.name,
                count(destination.dead_letters, "dead letter")
            ));
        }
    }
    let refused = status.store.retention_refused.as_ref();
    all.extend(refused.map(logs::refused_prune));
    status
        .cohorts
        .iter()
        .for_each(|cohort| all.extend(of_cohort(cohort)));
    for source in status.sources.iter().flatten() {
        let error = source.error.as_ref();
        all.extend(error.map(|error| format!("source {}: {error}", source.name)));
        if let Some(why) = &source.last_skipped {
            let (name, lines) = (&source.name, number(source.counts.malformed));
            all.push(format!(
                "source {name}: lines and records that could not be read: {lines}; the latest: {why}"
            ));
        }
    }
    for destination in &status.destinations {
        let since = instant(destination.since);
        let error = destination.error.as_ref();
        all.extend(error.map(|error| format!("accepts nothing since {since}: {error}")));
    }
    for (name, part) in status.parts.iter().flatten() {
        let now = match part.down {
            true => "it waits for its restart",
            false => "it was restarted",
        };
        let failures = count(part.failures, "time");
        all.push(format!(
            "{name}: failed {failures}, last at {}: {}; {now}",
            part.at, part.why
        ));
    }
    all.extend(status.held_ends.iter().map(remarks::held_removal));
    all.extend(status.stranded.iter().map(remarks::stranded));
    all.extend(status.restored.iter().map(remarks::restored));
    all
}

fn of_cohort(cohort: &CohortSummary) -> Vec<String> {
    let (id, mut remarks) = (&cohort.id, Vec::new());
    if let Some(held) = &cohort.held {
        let would = remarks::held_run(id, held);
        remarks.push(format!(
            "{id}: held by the guard since {}: {would}",
            held.at
        ));
    }
    if let Some(failing) = &cohort.failing {
        remarks.extend(of_failing(id, failing));
    }
    if let Some(error) = &cohort.error {
        remarks.push(format!("{id}: not evaluated, membership kept: {error}"));
    }
    remarks
}

/// Returns texts about users who cannot be evaluated.
fn of_failing(id: &str, failing: &FailingUsers) -> Vec<String> {
    let mut remarks = Vec::new();
    if failing.failed > 0 {
        let users = count(failing.failed, "user");
        remarks.push(format!(
            "{id}: {users} not evaluated at present, membership kept; the latest failure: {}",
            failing.reason
        ));
    }
    if failing.too_large > 0 {
        let users = count(failing.too_large, "user");
        let more = failing.too_large > failing.too_large_users.len() as u64;
        remarks.push(format!(
            "{id}: {users} not evaluated at present, membership kept ({}{}): {}",
            failing.too_large_users.join(", "),
            if more { ", …" } else { "" },
            failing.too_large_reason
        ));
    }
    remarks
}

//! `muster history`: shows the runs of a cohort.

use std::path::PathBuf;

use clap::Args;
use muster_engine::RunRecord;
use muster_model::{Millis, count, number};
use muster_service::api::HistoryQuery;
use muster_service::queries;

use crate::faults::{FileFault, WithFaults};
use crate::load;
use crate::output::{Output, duration, table};

/// Show the runs of a cohort, the latest first
#[derive(Debug, Args)]
#[command(
    after_help = "A line says when and why the run was made, and how many users were evaluated, entered and exited. \
                  Skipped users are listed below, with the reason. \
                  In real time the runs of one minute share a line, and runs without entries and exits have no line. Runs are kept for \
                  as long as `run_records:` in muster.yaml says, by default 90 days.\n\n\
                  Example: muster history big-spenders --since 2026-03-01T00:00:00Z"
)]
pub(crate) struct HistoryCommand {
    /// The cohort's id
    cohort: String,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// The number of runs to show
    #[arg(long, value_name = "N", default_value_t = queries::DEFAULT_RUNS)]
    limit: usize,
    /// Only runs at or after this instant
    #[arg(long, value_name = "INSTANT")]
    since: Option<Millis>,
}

impl HistoryCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load_lenient(&self.project, output)?;
        let (id, snapshot) = load::known_cohort(&project, &self.cohort)?;
        let query = HistoryQuery {
            since: self.since,
            limit: Some(self.limit),
        };
        let history = queries::history(&snapshot, &id, query)?;
        // The reader of the output may be slow, and an open snapshot keeps the store from reusing
        // its pages.
        drop(snapshot);
        let text = if history.runs.is_empty() {
            format!("`{id}` has no run yet")
        } else {
            text(&history.runs)
        };
        let faults = FileFault::all(&project.problems);
        let answer = history;
        output.result(&WithFaults { answer, faults }, &text)
    }
}

fn text(runs: &[RunRecord]) -> String {
    let headings = [
        "when",
        "cadence",
        "why",
        "evaluated>",
        "entered>",
        "exited>",
        "members>",
        "messages>",
        "time>",
    ];
    let (mut rows, mut remarks) = (Vec::new(), String::new());
    for run in runs {
        let why = match run.runs {
            1 => run.reason.to_string(),
            runs => format!("{}, {} runs", run.reason, number(runs)),
        };
        rows.push(vec![
            run.at.clone(),
            run.cadence.clone(),
            why,
            number(run.evaluated),
            number(run.entered),
            number(run.exited),
            number(run.members),
            number(run.messages),
            duration(std::time::Duration::from_millis(run.duration_ms)),
        ]);
        for skipped in &run.skipped {
            let users = count(skipped.users, "user");
            remarks += &format!(
                "\n{}: {users} not evaluated, membership kept: {skipped}\n",
                run.at
            );
        }
        if let Some(held) = &run.held {
            let (entered, exited) = (number(held.entered), number(held.exited));
            remarks += &format!(
                "\n{}: held by the guard: {entered} would have entered and {exited} exited\n",
                run.at
            );
        }
    }
    table(&headings, rows) + &remarks
}

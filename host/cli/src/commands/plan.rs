//! `muster plan`: shows what the next run would change.

use std::path::PathBuf;

use clap::Args;
use muster_document::quote;
use muster_engine::Reason;
use muster_model::{Millis, count, number};
use muster_project::{modules, shown};
use muster_service::api::{CohortPlan, PlanRequest, RunPlan};
use muster_service::control::ControlClient;
use muster_service::queries;

use crate::faults::{FileFault, WithFaults};
use crate::load;
use crate::output::{Output, Reported, table};
use crate::run_progress::with_progress;

/// Show what the next run would change
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is imported, stored or sent. The plan is made from the events in the store. It names new files that a run \
                  would import first, but does not contain their events.\n\n\
                  For each cohort the plan shows the users who would enter and exit, and how many users would be evaluated \
                  (`candidates`) and why: all users at the first run or after a change of the definition; only changed users and due \
                  users at a scheduled run; all users again if a cohort of the same module or a destination is new, or the clock \
                  went back.\n\n\
                  Example: muster plan big-spenders --now 2026-03-08T00:00:00Z --sample 20"
)]
pub(crate) struct PlanCommand {
    /// The ids of the cohorts to show; all of them if none is given
    #[arg(value_name = "COHORT")]
    cohorts: Vec<String>,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// Plan a run at this instant; by default the running service's clock, else `clock:` in
    /// muster.yaml, else the system's clock
    #[arg(long, value_name = "INSTANT")]
    now: Option<Millis>,
    /// The number of entries and of exits to name per cohort: the users that the store has had
    /// longest
    #[arg(long, value_name = "N", default_value_t = 5)]
    sample: usize,
}

/// The number of new files that the text names.
const SHOWN_FILES: usize = 3;

impl PlanCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load_sound(&self.project, output)?;
        for id in &self.cohorts {
            project.cohort(id)?;
        }
        let snapshot = load::open_snapshot(&project)?;
        let loaded = modules::load(&project, load::compile())?;
        let running = ControlClient::new(&project.store_directory())?.status()?;
        let clock = running.as_ref().and_then(|running| running.now);
        let now = self
            .now
            .or(clock)
            .or(project.config.clock)
            .unwrap_or_else(Millis::now);
        let request = PlanRequest {
            cohorts: self.cohorts,
            now: Some(now),
            sample: self.sample,
        };
        let lists = project.lists.for_engine();
        // The running service waits for files that `muster run --once` reports as missing.
        let waits = running.is_some();
        let plan = with_progress(&lists, now, output, |options| {
            queries::plan(&project, &loaded, &snapshot, &request, options, waits)
        })?;
        // The reader of the output may be slow, and an open snapshot keeps the store from reusing
        // its pages.
        drop(snapshot);
        notes(&plan).iter().for_each(|note| output.note(note));
        let (text, problems) = (text(&plan), plan.problems.clone());
        let faults = FileFault::all(&project.problems);
        let answer = plan;
        output.result(&WithFaults { answer, faults }, &text)?;
        if problems.is_empty() {
            return Ok(());
        }
        Err(Reported(problems.join("\nerror: ")).into())
    }
}

/// Returns what the plan leaves out, and the interrupted runs that it contains.
fn notes(plan: &RunPlan) -> Vec<String> {
    let mut notes: Vec<_> = files_note(plan).into_iter().collect();
    // The cohorts of a module share a run.
    let mut interrupted: Vec<(Millis, Vec<&str>)> = Vec::new();
    for cohort in &plan.cohorts {
        match (cohort.finishes, interrupted.last_mut()) {
            (Some(at), Some((last, names))) if *last == at => names.push(&cohort.id),
            (Some(at), _) => interrupted.push((at, vec![&cohort.id])),
            (None, _) => {}
        }
    }
    for (at, names) in interrupted {
        notes.push(format!(
            "{}: a run at {at} was interrupted; the next run finishes it first, and so does this plan",
            names.join(", ")
        ));
    }
    notes
}

/// Says which files the plan leaves out; `None`: none.
fn files_note(plan: &RunPlan) -> Option<String> {
    let Some(new) = &plan.new_files else {
        return Some(
            "the event files of `sources:` are too large to find the new ones: a run would first import the new files"
                .to_owned(),
        );
    };
    if new.is_empty() {
        return None;
    }
    let files = new.iter().take(SHOWN_FILES);
    let mut names: Vec<_> = files.map(|path| shown(path)).collect();
    if new.len() > SHOWN_FILES {
        names.push("…".to_owned());
    }
    let (files, names) = (count(new.len() as u64, "new file"), names.join(", "));
    Some(format!(
        "a run would first import {files} ({names}): their events are not in this plan"
    ))
}

fn text(plan: &RunPlan) -> String {
    let headings = [
        "cohort",
        "members>",
        "afterwards>",
        "enter>",
        "exit>",
        "candidates>",
        "why",
    ];
    let row = |cohort: &CohortPlan| {
        vec![
            cohort.id.clone(),
            number(cohort.members),
            number(cohort.afterwards),
            number(cohort.entered),
            number(cohort.exited),
            number(cohort.candidates),
            cohort.reason.to_string(),
        ]
    };
    let mut text = format!("the next run, at {}:\n\n", plan.now);
    text += &table(&headings, plan.cohorts.iter().map(row).collect());
    text + &plan.cohorts.iter().map(samples).collect::<String>()
}

/// Returns the named entries and exits of a cohort, and the destinations that would receive a full
/// sync.
fn samples(cohort: &CohortPlan) -> String {
    let users = |way: &str, users: &[String], all: u64| {
        if all == 0 || users.is_empty() {
            return String::new();
        }
        let named: Vec<_> = users.iter().map(|user| quote(user)).collect();
        let more = match all.saturating_sub(users.len() as u64) {
            0 => String::new(),
            more => format!(" and {} more", number(more)),
        };
        format!("  {way}: {}{more}\n", named.join(", "))
    };
    let mut text = users("enter", &cohort.sample_entered, cohort.entered);
    text += &users("exit", &cohort.sample_exited, cohort.exited);
    if cohort.held {
        text += "  the guard would hold this run until it is approved\n";
    }
    // At a first run the entries are all members already.
    if cohort.reason != Reason::First && !cohort.full_sync_to.is_empty() {
        let destinations: Vec<_> = cohort.full_sync_to.iter().map(|to| quote(to)).collect();
        let (members, to) = (count(cohort.afterwards, "member"), destinations.join(", "));
        text += &format!("  full sync to {to}, which is new to this cohort: {members}\n");
    }
    if text.is_empty() {
        return text;
    }
    format!("\n{}\n{text}", cohort.id)
}

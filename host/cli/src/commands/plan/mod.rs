//! `muster plan`: shows what the next run would change.

mod files;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use muster_document::quote;
use muster_engine::{Cohort, CohortPreview, Guard, Preview, Reason, StaticLists};
use muster_model::{CohortId, Millis};
use muster_store::Snapshot;
use serde_json::{Value, json};

use crate::modules::{self, LoadedModule};
use crate::output::{Output, Reported, count, number, table};
use crate::project::Project;
use crate::run_progress::with_progress;
use crate::service::control;
use files::NewFiles;

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

impl PlanCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = Project::load_sound(&self.project, output)?;
        let mut shown = BTreeSet::new();
        for id in &self.cohorts {
            shown.insert(project.cohort(id)?.id.clone());
        }
        let snapshot = project.open_snapshot()?;
        let loaded = modules::load(&project)?;
        let running = control::clock(&project.store_directory())?;
        // The running service waits for files, but `muster run --once` would not start without
        // them.
        let files = NewFiles::find(&project, &snapshot, running.is_some())?;
        if let Some(note) = files.note() {
            output.note(&note);
        }
        let now = self
            .now
            .or(running)
            .or(project.config.clock)
            .unwrap_or_else(Millis::now);
        let mut problems = files.problems;
        if shown.is_empty() {
            let wrong = project.fault_lines().into_iter();
            problems.extend(wrong.map(|fault| format!("not in this plan: {fault}")));
        }
        let mut planned = Planned {
            shown: (!shown.is_empty()).then_some(shown),
            sample: self.sample,
            guard: project.config.guard,
            rows: Vec::new(),
            samples: String::new(),
            json: Vec::new(),
            problems,
        };
        let lists = project.lists.for_engine();
        for loaded in &loaded {
            planned.plan(&snapshot, loaded, &lists, now, output);
        }
        let json = json!({
            "now": now.to_string(),
            "new_files": files.new,
            "cohorts": planned.json,
            "problems": planned.problems,
            "faults": project.faults(),
        });
        // The reader of the output may be slow, and an open snapshot keeps the store from reusing
        // its pages.
        drop(snapshot);
        output.result(&json, &planned.text(now))?;
        if planned.problems.is_empty() {
            return Ok(());
        }
        Err(Reported(planned.problems.join("\nerror: ")).into())
    }
}

/// The previews of the runs of all modules.
struct Planned {
    /// `None`: all cohorts.
    shown: Option<BTreeSet<CohortId>>,
    sample: usize,
    guard: Option<Guard>,
    rows: Vec<Vec<String>>,
    samples: String,
    json: Vec<Value>,
    problems: Vec<String>,
}

impl Planned {
    fn shows(&self, cohort: &CohortId) -> bool {
        (self.shown.as_ref()).is_none_or(|shown| shown.contains(cohort))
    }

    /// Plans the run of one module. Its cohorts are evaluated together, as in a run: if one of them
    /// is new, all users are candidates.
    fn plan(
        &mut self,
        snapshot: &Snapshot,
        loaded: &LoadedModule,
        lists: &StaticLists,
        now: Millis,
        output: &Output,
    ) {
        let cohorts = &loaded.cohorts;
        if !cohorts.iter().any(|cohort| self.shows(&cohort.id)) {
            return;
        }
        let module = match &loaded.module {
            Ok(module) => module,
            Err(error) => return self.failed(cohorts, error),
        };
        let preview = with_progress(lists, now, output, |options| {
            // The preview ignores the guard, so that it shows what an approval would send.
            muster_engine::preview(snapshot, module, cohorts, options, self.sample)
        });
        match preview {
            Ok(preview) => self.add(&preview, output),
            Err(error) => self.failed(cohorts, &error.to_string()),
        }
    }

    fn add(&mut self, preview: &Preview, output: &Output) {
        let shown = |cohort: &&CohortPreview| self.shows(&cohort.id);
        let cohorts: Vec<_> = preview.cohorts.iter().filter(shown).collect();
        let names: Vec<_> = cohorts.iter().map(|cohort| cohort.id.as_str()).collect();
        let names = names.join(", ");
        if let Some(at) = preview.finishes {
            output.note(&format!(
                "{names}: a run at {at} was interrupted; the next run finishes it first, and so does this plan"
            ));
        }
        for skipped in &preview.skipped {
            let users = count(skipped.users, "user");
            self.problems.push(format!(
                "{names}: {users} cannot be evaluated and would keep their membership: {skipped}"
            ));
        }
        for cohort in cohorts {
            self.rows.push(vec![
                cohort.id.to_string(),
                number(cohort.members),
                number(cohort.afterwards),
                number(cohort.entered),
                number(cohort.exited),
                number(preview.candidates),
                cohort.reason.to_string(),
            ]);
            let moved = cohort.entered + cohort.exited;
            let guarded = self.guard.filter(|_| cohort.reason != Reason::First);
            let held = guarded.is_some_and(|guard| guard.holds(cohort.members, moved));
            self.samples += &samples(cohort, held);
            self.json.push(json!({
                "id": cohort.id.as_str(),
                "reason": cohort.reason,
                "finishes": preview.finishes.map(|at| at.to_string()),
                "candidates": preview.candidates,
                "evaluated": preview.evaluated,
                "skipped": preview.skipped,
                "members": cohort.members,
                "afterwards": cohort.afterwards,
                "entered": cohort.entered,
                "exited": cohort.exited,
                "sample_entered": cohort.sample_entered,
                "sample_exited": cohort.sample_exited,
                "full_sync_to": cohort.full_sync_to,
                "held": held,
            }));
        }
    }

    fn failed(&mut self, cohorts: &[Cohort], error: &str) {
        for cohort in cohorts {
            if self.shows(&cohort.id) {
                self.problems.push(format!(
                    "{}: cannot be evaluated, membership would be kept: {error}",
                    cohort.id
                ));
            }
        }
    }

    fn text(&self, now: Millis) -> String {
        let headings = [
            "cohort",
            "members>",
            "afterwards>",
            "enter>",
            "exit>",
            "candidates>",
            "why",
        ];
        let mut text = format!("the next run, at {now}:\n\n");
        text += &table(&headings, self.rows.clone());
        text + &self.samples
    }
}

/// Returns the named entries and exits of a cohort, and the destinations that would receive a full
/// sync.
fn samples(cohort: &CohortPreview, held: bool) -> String {
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
    if held {
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

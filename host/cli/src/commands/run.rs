//! `muster run`: new files in, one tick of every cohort, messages out.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use muster_engine::{Cohort, Lists, TickReport};
use muster_model::Millis;
use muster_publish::Destination;
use muster_store::Store;
use serde_json::{Value, json};

use crate::commands::deliver;
use crate::output::{Output, count, duration, number, table};
use crate::project::{Imported, Loaded, Project};
use crate::ticking::with_progress;

/// Import new files, run one tick of every cohort, and send what changed
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
    /// One tick of every cohort, then exit
    #[arg(long)]
    once: bool,
    /// Evaluate at this instant instead of the system's clock, such as 2026-03-01T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    now: Option<Millis>,
}

impl Run {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        if !self.once {
            bail!(
                "`muster run` needs `--once` so far: one tick of every cohort, then exit (put it in cron for a rhythm)"
            );
        }
        let project = Project::load(&self.project, output)?;
        let loaded = project.rules()?;
        let store = std::sync::Arc::new(project.open_store()?);
        let mut imported = Imported::default();
        for source in project.config.files() {
            for pattern in &source.files {
                project.import(
                    &store,
                    pattern,
                    &project.directory,
                    source.max_malformed,
                    output,
                    &mut imported,
                )?;
            }
        }
        if !imported.json.is_empty() {
            output.note(imported.text().trim_end());
        }
        let now = self
            .now
            .or(project.config.clock)
            .unwrap_or_else(Millis::now);
        if self.now.is_none() && project.config.clock.is_some() {
            output.note(&format!(
                "the clock stands at {now}: muster.yaml says `clock:`"
            ));
        }
        let mut ticked = Ticked::default();
        let lists = project.lists.for_engine();
        for loaded in &loaded {
            ticked.tick(&store, loaded, &lists, now, output);
        }
        let rules: Vec<_> = loaded
            .iter()
            .filter_map(|loaded| loaded.rule.as_ref().ok())
            .collect();
        muster_engine::forget_other_rules(&store, &rules)?;
        let delivered = deliver::deliver(&project, &store, output)?;

        let mut text = table(
            &[
                "cohort",
                "members>",
                "entered>",
                "exited>",
                "messages>",
                "time>",
            ],
            ticked.rows,
        );
        text.push('\n');
        text.push_str(&delivered.text);
        let problems: Vec<_> = ticked
            .problems
            .into_iter()
            .chain(delivered.problems)
            .collect();
        let json = json!({
            "now": now.to_string(),
            "files": imported.json,
            "cohorts": ticked.json,
            "destinations": delivered.json,
            "problems": problems,
        });
        // A destination `stdout` has it for its messages.
        if project
            .config
            .destinations
            .values()
            .any(|destination| *destination == Destination::Stdout)
        {
            output.aside(&json, &text);
        } else {
            output.result(&json, &text)?;
        }
        if problems.is_empty() {
            return Ok(());
        }
        bail!("{}", problems.join("\nerror: "))
    }
}

/// What the ticks of all rules did.
#[derive(Default)]
struct Ticked {
    rows: Vec<Vec<String>>,
    json: Vec<Value>,
    problems: Vec<String>,
}

impl Ticked {
    /// One rule's tick. A rule that cannot be loaded or run changes nobody's membership and holds no other rule up.
    fn tick(
        &mut self,
        store: &Store,
        loaded: &Loaded,
        lists: &Lists,
        now: Millis,
        output: &Output,
    ) {
        let cohorts = &loaded.cohorts;
        let rule = match &loaded.rule {
            Ok(rule) => rule,
            Err(error) => return self.failed(cohorts, error),
        };
        let report = with_progress(lists, now, output, |options| {
            muster_engine::tick(store, rule, cohorts, options)
        });
        match report {
            Ok(report) => self.report(&report),
            Err(error) => self.failed(cohorts, &error.to_string()),
        }
    }

    fn report(&mut self, report: &TickReport) {
        let names: Vec<_> = report
            .cohorts
            .iter()
            .map(|cohort| cohort.id.to_string())
            .collect();
        for skipped in &report.skipped {
            let (users, names) = (count(skipped.users, "user"), names.join(", "));
            self.problems.push(format!(
                "{names}: {users} not evaluated, membership kept: {}",
                skipped.reason
            ));
        }
        for cohort in &report.cohorts {
            self.rows.push(vec![
                cohort.id.to_string(),
                number(cohort.members),
                number(cohort.entered),
                number(cohort.exited),
                number(cohort.messages),
                duration(report.duration),
            ]);
            self.json.push(json!({
                "id": cohort.id.as_str(),
                "reason": cohort.reason,
                "candidates": report.candidates,
                "evaluated": report.evaluated,
                "skipped": report.skipped,
                "members": cohort.members,
                "entered": cohort.entered,
                "exited": cohort.exited,
                "messages": cohort.messages,
                "seconds": report.duration.as_secs_f64(),
            }));
        }
    }

    fn failed(&mut self, cohorts: &[Cohort], error: &str) {
        for cohort in cohorts {
            self.problems.push(format!(
                "{}: not evaluated, membership kept: {error}",
                cohort.id
            ));
        }
    }
}

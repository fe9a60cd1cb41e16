//! `muster run`: runs the service. With `--once` it imports new files, makes one run of every
//! cohort, sends the messages and exits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use muster_engine::{Cohort, Guard, RunOptions, RunReport, StaticLists};
use muster_ingest::ImportOptions;
use muster_model::{Millis, count, number};
use muster_project::{LoadedModule, Project, config, destinations, modules, rule_warnings};
use muster_publish::Destination;
use muster_service::api::RequestedRun;
use muster_service::logs::warn_of_files;
use muster_service::{ServiceRuntime, ServiceSettings, queries, requests};
use muster_store::Store;
use serde::Serialize;
use serde_json::json;

use crate::commands::deliver;
use crate::imported::ImportSummary;
use crate::load::{self, environment};
use crate::logs::{self, LogFormat};
use crate::output::{Output, Reported, duration, table};
use crate::remarks;
use crate::run_progress::with_progress;

/// Run the service, or with --once one run of every cohort
#[derive(Debug, Args)]
#[command(
    after_help = "The service reads events, computes cohorts at their cadences, and sends entries and exits. It runs until Ctrl-C or \
                  SIGTERM. No acknowledged event is lost, and the next start continues the work. The service reads changed definitions \
                  again without a signal, or at SIGHUP. It reads muster.yaml only at the start.\n\n\
                  Other commands use the running service: `muster status`, `history`, `members`, `sync`, `approve`, `reject`, `forget`.\n\n\
                  Examples:\n  muster run                         the project in this folder, until Ctrl-C\n  \
                  muster run shop --once             import new files, run every cohort, send the messages, exit\n  \
                  muster run shop --log-format json  logs as JSON"
)]
pub(crate) struct RunCommand {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
    /// One run of every cohort, whatever its cadence, then exit
    #[arg(long)]
    once: bool,
    /// Use a clock that starts at this instant, such as 2026-03-01T00:00:00Z, in place of the
    /// system's clock
    #[arg(long, value_name = "INSTANT")]
    now: Option<Millis>,
    /// Run the clock N times as fast, so that days pass in minutes
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed, conflicts_with = "once")]
    speed: f64,
    /// When stopping, wait until all messages are sent or --stop-timeout is over
    #[arg(long, conflicts_with = "once")]
    drain: bool,
    /// The longest time that stopping may take, in seconds; the next start does the remaining work
    #[arg(long, value_name = "SECONDS", default_value_t = 25, value_parser = clap::value_parser!(u64).range(..=86_400))]
    stop_timeout: u64,
    /// The format of the logs on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// The least level that is logged: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: tracing::Level,
}

/// Reads the speed of the clock. A clock that stands still or runs backwards is refused.
fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.001..=1e9).contains(&speed) => Ok(speed),
        _ => Err("write a number from 0.001 to 1000000000".to_owned()),
    }
}

impl RunCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        // The runtime must exist before a file is read, so that no SIGHUP is missed from here on.
        let prepared = match self.once {
            true => None,
            false => Some(ServiceRuntime::new()?),
        };
        let (project, mut warnings) = load::load_all(&self.project, output)?;
        if self.speed != 1.0 && self.now.or(project.config.clock).is_none() {
            bail!(
                "`--speed {}` needs its own clock, because the system's clock cannot run faster: add `--now INSTANT`, or `clock:` to {}",
                self.speed,
                config::FILE
            );
        }
        let loaded = modules::load(&project, load::compile())?;
        warnings.append(rule_warnings(&project, &loaded));
        let Some(prepared) = prepared else {
            let store = load::open_store(&project)?;
            if let Some(restored) = queries::begin_restored(&store)? {
                output.note(&remarks::restored(&restored));
            }
            if !warnings.is_empty() {
                output.note(&output.diagnostics(&warnings));
            }
            return self.once(&project, &loaded, &Arc::new(store), output);
        };
        let store = load::open_store(&project)?;
        logs::begin(self.log_format, self.log_level, output.has_colours());
        warn_of_files(&warnings);
        if let Some(restored) = queries::begin_restored(&store)? {
            tracing::warn!("{}", remarks::restored(&restored));
        }
        let settings = ServiceSettings {
            now: self.now,
            speed: self.speed,
            drain: self.drain,
            stop_timeout: Duration::from_secs(self.stop_timeout),
            reload: Arc::clone(&prepared.reload),
            region: destinations::region(&environment),
            compile: load::compile(),
            ..ServiceSettings::default()
        };
        muster_service::run(prepared, project, loaded, store, &settings)
    }

    fn once(
        &self,
        project: &Project,
        loaded: &[LoadedModule],
        store: &Arc<Store>,
        output: &Output,
    ) -> anyhow::Result<()> {
        let mut imported = ImportSummary::default();
        for source in project.config.files() {
            let options = ImportOptions {
                max_malformed: source.max_malformed / 100.0,
                placeholder_ids: project.config.placeholder_ids,
                ..ImportOptions::default()
            };
            for pattern in &source.files {
                imported.import(store, pattern, &project.directory, &options, output)?;
            }
        }
        if !imported.files.is_empty() {
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
        let cohorts = loaded.iter().flat_map(|loaded| &loaded.cohorts);
        let region = destinations::region(&environment);
        let addresses = project.addresses(region.as_deref());
        for moved in muster_engine::activate(store, cohorts, &addresses)? {
            let (name, dropped) = (&moved.destination, count(moved.dropped, "message"));
            output.note(&format!(
                "destination {name} was {} and is {}: it receives every cohort in full, and {dropped} for the old address were dropped",
                moved.from, moved.to
            ));
        }
        let mut tally = RunTally::default();
        let lists = project.lists.for_engine();
        for loaded in loaded {
            tally.run(store, loaded, &lists, now, project.config.guard, output);
        }
        let modules: Vec<_> = loaded
            .iter()
            .filter_map(|loaded| Some((loaded.module.as_ref().ok()?, loaded.cohorts.as_slice())))
            .collect();
        muster_engine::forget_other_modules(store, &modules)?;
        for (cohort, record) in requests::end_removed(project, store, now)? {
            if record.held.is_some() {
                continue;
            }
            let exited = count(record.exited, "user");
            output.note(&format!(
                "{cohort}: its definition is gone and said `on_remove: exit`: {exited} exited"
            ));
        }
        for note in &tally.notes {
            output.note(note);
        }
        let delivered = deliver::deliver(project, store, output)?;

        let mut text = table(
            &[
                "cohort",
                "members>",
                "entered>",
                "exited>",
                "messages>",
                "time>",
            ],
            tally.rows,
        );
        text.push('\n');
        text.push_str(&delivered.text);
        let held_ends = requests::held_removals(&store.snapshot()?)?;
        let problems: Vec<_> = imported
            .problems
            .into_iter()
            .chain(tally.problems)
            .chain(held_ends.iter().map(remarks::held_removal))
            .chain(delivered.problems)
            .collect();
        let json = json!({
            "now": now.to_string(),
            "files": imported.files,
            "cohorts": tally.cohorts,
            "destinations": delivered.destinations,
            "problems": problems,
            "notes": tally.notes,
        });
        // If a destination is `stdout`, standard output carries its messages.
        if project
            .config
            .destinations
            .values()
            .any(|destination| *destination == Destination::Stdout)
        {
            output.aside(&json, &text)?;
        } else {
            output.result(&json, &text)?;
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Reported(problems.join("\nerror: ")).into())
    }
}

/// The run of a cohort, for `--json`.
#[derive(Debug, Serialize)]
struct CohortOutcome {
    id: String,
    #[serde(flatten)]
    run: RequestedRun,
}

/// The results of the runs of all modules.
#[derive(Default)]
struct RunTally {
    rows: Vec<Vec<String>>,
    cohorts: Vec<CohortOutcome>,
    problems: Vec<String>,
    /// Remarks about skipped users that an earlier run reported already.
    notes: Vec<String>,
}

impl RunTally {
    /// Runs one module. A module that cannot be loaded or run changes no membership and delays no
    /// other module.
    fn run(
        &mut self,
        store: &Store,
        loaded: &LoadedModule,
        lists: &StaticLists,
        now: Millis,
        guard: Option<Guard>,
        output: &Output,
    ) {
        let cohorts = &loaded.cohorts;
        let module = match &loaded.module {
            Ok(module) => module,
            Err(error) => return self.failed(cohorts, error),
        };
        let report = with_progress(lists, now, output, |options| {
            muster_engine::run_module(store, module, cohorts, &RunOptions { guard, ..*options })
        });
        match report {
            Ok(report) => self.report(&report),
            Err(error) => self.failed(cohorts, &error.to_string()),
        }
    }

    fn report(&mut self, report: &RunReport) {
        let names: Vec<_> = report
            .cohorts
            .iter()
            .map(|cohort| cohort.id.to_string())
            .collect();
        for skipped in &report.skipped {
            let (users, names) = (count(skipped.users, "user"), names.join(", "));
            let text = format!("{names}: {users} not evaluated, membership kept: {skipped}");
            // Every sender of events can make a user too large. Only the first report fails a run.
            match skipped.reported {
                true => self.notes.push(text),
                false => self.problems.push(text),
            }
        }
        for cohort in &report.cohorts {
            if let Some(held) = &cohort.held {
                let id = cohort.id.as_str();
                let would = remarks::held_run(id, held);
                self.problems
                    .push(format!("{id}: held by the guard: {would}"));
            }
            self.rows.push(vec![
                cohort.id.to_string(),
                number(cohort.members),
                number(cohort.entered),
                number(cohort.exited),
                number(cohort.messages),
                duration(report.duration),
            ]);
            self.cohorts.push(CohortOutcome {
                id: cohort.id.to_string(),
                run: RequestedRun::of_cohort(report, cohort),
            });
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

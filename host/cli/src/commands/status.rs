//! `muster status`: shows the state of the service, the store, the cohorts and the outbox.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use muster_definition::Definition;
use muster_engine::{CohortStatus, FailingUsers, RunRecord};
use muster_model::{CohortId, Millis};
use muster_store::{Snapshot, Statistics};
use serde_json::{Value, json};

use crate::held_removal::HeldRemoval;
use crate::output::{Output, bytes, count, number, table};
use crate::output_json::field;
use crate::places::Stranded;
use crate::project::Project;
use crate::restored::Restored;
use crate::retention;
use crate::service::control::{self, ControlRequest};

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
        let project = Project::load_lenient(&self.project, output)?;
        let service = control::ask(&project.store_directory(), &ControlRequest::Status)?;
        let opened = project.open_read_only()?;
        let snapshot = opened.as_ref();
        let mut shown = Shown {
            service: service.unwrap_or(Value::Null),
            text: String::new(),
            remarks: Vec::new(),
        };
        let json = json!({
            "running": shown.running(),
            "store": shown.store(snapshot)?,
            "cohorts": shown.cohorts(&project, snapshot)?,
            "sources": shown.sources(),
            "destinations": shown.destinations(&project, snapshot)?,
            "parts": shown.parts(),
            "held_ends": shown.held_ends(snapshot)?,
            "stranded": shown.stranded(&project, snapshot)?,
            "restored": shown.restored(snapshot)?,
            "definitions": field(&shown.service, "definitions"),
            "faults": project.faults(),
        });
        let text = shown.text();
        // The reader of the output may be slow, and an open snapshot keeps the store from reusing
        // its pages.
        drop(opened);
        output.result(&json, &text)
    }
}

/// The parts of the answer.
struct Shown {
    /// The answer of the running service; null: no service runs.
    service: Value,
    text: String,
    /// The faults and other states that the operator should handle.
    remarks: Vec<String>,
}

impl Shown {
    fn running(&mut self) -> Value {
        let version = field(&self.service, "version").clone();
        self.text += &match version.as_str() {
            None => "the service is not running\n".to_owned(),
            Some(version) => format!("the service is running, version {version}\n"),
        };
        if let Some(error) = field(&self.service, "definitions").as_str() {
            self.remarks.push(format!(
                "the definitions on disk are wrong; the earlier definitions stay active:\n{error}"
            ));
        }
        if field(&self.service, "caught_up") == false {
            self.remarks.push(
                "not every cohort has been evaluated since the start: an import or a first run is under way"
                    .to_owned(),
            );
        }
        version
    }

    fn store(&mut self, snapshot: Option<&Snapshot>) -> anyhow::Result<Value> {
        let statistics = match snapshot {
            Some(snapshot) => snapshot.statistics()?,
            None => Statistics::default(),
        };
        self.text += &format!(
            "{}, {} of {}, {} on disk\n",
            count(statistics.users, "user"),
            count(statistics.events, "event"),
            count(statistics.event_names, "type"),
            bytes(statistics.disk_bytes)
        );
        let refusal = field(&self.service, "retention").clone();
        self.remarks.extend(retention::refused(&refusal));
        Ok(json!({
            "users": statistics.users,
            "events": statistics.events,
            "event_types": statistics.event_names,
            "bytes": statistics.disk_bytes,
            "retention_refused": refusal,
        }))
    }

    /// Returns the active cohorts of the running service, or else those that are defined, or else
    /// those that the store knows.
    fn active_cohorts(
        &self,
        project: &Project,
        snapshot: Option<&Snapshot>,
    ) -> anyhow::Result<Vec<(String, String)>> {
        if let Some(cohorts) = field(&self.service, "cohorts").as_object() {
            let cadence = |cohort| {
                field(cohort, "cadence")
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let cohorts = cohorts.iter();
            return Ok(cohorts
                .map(|(id, cohort)| (id.clone(), cadence(cohort)))
                .collect());
        }
        if !project.knows_settings {
            let known = snapshot.map_or(Ok(Vec::new()), Snapshot::cohorts)?;
            let of = |id: &CohortId| (id.to_string(), String::new());
            return Ok(known.iter().map(of).collect());
        }
        let of =
            |definition: &Definition| (definition.id.to_string(), definition.cadence.to_string());
        Ok(project.definitions.iter().map(of).collect())
    }

    fn cohorts(
        &mut self,
        project: &Project,
        snapshot: Option<&Snapshot>,
    ) -> anyhow::Result<Vec<Value>> {
        let (mut cohorts, mut rows) = (Vec::new(), Vec::new());
        for (id, cadence) in self.active_cohorts(project, snapshot)? {
            let id = &CohortId::new(&id)?;
            let StoredCohort {
                members,
                record,
                status,
            } = match snapshot {
                Some(snapshot) => StoredCohort::of(snapshot, id)?,
                None => StoredCohort::default(),
            };
            let active = field(field(&self.service, "cohorts"), id.as_str());
            // In real time a run without entries and exits leaves no record. Only the service knows
            // its instant.
            let last: Option<Millis> = (field(active, "last_run").as_str())
                .and_then(|last| last.parse().ok())
                .max(status.ran);
            let last = last.map(|last| last.to_string());
            let next = field(active, "next_run").as_str();
            rows.push(vec![
                id.to_string(),
                number(members),
                cadence.clone(),
                last.clone().unwrap_or_else(|| "never".to_owned()),
                next.unwrap_or("").to_owned(),
            ]);
            if let Some(held) = &status.held {
                let members = count(held.members, "member");
                self.remarks.push(format!(
                    "{id}: held by the guard since {}: {} would enter and {} exit, of {members}; `muster approve {id}` lets it go, \
                     `muster reject {id}` drops it",
                    held.at, number(held.entered), number(held.exited)
                ));
            }
            if let Some(failing) = &status.failing {
                self.remarks.extend(remarks(id, failing));
            }
            if let Some(error) = field(active, "error").as_str() {
                self.remarks
                    .push(format!("{id}: not evaluated, membership kept: {error}"));
            }
            cohorts.push(json!({
                "id": id.as_str(),
                "members": members,
                "cadence": cadence,
                "last_run": record,
                "last_run_at": last,
                "next_run_at": next,
                "held": status.held,
                "failing": status.failing,
                "error": field(active, "error"),
            }));
        }
        self.text.push('\n');
        self.text += &table(
            &["cohort", "members>", "cadence", "last run", "next run"],
            rows,
        );
        Ok(cohorts)
    }

    /// Adds the parts of the service that failed since its start.
    fn parts(&mut self) -> Value {
        let parts = field(&self.service, "parts").clone();
        for (name, part) in parts.as_object().into_iter().flatten() {
            let text = |key: &str| field(part, key).as_str().unwrap_or_default().to_owned();
            let now = match field(part, "down") == true {
                true => "it waits for its restart",
                false => "it was restarted",
            };
            let failures = count(field(part, "failures").as_u64().unwrap_or_default(), "time");
            self.remarks.push(format!(
                "{name}: failed {failures}, last at {}: {}; {now}",
                text("at"),
                text("why")
            ));
        }
        parts
    }

    fn sources(&mut self) -> Value {
        let sources = field(&self.service, "sources").clone();
        let mut rows = Vec::new();
        for source in sources.as_array().into_iter().flatten() {
            let text = |key: &str| field(source, key).as_str().unwrap_or_default().to_owned();
            let events = field(field(source, "counts"), "events")
                .as_u64()
                .unwrap_or_default();
            let lag = field(source, "lag_ms").as_u64().unwrap_or_default();
            let lag = std::time::Duration::from_millis(lag);
            rows.push(vec![
                text("name"),
                number(events),
                crate::output::duration(lag),
                text("last_commit"),
            ]);
            if let Some(error) = field(source, "error").as_str() {
                self.remarks
                    .push(format!("source {}: {error}", text("name")));
            }
        }
        if !rows.is_empty() {
            self.text.push('\n');
            self.text += &table(&["source", "events>", "behind>", "last commit"], rows);
        }
        sources
    }

    fn destinations(
        &mut self,
        project: &Project,
        snapshot: Option<&Snapshot>,
    ) -> anyhow::Result<Vec<Value>> {
        let (mut destinations, mut rows) = (Vec::new(), Vec::new());
        let backlog = match snapshot {
            Some(snapshot) => snapshot.backlog()?,
            None => Vec::new(),
        };
        let mut names: BTreeSet<String> = project.config.destinations.keys().cloned().collect();
        if !project.knows_settings {
            let running = field(&self.service, "destinations").as_object();
            names.extend(running.into_iter().flat_map(|all| all.keys().cloned()));
            names.extend(backlog.iter().map(|(name, ..)| name.clone()));
        }
        for name in &names {
            let waiting = backlog.iter().find(|(destination, ..)| destination == name);
            let (messages, size) = waiting.map_or((0, 0), |(_, messages, size)| (*messages, *size));
            let active = field(field(&self.service, "destinations"), name);
            rows.push(vec![
                name.clone(),
                number(messages),
                bytes(size),
                field(active, "delivered")
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            ]);
            if let Some(error) = field(active, "error").as_str() {
                let since = field(active, "since").as_str().unwrap_or_default();
                self.remarks
                    .push(format!("accepts nothing since {since}: {error}"));
            }
            destinations.push(json!({
                "name": name,
                "waiting_messages": messages,
                "waiting_bytes": size,
                "delivered": field(active, "delivered"),
                "error": field(active, "error"),
            }));
        }
        if !rows.is_empty() {
            self.text.push('\n');
            self.text += &table(&["destination", "waiting>", "size>", "last delivery"], rows);
        }
        Ok(destinations)
    }

    /// Adds the cohorts whose definition is gone and whose removal the guard holds.
    fn held_ends(&mut self, snapshot: Option<&Snapshot>) -> anyhow::Result<Vec<Value>> {
        let ends = match snapshot {
            Some(snapshot) => HeldRemoval::all(snapshot)?,
            None => Vec::new(),
        };
        self.remarks.extend(ends.iter().map(HeldRemoval::text));
        Ok(ends.iter().map(HeldRemoval::json).collect())
    }

    /// Adds the messages for destinations that muster.yaml does not have.
    fn stranded(
        &mut self,
        project: &Project,
        snapshot: Option<&Snapshot>,
    ) -> anyhow::Result<Vec<Value>> {
        let stranded = match snapshot.filter(|_| project.knows_settings) {
            Some(snapshot) => Stranded::of(project, snapshot)?,
            None => Vec::new(),
        };
        self.remarks.extend(stranded.iter().map(Stranded::text));
        Ok(stranded.iter().map(Stranded::json).collect())
    }

    /// Adds what to do if the store was restored from a backup.
    fn restored(&mut self, snapshot: Option<&Snapshot>) -> anyhow::Result<Value> {
        let Some(restored) = snapshot.map(Restored::of).transpose()?.flatten() else {
            return Ok(Value::Null);
        };
        self.remarks.push(restored.text());
        Ok(restored.json())
    }

    fn text(mut self) -> String {
        for remark in self.remarks {
            self.text += &format!("\n{remark}\n");
        }
        self.text
    }
}

/// Returns texts about users who cannot be evaluated.
fn remarks(id: &CohortId, failing: &FailingUsers) -> Vec<String> {
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

/// A cohort's state in the store.
#[derive(Default)]
struct StoredCohort {
    members: u64,
    record: Option<RunRecord>,
    status: CohortStatus,
}

impl StoredCohort {
    fn of(snapshot: &Snapshot, id: &CohortId) -> anyhow::Result<Self> {
        Ok(Self {
            members: snapshot.members_len(id)?,
            record: muster_engine::records(snapshot, id, 1)?.pop(),
            status: muster_engine::status(snapshot, id)?,
        })
    }
}

//! `muster status`: what is in the store, who is in, what waits to be sent.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::output::{Output, bytes, number, table};
use crate::project::Project;

/// Show what is in the store: events, cohorts and their sizes, last runs, and messages waiting to be sent
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
}

impl Status {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = Project::load(&self.project, output)?;
        let store = project.open_store()?;
        let snapshot = store.snapshot()?;
        let statistics = store.statistics()?;
        let mut text = format!(
            "{} users, {} events of {} types, {} on disk\n",
            number(statistics.users),
            number(statistics.events),
            number(statistics.event_names),
            bytes(statistics.disk_bytes)
        );
        let mut cohorts = Vec::new();
        let mut rows = Vec::new();
        for definition in &project.definitions {
            let members = snapshot.members(&definition.id)?.len();
            let last = muster_engine::records(&snapshot, &definition.id, 1)?
                .into_iter()
                .next();
            rows.push(vec![
                definition.id.to_string(),
                number(members),
                last.as_ref()
                    .map_or_else(|| "never".to_owned(), |run| run.at.clone()),
            ]);
            cohorts.push(
                json!({ "id": definition.id.as_str(), "members": members, "last_run": last }),
            );
        }
        text.push('\n');
        text.push_str(&table(&["cohort", "members>", "last run"], rows));
        let mut destinations = Vec::new();
        let mut rows = Vec::new();
        let backlog = store.backlog()?;
        for name in project.config.destinations.keys() {
            let waiting = backlog.iter().find(|(destination, ..)| destination == name);
            let (messages, size) = waiting.map_or((0, 0), |(_, messages, size)| (*messages, *size));
            rows.push(vec![name.clone(), number(messages), bytes(size)]);
            destinations
                .push(json!({ "name": name, "waiting_messages": messages, "waiting_bytes": size }));
        }
        if !rows.is_empty() {
            text.push('\n');
            text.push_str(&table(&["destination", "waiting>", "size>"], rows));
        }
        let store = json!({
            "users": statistics.users,
            "events": statistics.events,
            "event_types": statistics.event_names,
            "bytes": statistics.disk_bytes,
        });
        output.result(
            &json!({ "store": store, "cohorts": cohorts, "destinations": destinations }),
            &text,
        )
    }
}

//! `muster check`: checks the files of a project.

mod events;
mod instants;
mod properties;

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use muster_model::count;
use muster_project::{RuleLock, config, lock, modules, rule_warnings};
use muster_publish::CheckOptions;
use muster_service::queries;
use serde_json::json;

use crate::commands::destination::check::{checked, refuse};
use crate::load;
use crate::output::{Output, table};
use crate::remarks;
use events::Unseen;
use instants::NoInstants;
use properties::UnseenProperties;

/// Check muster.yaml, the definitions and hand-written rules
///
/// The store is not changed. If the project has a store, the command warns of event names, globs,
/// event properties and user properties that match nothing in it, and of static lists none of whose
/// ids it knows.
#[derive(Debug, Args)]
pub(crate) struct CheckCommand {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Check also whether messages reach the destinations, as `muster destination check` does
    #[arg(long)]
    connect: bool,
    /// Fail also if `muster.lock` does not have exactly the hand-written rules as they are now
    #[arg(long)]
    locked: bool,
}

impl CheckCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let (project, warnings) = load::load_all(&self.project, output)?;
        if !warnings.is_empty() {
            output.note(&output.diagnostics(&warnings));
        }
        let loaded = modules::load(&project, load::compile())?;
        let (mut cohorts, mut rows) = (Vec::new(), Vec::new());
        for definition in &project.definitions {
            let time_zone = definition.time_zone.as_str();
            let destinations: Vec<_> = definition
                .sync
                .iter()
                .map(|sync| sync.to.as_str())
                .collect();
            let cadence = definition.cadence.to_string();
            rows.push(vec![
                definition.id.to_string(),
                cadence.clone(),
                time_zone.to_owned(),
                destinations.join(", "),
            ]);
            cohorts.push(json!({
                "id": definition.id.as_str(),
                "name": definition.name,
                "cadence": cadence,
                "time_zone": time_zone,
                "sync": destinations,
            }));
        }
        let mut text = table(&["cohort", "cadence", "time zone", "goes to"], rows);
        text += &format!("\n{}: all right", count(cohorts.len() as u64, "cohort"));
        // A rule that cannot be loaded is an error here. In a run it affects only its own cohorts.
        let faults: Vec<_> = loaded.iter().filter_map(modules::fault).collect();
        if !faults.is_empty() {
            bail!("{}", faults.join("\nerror: "));
        }
        if self.locked {
            let now = RuleLock::of(&project)?;
            let is_current = match &project.lock {
                Ok(Some(lock)) => *lock == now,
                Ok(None) => now == RuleLock::default(),
                Err(reason) => bail!("{reason}"),
            };
            if !is_current {
                bail!(
                    "{} does not have the hand-written rules as they are now: run `muster lock` and commit the file",
                    lock::FILE
                );
            }
        }
        let unmatched = project.unmatched();
        for pattern in &unmatched {
            output.note(&format!(
                "warning: no file matches `{pattern}` of `cohorts:` in {}",
                config::FILE
            ));
        }
        let short = rule_warnings(&project, &loaded);
        if !short.is_empty() {
            output.note(&output.diagnostics(&short));
        }
        let unseen = Unseen::of(&project);
        unseen.warn(output);
        let snapshot = project.open_read_only().ok().flatten();
        let unseen_properties = snapshot
            .as_ref()
            .and_then(|snapshot| UnseenProperties::of(&project, snapshot));
        if let Some(unseen) = &unseen_properties
            && !unseen.diagnostics.is_empty()
        {
            output.note(&output.diagnostics(&unseen.diagnostics));
        }
        let no_instants = match &snapshot {
            Some(snapshot) => NoInstants::of(&project, snapshot)?,
            None => NoInstants::default(),
        };
        if !no_instants.diagnostics.is_empty() {
            output.note(&output.diagnostics(&no_instants.diagnostics));
        }
        let stranded = match &snapshot {
            Some(snapshot) => queries::stranded(&project, snapshot)?,
            None => Vec::new(),
        };
        // A store without users knows no id at all.
        let known = snapshot.as_ref().filter(|snapshot| snapshot.users() > 0);
        let unknown = known.map(|snapshot| project.lists.unknown(snapshot));
        let unknown = unknown.transpose()?.unwrap_or_default();
        for (path, ids) in &unknown {
            let ids = count(*ids as u64, "id");
            output.note(&format!(
                "warning: {path}: the store knows no user of this list ({ids}): compare them with the ids of your events"
            ));
        }
        let unknown: Vec<_> = unknown.into_iter().map(|(path, _)| path).collect();
        for stranded in &stranded {
            output.note(&format!("warning: {}", remarks::stranded(stranded)));
        }
        let connected = match self.connect {
            true => Some(checked(&project.destinations(), &CheckOptions::default())?),
            false => None,
        };
        for destination in connected.iter().flatten() {
            text += &format!("\n\n{}", destination.text().trim_end());
        }
        let refused = connected.as_deref().map_or(Ok(()), refuse);
        let json = json!({
            "ok": refused.is_ok(),
            "cohorts": cohorts,
            "modules": loaded.len(),
            "unmatched_patterns": unmatched,
            "unseen_events": unseen.json(),
            "unseen_properties": unseen_properties.map(|unseen| unseen.json),
            "no_instants": no_instants.json,
            "unknown_lists": unknown,
            "stranded": stranded,
            "destinations": connected,
        });
        output.result(&json, &text)?;
        refused
    }
}

//! `muster explain`: shows why a user is in a cohort, or is not.

use std::path::PathBuf;

use clap::Args;
use muster_definition::{Body, yaml_text, yaml_value};
use muster_document::quote;
use muster_model::{Event, Millis, number};
use muster_project::clause;
use muster_service::control::ControlClient;
use muster_service::queries::{Explained, PropertyState, SHOWN_EVENTS};

use crate::faults::{FileFault, WithFaults};
use crate::load;
use crate::output::{Output, table};

/// Show why a user is in a cohort or is not
#[derive(Debug, Args)]
#[command(
    after_help = "The answer shows each clause with the values that decided it, and when the answer changes. It is computed from the \
                  events in the store; nothing is imported or changed.\n\n\
                  Example: muster explain big-spenders ann --at 2026-03-01T00:00:00Z"
)]
pub(crate) struct ExplainCommand {
    /// The cohort's id
    cohort: String,
    /// The user's id
    user: String,
    /// Evaluate at this instant; by default the running service's clock, else `clock:` in
    /// muster.yaml, else the system's clock
    #[arg(long, value_name = "INSTANT")]
    at: Option<Millis>,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

/// The number of properties of an event that the text shows; `--json` has them all.
const PROPERTIES: usize = 8;

impl ExplainCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load_sound(&self.project, output)?;
        let faults = FileFault::all(&project.problems);
        let project = match project.cohort(&self.cohort) {
            // A wrong definition on disk is not active: the running service has an older one.
            Err(unknown) if !faults.is_empty() => {
                let active = load::active(&project)?;
                let active = active.filter(|active| active.cohort(&self.cohort).is_ok());
                let active = active.ok_or(unknown)?;
                output.note("the answer is that of the active definition");
                active
            }
            _ => project,
        };
        let definition = project.cohort(&self.cohort)?;
        let snapshot = load::open_snapshot(&project)?;
        let at = match self.at {
            Some(at) => at,
            None => {
                let running = ControlClient::new(&project.store_directory())?.status()?;
                (running.and_then(|running| running.now))
                    .or(project.config.clock)
                    .unwrap_or_else(Millis::now)
            }
        };
        let clause = clause(definition);
        let clause = clause.as_deref();
        let explained = Explained::of(&project, &snapshot, definition, clause, &self.user, at)?;
        // The reader of the output may be slow, and an open snapshot keeps the store from reusing
        // its pages.
        drop(snapshot);
        let answer = explained.document();
        output.result(&WithFaults { answer, faults }, &text(&explained))
    }
}

fn text(explained: &Explained<'_>) -> String {
    let Explained { definition, at, .. } = explained;
    let (user, id) = (quote(explained.user), &definition.id);
    let mut text = match explained.member() {
        Some(true) => format!("{user} is in `{id}` at {at}\n"),
        Some(false) => format!("{user} is not in `{id}` at {at}\n"),
        None => hand_written(explained),
    };
    if !explained.known {
        text += "the user has no event or property up to that instant";
        if let Some(from) = explained.known_from {
            text += &format!("; the first one is of {from}");
        }
        text.push('\n');
    } else if let Some(member) = explained.member() {
        let turn = if member { "exits" } else { "enters" };
        text += &match explained.until() {
            Some(until) => format!("without new events the user {turn} at {until}\n"),
            None => "without new events this does not change\n".to_owned(),
        };
    }
    let stored = if explained.stored { "in" } else { "out" };
    match (explained.differs(), &explained.run) {
        (Some(why), _) => {
            text += &format!("stored: {stored}, unlike the answer above: {why}\n");
        }
        (None, Some(run)) => {
            text += &format!("stored since the last run, at {}: {stored}\n", run.at)
        }
        (None, None) => text += "stored: out, because the cohort has not been run yet\n",
    }
    if !explained.known {
        return text;
    }
    if let Some((trace, _)) = &explained.decided {
        text += &format!("\n{}", trace.render());
    }
    text + &events_text(explained) + &properties_text(explained)
}

fn hand_written(explained: &Explained<'_>) -> String {
    let Explained { definition, .. } = explained;
    let rule = match &definition.body {
        Body::Rule(path) => path,
        Body::Where(_) | Body::Members(_) => "",
    };
    format!(
        "the hand-written rule {} decides who is in `{}`, and gives no reasons\n",
        quote(rule),
        definition.id
    )
}

fn events_text(explained: &Explained<'_>) -> String {
    let rows: Vec<_> = explained
        .events()
        .take(SHOWN_EVENTS)
        .map(|event| row(explained, event))
        .collect();
    let of_these = if explained.decided.is_some() {
        " that a clause reads"
    } else {
        ""
    };
    if rows.is_empty() {
        return format!("\nno event{of_these}\n");
    }
    let all = explained.events().count();
    let shown = if all > rows.len() {
        format!(
            "the latest {} of {} events{of_these}",
            rows.len(),
            number(all as u64)
        )
    } else {
        format!("events{of_these}")
    };
    format!("\n{shown}\n{}", table(&["at", "event", "properties"], rows))
}

/// Returns the table row of an event. The properties that a clause reads come first.
fn row(explained: &Explained<'_>, event: &Event) -> Vec<String> {
    let read = |name: &str| match &explained.decided {
        Some((_, reads)) => reads.event_properties.contains(name),
        None => false,
    };
    let mut properties: Vec<_> = event.properties.iter().collect();
    properties.sort_by_key(|(name, _)| !read(name));
    let more = properties.len().saturating_sub(PROPERTIES);
    let shown = properties.iter().take(PROPERTIES);
    let mut shown: Vec<_> = shown
        .map(|(name, value)| format!("{}: {}", yaml_text(name), yaml_value(value)))
        .collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    vec![
        event.time.to_string(),
        yaml_text(&event.name),
        shown.join(", "),
    ]
}

fn properties_text(explained: &Explained<'_>) -> String {
    let row = |held: &PropertyState<'_>| {
        let since = held.since.map(|since| since.to_string());
        vec![
            yaml_text(held.property),
            held.value.map_or_else(|| "nothing".to_owned(), yaml_value),
            since.unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = explained.properties().iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n{}", table(&["user property", "holds", "since"], rows))
}

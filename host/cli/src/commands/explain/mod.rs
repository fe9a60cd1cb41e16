//! `muster explain`: shows why a user is in a cohort, or is not.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use muster_definition::interpreter::{Trace, known, trace};
use muster_definition::{Body, Definition, DefinitionReads, yaml_text, yaml_value};
use muster_document::{closest, quote};
use muster_engine::RunRecord;
use muster_model::{Event, Millis, UserHistory, Value};
use muster_store::{Snapshot, UserKey};
use serde_json::{Value as Json, json};

use crate::output::{Output, count, number, table};
use crate::output_json;
use crate::project::{Project, clause};
use crate::service::control;

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

/// The number of events that are shown: the latest.
const EVENTS: usize = 10;

/// The number of properties of an event that the text shows; `--json` has them all.
const PROPERTIES: usize = 8;

/// The number of users up to which a mistyped id is compared with all ids. Reading that many ids
/// takes about a tenth of a second.
const COMPARED_USERS: u32 = 100_000;

impl ExplainCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = Project::load_sound(&self.project, output)?;
        let faults = project.faults();
        let project = match project.cohort(&self.cohort) {
            // A wrong definition on disk is not active: the running service has an older one.
            Err(unknown) if !faults.is_empty() => {
                let active = project.active()?;
                let active = active.filter(|active| active.cohort(&self.cohort).is_ok());
                let active = active.ok_or(unknown)?;
                output.note("the answer is that of the active definition");
                active
            }
            _ => project,
        };
        let definition = project.cohort(&self.cohort)?;
        let snapshot = project.open_snapshot()?;
        let user = find_user(&snapshot, &self.user)?;
        let at = match self.at {
            Some(at) => at,
            None => control::clock(&project.store_directory())?
                .or(project.config.clock)
                .unwrap_or_else(Millis::now),
        };
        let history = UserHistory {
            lists: project.lists.of_user(&self.user),
            ..snapshot.history(user, at)?
        };
        let clause = clause(definition);
        let explained = Explained {
            definition,
            user: &self.user,
            at,
            known: known(&history, at),
            decided: (clause.as_deref())
                .map(|clause| (trace(clause, &history, at), DefinitionReads::of(clause))),
            known_from: (snapshot.known_later(at)?.into_iter())
                .find_map(|(key, from)| (key == user).then_some(from)),
            history: &history,
            stored: snapshot.members(&definition.id)?.contains(user.0),
            run: (muster_engine::records(&snapshot, &definition.id, 1)?.into_iter()).next(),
        };
        // The reader of the output may be slow, and an open snapshot keeps the store from reusing
        // its pages.
        drop(snapshot);
        let mut json = explained.json();
        if let Some(document) = json.as_object_mut() {
            document.insert("faults".to_owned(), faults.into());
        }
        output.result(&json, &explained.text())
    }
}

fn find_user(snapshot: &Snapshot, id: &str) -> anyhow::Result<UserKey> {
    if let Some(user) = snapshot.user_key(id)? {
        return Ok(user);
    }
    let users = snapshot.users();
    let unknown = format!("no user has the id {}", quote(id));
    let mut ids = Vec::new();
    if users <= COMPARED_USERS {
        for user in 0..users {
            ids.extend(snapshot.user_id(UserKey(user))?);
        }
    }
    match closest(id, ids.iter().map(String::as_str)) {
        Some(meant) => bail!("{unknown}: did you mean {}?", quote(meant)),
        None => bail!(
            "{unknown}: the store has {}; `muster status` shows what was imported",
            count(users.into(), "user")
        ),
    }
}

/// The value of a user property at the instant of the answer.
struct PropertyState<'a> {
    property: &'a str,
    value: Option<&'a Value>,
    /// The property's last change.
    since: Option<Millis>,
}

/// All facts that the answer shows of a user and a cohort.
struct Explained<'a> {
    definition: &'a Definition,
    user: &'a str,
    at: Millis,
    /// The user exists at that instant.
    known: bool,
    /// The instant of the user's first event or operation, if that is later.
    known_from: Option<Millis>,
    /// The trace of the clauses and the events and properties that they read; `None`: a
    /// hand-written rule decides.
    decided: Option<(Trace, DefinitionReads<'a>)>,
    history: &'a UserHistory,
    /// The user is a member as of the last run.
    stored: bool,
    /// The cohort's last run.
    run: Option<RunRecord>,
}

impl<'a> Explained<'a> {
    /// Returns true if the user is in the cohort; `None`: only the hand-written rule knows.
    fn member(&self) -> Option<bool> {
        let (trace, _) = self.decided.as_ref()?;
        Some(self.known && trace.holds)
    }

    /// Returns the instant at which the answer changes without new events.
    fn until(&self) -> Option<Millis> {
        let (trace, _) = self.decided.as_ref()?;
        trace.until.filter(|_| self.known)
    }

    /// Returns the reason why the stored membership differs from the answer, if it does.
    fn differs(&self) -> Option<String> {
        if self.member()? == self.stored {
            return None;
        }
        let Some(run) = &self.run else {
            return Some("the cohort has not been run yet".to_owned());
        };
        let ran: Millis = run.at.parse().ok()?;
        let at = &run.at;
        Some(match ran.cmp(&self.at) {
            std::cmp::Ordering::Less => {
                format!("it is that of the last run, at {at}; the next run will change it")
            }
            std::cmp::Ordering::Equal => format!(
                "it is that of the last run, at {at}; since then events arrived or the definition changed, and the next run will change it"
            ),
            std::cmp::Ordering::Greater => {
                format!(
                    "it is that of the last run, at {at}, which is later than {}",
                    self.at
                )
            }
        })
    }

    /// Returns the events that some clause reads, or all events if a hand-written rule decides: the
    /// newest first.
    fn events(&self) -> impl Iterator<Item = &Event> {
        let relevant = |event: &&Event| match &self.decided {
            Some((_, reads)) => reads.event(&event.name),
            None => true,
        };
        self.history.events.iter().rev().filter(relevant)
    }

    /// Returns the user properties that a clause reads.
    fn properties(&self) -> Vec<PropertyState<'_>> {
        let read = self
            .decided
            .iter()
            .flat_map(|(_, reads)| &reads.user_properties);
        let held = |name: &&'a str| {
            let changes = self.history.properties.get(*name).into_iter().flatten();
            let last = changes.take_while(|(since, _)| *since <= self.at).last();
            PropertyState {
                property: name,
                value: last.and_then(|(_, value)| value.as_ref()),
                since: last.map(|(since, _)| *since),
            }
        };
        read.map(held).collect()
    }

    fn text(&self) -> String {
        let Self { definition, at, .. } = self;
        let (user, id) = (quote(self.user), &definition.id);
        let mut text = match self.member() {
            Some(true) => format!("{user} is in `{id}` at {at}\n"),
            Some(false) => format!("{user} is not in `{id}` at {at}\n"),
            None => self.hand_written(),
        };
        if !self.known {
            text += "the user has no event or property up to that instant";
            if let Some(from) = self.known_from {
                text += &format!("; the first one is of {from}");
            }
            text.push('\n');
        } else if let Some(member) = self.member() {
            let turn = if member { "exits" } else { "enters" };
            text += &match self.until() {
                Some(until) => format!("without new events the user {turn} at {until}\n"),
                None => "without new events this does not change\n".to_owned(),
            };
        }
        let stored = if self.stored { "in" } else { "out" };
        match (self.differs(), &self.run) {
            (Some(why), _) => {
                text += &format!("stored: {stored}, unlike the answer above: {why}\n");
            }
            (None, Some(run)) => {
                text += &format!("stored since the last run, at {}: {stored}\n", run.at)
            }
            (None, None) => text += "stored: out, because the cohort has not been run yet\n",
        }
        if !self.known {
            return text;
        }
        if let Some((trace, _)) = &self.decided {
            text += &format!("\n{}", trace.render());
        }
        text + &self.events_text() + &self.properties_text()
    }

    fn hand_written(&self) -> String {
        let Self { definition, .. } = self;
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

    fn events_text(&self) -> String {
        let rows: Vec<_> = self
            .events()
            .take(EVENTS)
            .map(|event| self.row(event))
            .collect();
        let of_these = if self.decided.is_some() {
            " that a clause reads"
        } else {
            ""
        };
        if rows.is_empty() {
            return format!("\nno event{of_these}\n");
        }
        let all = self.events().count();
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
    fn row(&self, event: &Event) -> Vec<String> {
        let read = |name: &str| match &self.decided {
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

    fn properties_text(&self) -> String {
        let row = |held: &PropertyState<'_>| {
            let since = held.since.map(|since| since.to_string());
            vec![
                yaml_text(held.property),
                held.value.map_or_else(|| "nothing".to_owned(), yaml_value),
                since.unwrap_or_default(),
            ]
        };
        let rows: Vec<_> = self.properties().iter().map(row).collect();
        if rows.is_empty() {
            return String::new();
        }
        format!("\n{}", table(&["user property", "holds", "since"], rows))
    }

    fn json(&self) -> Json {
        let property = |held: &PropertyState<'_>| {
            json!({
                "property": held.property,
                "value": held.value.map(output_json::value),
                "since": held.since.map(|since| since.to_string()),
            })
        };
        let word = |member| if member { "in" } else { "out" };
        let events = self.events().take(EVENTS).map(output_json::event);
        json!({
            "cohort": self.definition.id.as_str(),
            "name": self.definition.name,
            "user": self.user,
            "at": self.at.to_string(),
            "known": self.known,
            "is": self.member().map(word),
            "until": self.until().map(|until| until.to_string()),
            "then": self.member().filter(|_| self.until().is_some()).map(|member| word(!member)),
            "stored": {
                "is": word(self.stored),
                "last_run": self.run.as_ref().map(|run| &run.at),
                "differs": self.differs(),
            },
            "clauses": self.decided.as_ref().map(|(trace, _)| output_json::trace(trace)),
            "events": events.collect::<Vec<_>>(),
            "user_properties": self.properties().iter().map(property).collect::<Vec<_>>(),
        })
    }
}

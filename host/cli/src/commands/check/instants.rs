//! Warnings about stored values that a definition compares with an instant and that are none: times
//! in seconds or microseconds, or texts that are no time.

use anyhow::Result;
use muster_definition::DefinitionReads;
use muster_document::{Diagnostic, Diagnostics, quote};
use muster_model::{Millis, number};
use muster_project::{Project, clause};
use muster_store::{Column, History, PropertyRead, Snapshot, StreamRead, UserKey, ValueKind};
use serde::Serialize;

use super::properties::{PropertyOwner, PropertyPlaces};

/// The number of users whose values are read: those that arrived first.
const USERS: u32 = 10_000;
/// The most bytes of values that are read. Of users with more, a tenth is read, and so on.
const BYTES: usize = 64 << 20;

/// The properties that are compared with an instant and have values that are none.
#[derive(Default)]
pub(super) struct NoInstants {
    pub(super) diagnostics: Diagnostics,
    pub(super) json: Vec<NoInstant>,
}

/// A property with values that are no instants, for `--json`.
#[derive(Debug, Serialize)]
pub(super) struct NoInstant {
    cohort: String,
    of: PropertyOwner,
    property: String,
    /// The values that were read, and those of them that are no instants.
    values: u64,
    no_instants: u64,
    example: String,
    path: String,
    line: Option<usize>,
    column: Option<usize>,
}

/// The numbers of one property's values.
#[derive(Default)]
struct ValueCount {
    values: u64,
    no_instants: u64,
    example: String,
}

impl NoInstants {
    /// Compares the definitions of a project with the values in its store.
    pub(super) fn of(project: &Project, snapshot: &Snapshot) -> Result<Self> {
        let mut found = Self::default();
        for definition in &project.definitions {
            let Some(clause) = clause(definition) else {
                continue;
            };
            let reads = DefinitionReads::of(&clause);
            let places = PropertyPlaces::of(&definition.source);
            let of_events = reads.event_instants.iter();
            let of_events = of_events.map(|name| (PropertyOwner::Event, *name));
            let of_users = reads.user_instants.iter();
            let of_users = of_users.map(|name| (PropertyOwner::User, *name));
            for (of, name) in of_events.chain(of_users) {
                // Of a cohort that is used through `in_cohort`, the other file has the place.
                let Some(span) = places.get(of, name) else {
                    continue;
                };
                let counted = count(snapshot, of, name)?;
                if counted.no_instants == 0 {
                    continue;
                }
                let diagnostic = warning(of, name, &counted).at(&definition.source, span, "");
                let place = diagnostic.place();
                found.json.push(NoInstant {
                    cohort: definition.id.to_string(),
                    of,
                    property: name.to_owned(),
                    values: counted.values,
                    no_instants: counted.no_instants,
                    example: counted.example,
                    path: definition.source.path().to_owned(),
                    line: place.map(|(_, line, _)| line),
                    column: place.map(|(_, _, column)| column),
                });
                found.diagnostics.push(diagnostic);
            }
        }
        Ok(found)
    }
}

fn warning(of: PropertyOwner, name: &str, counted: &ValueCount) -> Diagnostic {
    let message = format!(
        "{} of {} values of the {} property {} in the store are no instants, such as {}",
        number(counted.no_instants),
        number(counted.values),
        of.as_str(),
        quote(name),
        quote(&counted.example)
    );
    Diagnostic::warning(message).help(
        "an instant is a date, a time such as `2026-02-20 10:00:00`, or a number of milliseconds; \
         users with other values are not found",
    )
}

/// Counts the values of a property of the first users.
fn count(snapshot: &Snapshot, of: PropertyOwner, name: &str) -> Result<ValueCount> {
    let read = |kind| PropertyRead {
        name: name.to_owned(),
        kind,
    };
    let properties = vec![read(ValueKind::Text), read(ValueKind::Instant)];
    let stream = StreamRead {
        names: vec!["*".to_owned()],
        properties: properties.clone(),
        lookback: None,
    };
    let prepared = match of {
        PropertyOwner::Event => snapshot.prepare(&[stream], &[], &[])?,
        PropertyOwner::User => snapshot.prepare(&[], &[], &properties)?,
    };
    let mut users = snapshot.users().min(USERS);
    while users > 0 {
        let keys: Vec<UserKey> = (0..users).map(UserKey).collect();
        if let Some(history) = prepared.read_within(&keys, Millis::MAX, BYTES)? {
            return Ok(count_in(&history));
        }
        users /= 10;
    }
    Ok(ValueCount::default())
}

/// Counts in the texts and instants of one property.
fn count_in(history: &History) -> ValueCount {
    let mut counted = ValueCount::default();
    let rows = history.streams.iter().chain(&history.property_histories);
    let mut columns = rows.flat_map(|rows| &rows.columns);
    let (Some(texts), Some(Column::Number(instants))) = (columns.next(), columns.next()) else {
        return counted;
    };
    for (row, instant) in instants.iter().enumerate() {
        let text = match texts {
            Column::Text(codes) => codes.get(row).copied(),
            Column::Texts { starts, codes } => match (starts.get(row), starts.get(row + 1)) {
                (Some(start), Some(end)) if start < end => codes.get(*start as usize).copied(),
                _ => None,
            },
            _ => None,
        };
        let Some(text) = text.and_then(|code| history.dictionary.text(code)) else {
            continue;
        };
        counted.values += 1;
        if instant.is_nan() {
            counted.no_instants += 1;
            if counted.no_instants == 1 {
                text.clone_into(&mut counted.example);
            }
        }
    }
    counted
}

//! Warnings about event names that the project's store has never received: they are most likely
//! mistyped.

use std::collections::{BTreeMap, BTreeSet};

use muster_definition::{Definition, DefinitionReads, EventName};
use muster_document::{
    Diagnostic, Diagnostics, Node, NodeContent, SourceFile, Span, YamlReader, closest, quote,
};
use muster_model::{glob_parts, plain_name};
use muster_project::{Project, clause};
use serde::Serialize;

use crate::load;
use crate::output::Output;

/// The number of the store's names up to which a warning lists them all, if none is similar.
const LISTED: usize = 8;

/// An event name that no event in the store has, for `--json`.
#[derive(Debug, Serialize)]
pub(super) struct UnseenEvent {
    cohort: String,
    event: String,
    did_you_mean: Option<String>,
    path: String,
    line: Option<usize>,
    column: Option<usize>,
}

/// The result of comparing event names, or the reason why they were not compared.
pub(super) enum Unseen {
    /// The project has no store, or one without events.
    NothingSeen,
    /// The store cannot be read, for this reason.
    NotCompared(String),
    /// The warnings, as diagnostics and as JSON.
    Found(Diagnostics, Vec<UnseenEvent>),
}

impl Unseen {
    /// Compares the event names in a project's definitions with those in its store, if it has one.
    pub(super) fn of(project: &Project) -> Self {
        let snapshot = match load::open_read_only(project) {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => return Self::NothingSeen,
            Err(error) => return Self::NotCompared(format!("{error:#}")),
        };
        let names = snapshot.event_names();
        let seen: Vec<&str> = names.iter().map(|count| count.name.as_str()).collect();
        if seen.is_empty() {
            return Self::NothingSeen;
        }
        let (mut diagnostics, mut json) = (Diagnostics::default(), Vec::new());
        for (definition, name, span) in unseen(&project.definitions, &seen) {
            let diagnostic = warning(&definition.source, &name, span, &seen);
            let place = diagnostic.place();
            json.push(UnseenEvent {
                cohort: definition.id.to_string(),
                event: name.as_str().to_owned(),
                did_you_mean: meant(&name, &seen).map(str::to_owned),
                path: definition.source.path().to_owned(),
                line: place.map(|(_, line, _)| line),
                column: place.map(|(_, _, column)| column),
            });
            diagnostics.push(diagnostic);
        }
        Self::Found(diagnostics, json)
    }

    /// Prints the warnings.
    pub(super) fn warn(&self, output: &Output) {
        match self {
            Self::NothingSeen => {}
            Self::NotCompared(why) => output.note(&format!(
                "event names are not compared with the store's: {why}"
            )),
            Self::Found(diagnostics, _) => {
                if !diagnostics.is_empty() {
                    output.note(&output.diagnostics(diagnostics));
                }
            }
        }
    }

    /// Returns the warnings for `--json`: `null` if nothing was compared.
    pub(super) fn json(&self) -> Option<&[UnseenEvent]> {
        match self {
            Self::NothingSeen | Self::NotCompared(_) => None,
            Self::Found(_, json) => Some(json),
        }
    }
}

/// Returns the names and globs that match no seen name: each once per definition, with the place
/// where it first occurs.
fn unseen<'d>(
    definitions: &'d [Definition],
    seen: &[&str],
) -> Vec<(&'d Definition, EventName, Option<Span>)> {
    let (mut found, mut elsewhere) = (Vec::new(), Vec::new());
    let mut placed = BTreeSet::new();
    for definition in definitions {
        let Some(clause) = clause(definition) else {
            continue;
        };
        let places = places(&definition.source);
        let matches_none = |name: &&&EventName| !seen.iter().any(|event| name.matches(event));
        let reads = DefinitionReads::of(&clause);
        for name in reads.events.iter().filter(matches_none) {
            let name = EventName::clone(name);
            match places.get(name.as_str()) {
                Some(span) => {
                    placed.insert(name.clone());
                    found.push((definition, name, Some(*span)));
                }
                None => elsewhere.push((definition, name)),
            }
        }
    }
    // The warnings come in the order of the files.
    let file = |definition: &Definition| definition.source.path().to_owned();
    found.sort_by_cached_key(|(definition, _, span)| (file(definition), *span));
    // A name that a cohort uses through another cohort (`in_cohort`) occurs in the other's file.
    for (definition, name) in elsewhere {
        if placed.insert(name.clone()) {
            found.push((definition, name, None));
        }
    }
    found
}

/// Returns the place where each event name of a definition first occurs. Clauses do not know their
/// places, so this parses the file again.
fn places(source: &SourceFile) -> BTreeMap<Box<str>, Span> {
    let mut places = BTreeMap::new();
    if let Some(root) = YamlReader::new(source).load() {
        walk(&root, &mut places);
    }
    places
}

fn walk(node: &Node, places: &mut BTreeMap<Box<str>, Span>) {
    match &node.content {
        NodeContent::Map(entries) => {
            for entry in entries {
                match &*entry.key {
                    "did" | "did_not" | "did_in_order" | "in_any_order" | "without"
                    | "more_than" | "followed_by" | "not_followed_by" | "preceded_by"
                    | "not_preceded_by" => {
                        names(&entry.value, places);
                    }
                    // The name of a property may be that of a clause.
                    "with" | "with_any" | "with_user" | "user" => {}
                    _ => walk(&entry.value, places),
                }
            }
        }
        NodeContent::List(nodes) => nodes.iter().for_each(|node| walk(node, places)),
        _ => {}
    }
}

/// Collects the event names of a name, a list of names, or steps.
fn names(node: &Node, places: &mut BTreeMap<Box<str>, Span>) {
    match &node.content {
        NodeContent::List(nodes) => nodes.iter().for_each(|node| names(node, places)),
        NodeContent::Map(_) => walk(node, places),
        NodeContent::Text(name) => {
            places.entry(name.clone()).or_insert(node.span);
        }
        _ => {}
    }
}

fn warning(source: &SourceFile, name: &EventName, span: Option<Span>, seen: &[&str]) -> Diagnostic {
    let quoted = quote(name.as_str());
    let diagnostic = Diagnostic::warning(if is_glob(name) {
        format!("no event in the store matches {quoted}")
    } else {
        format!("no event in the store has the name {quoted}")
    });
    let diagnostic = match span {
        Some(span) => diagnostic.at(source, span, ""),
        None => diagnostic.in_file(source),
    };
    match meant(name, seen) {
        Some(meant) => diagnostic.help(format!("did you mean {}?", quote(meant))),
        None if seen.len() <= LISTED => {
            let seen: Vec<_> = seen.iter().map(|name| quote(name)).collect();
            diagnostic.help(format!("the store has {}", seen.join(", ")))
        }
        None => diagnostic,
    }
}

fn is_glob(name: &EventName) -> bool {
    plain_name(name.as_str()).is_none()
}

/// Returns the seen name that is most similar to a name. Of a glob, the part before its first `*`
/// is compared.
fn meant<'s>(name: &EventName, seen: &[&'s str]) -> Option<&'s str> {
    let parts = glob_parts(name.as_str());
    let head = parts.first().map_or("", |part| part);
    closest(head, seen.iter().copied()).filter(|_| !head.is_empty())
}

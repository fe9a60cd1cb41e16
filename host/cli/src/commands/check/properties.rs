//! Warnings about event and user properties that no event in the project's store has carried: they
//! are most likely mistyped, or come under another name.

use std::collections::{BTreeMap, BTreeSet};

use muster_definition::DefinitionReads;
use muster_document::{
    Diagnostic, Diagnostics, Node, NodeContent, SourceFile, Span, YamlReader, closest, quote,
};
use muster_ingest::property_of_field;
use muster_project::{Project, clause};
use muster_store::Snapshot;
use serde::Serialize;

/// The properties that definitions read and no event has carried.
pub(super) struct UnseenProperties {
    pub(super) diagnostics: Diagnostics,
    pub(super) json: Vec<UnseenProperty>,
}

/// A property that no event in the store has carried, for `--json`.
#[derive(Debug, Serialize)]
pub(super) struct UnseenProperty {
    cohort: String,
    of: PropertyOwner,
    property: String,
    did_you_mean: Option<String>,
    path: String,
    line: Option<usize>,
    column: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PropertyOwner {
    Event,
    User,
}

impl PropertyOwner {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::User => "user",
        }
    }
}

impl UnseenProperties {
    /// Compares the properties in a project's definitions with those in its store. Returns `None`
    /// if the store has no event.
    pub(super) fn of(project: &Project, snapshot: &Snapshot) -> Option<Self> {
        if snapshot.event_names().is_empty() {
            return None;
        }
        let of_users = snapshot.user_properties().into_iter();
        let owners = [
            (PropertyOwner::Event, snapshot.event_properties()),
            (
                PropertyOwner::User,
                of_users.map(|count| count.name).collect(),
            ),
        ];
        let (mut diagnostics, mut json) = (Diagnostics::default(), Vec::new());
        for definition in &project.definitions {
            let clause = clause(definition);
            let reads = clause.as_deref().map(DefinitionReads::of);
            let mut reads = reads.unwrap_or_default();
            let synced = (definition.sync.iter()).flat_map(|sync| &sync.user_properties);
            reads.user_properties.extend(synced.map(String::as_str));
            let places = PropertyPlaces::of(&definition.source);
            let mut found: Vec<(Span, PropertyOwner, &str, &BTreeSet<String>)> = Vec::new();
            for (of, seen) in &owners {
                let read = match of {
                    PropertyOwner::Event => &reads.event_properties,
                    PropertyOwner::User => &reads.user_properties,
                };
                for name in read.iter().filter(|name| !seen.contains(**name)) {
                    // Of a cohort that is used through `in_cohort`, the other file has the place.
                    if let Some(span) = places.get(*of, name) {
                        found.push((span, *of, name, seen));
                    }
                }
            }
            found.sort_by_key(|(span, ..)| *span);
            for (span, of, name, seen) in found {
                let diagnostic = warning(&definition.source, of, name, span, seen);
                let place = diagnostic.place();
                json.push(UnseenProperty {
                    cohort: definition.id.to_string(),
                    of,
                    property: name.to_owned(),
                    did_you_mean: meant(name, seen).map(str::to_owned),
                    path: definition.source.path().to_owned(),
                    line: place.map(|(_, line, _)| line),
                    column: place.map(|(_, _, column)| column),
                });
                diagnostics.push(diagnostic);
            }
        }
        Some(Self { diagnostics, json })
    }
}

fn warning(
    source: &SourceFile,
    of: PropertyOwner,
    name: &str,
    span: Span,
    seen: &BTreeSet<String>,
) -> Diagnostic {
    let owner = of.as_str();
    let message = format!("no {owner} in the store has the property {}", quote(name));
    let diagnostic = Diagnostic::warning(message).at(source, span, "");
    match meant(name, seen) {
        Some(meant) => diagnostic.help(format!("did you mean {}?", quote(meant))),
        None => diagnostic.help(format!(
            "if events will carry the {owner} property later, leave it"
        )),
    }
}

/// Returns the seen name that an unseen one most likely means. The vendor names some fields of
/// events differently in exports and in its HTTP API, and both are one property.
fn meant<'s>(name: &str, seen: &'s BTreeSet<String>) -> Option<&'s str> {
    match property_of_field(name).and_then(|property| seen.get(property)) {
        Some(name) => Some(name),
        None => closest(name, seen.iter().map(String::as_str)),
    }
}

/// The place where each property of a file first occurs. Clauses do not know their places, so the
/// file is parsed again.
#[derive(Default)]
pub(super) struct PropertyPlaces(BTreeMap<(PropertyOwner, Box<str>), Span>);

impl PropertyPlaces {
    pub(super) fn of(source: &SourceFile) -> Self {
        let mut places = Self::default();
        if let Some(root) = YamlReader::new(source).load() {
            places.walk(&root);
        }
        places
    }

    pub(super) fn get(&self, of: PropertyOwner, name: &str) -> Option<Span> {
        self.0.get(&(of, Box::from(name))).copied()
    }

    fn walk(&mut self, node: &Node) {
        match &node.content {
            NodeContent::Map(entries) => {
                for entry in entries {
                    match &*entry.key {
                        "user" | "with_user" | "user_properties" => {
                            self.names(PropertyOwner::User, &entry.value);
                        }
                        "with" | "with_any" | "per" | "same" | "first" | "last" | "sum_of"
                        | "average_of" | "count_of" | "smallest" | "largest" | "distinct" => {
                            self.names(PropertyOwner::Event, &entry.value);
                        }
                        _ => self.walk(&entry.value),
                    }
                }
            }
            NodeContent::List(nodes) => nodes.iter().for_each(|node| self.walk(node)),
            _ => {}
        }
    }

    /// Adds the properties of a name, a list, or a map whose keys are names. Their predicates may
    /// name others.
    fn names(&mut self, of: PropertyOwner, node: &Node) {
        match &node.content {
            NodeContent::Map(entries) => {
                for entry in entries {
                    self.add(of, &entry.key, entry.key_span);
                    self.walk(&entry.value);
                }
            }
            NodeContent::List(nodes) => nodes.iter().for_each(|node| self.names(of, node)),
            NodeContent::Text(name) => self.add(of, name, node.span),
            _ => {}
        }
    }

    fn add(&mut self, of: PropertyOwner, name: &str, span: Span) {
        self.0.entry((of, name.into())).or_insert(span);
    }
}

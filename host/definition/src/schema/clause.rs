//! Schemas of clauses: a map with one subject, and the keys that belong to that subject.

use serde_json::{Value, json};

use super::event::{measure_rules, windows_rules};
use super::object::{properties, with};
use super::user::when_rules;
use super::{SchemaKind, kind};
use crate::read::clause::{TABLE, beside};
use crate::read::key::Key;

pub(super) fn kinds() -> Vec<SchemaKind> {
    let each = TABLE.iter().map(|subject| kind(&name(subject)));
    let clause = json!({
        "description": "A clause: a map with one subject, and the keys that belong to that subject.",
        "type": "object",
        "anyOf": each.collect::<Vec<_>>(),
    });
    let clauses = json!({
        "description": "A list of clauses; a single clause is in a list too.",
        "type": "array",
        "items": kind("clause"),
        "minItems": 1,
        "examples": [[{ "did": "Purchase" }, { "user": { "city": "Seattle" } }]],
    });
    let subjects = TABLE
        .iter()
        .map(|subject| (name(subject).into(), about(subject)));
    [("clause".into(), clause), ("clauses".into(), clauses)]
        .into_iter()
        .chain(subjects)
        .collect()
}

/// Returns the name of a subject's clause under `$defs`.
fn name(subject: &Key) -> String {
    format!("{}_clause", subject.name)
}

/// Returns the schema of a clause with a subject.
fn about(subject: &Key) -> Value {
    let rules = match subject.name {
        "did" => [windows_rules(), measure_rules()].concat(),
        "did_not" | "did_in_order" => windows_rules(),
        "user" => when_rules(),
        _ => Vec::new(),
    };
    let keys = std::iter::once(subject).chain(beside(subject.name));
    let clause = json!({
        "type": "object",
        "properties": properties(keys),
        "required": [subject.name],
        "additionalProperties": false,
    });
    match rules.is_empty() {
        true => clause,
        false => with(clause, "allOf", rules),
    }
}

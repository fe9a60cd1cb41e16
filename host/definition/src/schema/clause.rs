//! Schemas of clauses: a map with one subject, and the keys that belong to that subject.

use muster_document::schema::{refer, with};
use serde_json::{Value, json};

use super::event::{measure_rules, windows_rules};
use super::user::when_rules;
use super::{SchemaKind, WRITER, kind};
use crate::read::clause::{TABLE, beside};
use crate::read::key::{LanguageKey, LanguageKind};

pub(super) fn kinds() -> Vec<SchemaKind> {
    let each = TABLE.iter().map(|subject| refer(&name(subject)));
    let clause = json!({
        "description": "A clause: a map with one subject, and the keys that belong to that subject.",
        "type": "object",
        "anyOf": each.collect::<Vec<_>>(),
    });
    let clauses = json!({
        "description": "A list of clauses; a single clause is in a list too.",
        "type": "array",
        "items": kind(LanguageKind::Clause),
        "minItems": 1,
        "examples": [[{ "did": "Purchase" }, { "user": { "city": "Seattle" } }]],
    });
    vec![
        (LanguageKind::Clause, clause),
        (LanguageKind::Clauses, clauses),
    ]
}

/// Returns the schema of each subject's clause, with its name under `$defs`.
pub(super) fn subjects() -> impl Iterator<Item = (String, Value)> {
    TABLE.iter().map(|subject| (name(subject), about(subject)))
}

/// Returns the name of a subject's clause under `$defs`.
fn name(subject: &LanguageKey) -> String {
    format!("{}_clause", subject.name)
}

/// Returns the schema of a clause with a subject.
fn about(subject: &LanguageKey) -> Value {
    let rules = match subject.name {
        "did" => [windows_rules(), measure_rules()].concat(),
        "did_not" | "did_in_order" | "in_any_order" => windows_rules(),
        "user" => when_rules(),
        _ => Vec::new(),
    };
    let keys = std::iter::once(subject).chain(beside(subject.name));
    let clause = json!({
        "type": "object",
        "properties": WRITER.properties(keys),
        "required": [subject.name],
        "additionalProperties": false,
    });
    match rules.is_empty() {
        true => clause,
        false => with(clause, "allOf", rules),
    }
}

//! Schemas of conditions on user properties, and of samples.

use serde_json::{Value, json};

use super::object::{at_most_one, has, without};
use super::{SchemaKind, WRITER};
use crate::read::key::LanguageKind;
use crate::read::{sample, user};

pub(super) fn kinds() -> Vec<SchemaKind> {
    vec![(LanguageKind::Sample, WRITER.map(&sample::TABLE))]
}

/// Returns two rules: a clause reads a property in one way, and its predicates depend on now only
/// if it reads the present value.
pub(super) fn when_rules() -> Vec<Value> {
    let mut rules = at_most_one(&user::KEYS);
    let fixed = json!({ "properties": without(&["in_last", "before_last"]) });
    rules.push(json!({
        "if": has(&user::KEYS),
        "then": { "properties": { "user": { "additionalProperties": fixed } } },
    }));
    rules
}

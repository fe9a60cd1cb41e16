//! What user properties hold, and who is sampled.

use serde_json::{Value, json};

use super::SchemaKind;
use super::object::{at_most_one, has, object, without};
use crate::read::{sample, user};

pub(super) fn kinds() -> Vec<SchemaKind> {
    vec![("sample".into(), object(&sample::TABLE.each_ref()))]
}

/// That a property is looked at in one way, and that its predicates count from now only where now
/// is looked at.
pub(super) fn when_rules() -> Vec<Value> {
    let mut rules = at_most_one(&user::KEYS);
    let fixed = json!({ "properties": without(&["in_last", "before_last"]) });
    rules.push(json!({
        "if": has(&user::KEYS),
        "then": { "properties": { "user": { "additionalProperties": fixed } } },
    }));
    rules
}

//! Rules about the keys of a map, and schemas of values of several types.

use muster_document::schema::with;
use serde_json::{Value, json};

/// Returns the schema of a value that fits any of these schemas, no two of which have a type in
/// common. A keyword concerns only values of its own type, so no `anyOf` is needed: with `anyOf`,
/// editors guess wrong which alternative was meant.
pub(super) fn either(about: &str, examples: Value, schemas: &[Value]) -> Value {
    let mut types = Vec::new();
    let mut both = json!({});
    for (key, value) in schemas.iter().filter_map(Value::as_object).flatten() {
        match (key.as_str(), value) {
            ("type", Value::Array(several)) => types.extend(several.clone()),
            ("type", one) => types.push(one.clone()),
            ("description" | "examples", _) => {}
            _ => both = with(both, key, value.clone()),
        }
    }
    let both = with(both, "type", types);
    with(with(both, "description", about), "examples", examples)
}

/// Returns rules by which keys of two groups do not stand in one map. A key of one group excludes
/// those of the later groups.
fn apart(groups: &[&[&str]]) -> Vec<Value> {
    let mut rules = Vec::new();
    let mut rest = groups;
    while let [group, later @ ..] = rest {
        if !later.is_empty() {
            rules.push(
                json!({ "if": has(group), "then": { "properties": without(&later.concat()) } }),
            );
        }
        rest = later;
    }
    rules
}

/// Returns rules by which at most one of these keys stands in a map.
pub(super) fn at_most_one(keys: &[&str]) -> Vec<Value> {
    let groups: Vec<_> = keys.iter().map(std::slice::from_ref).collect();
    apart(&groups)
}

/// Returns the rule that a map has at least one of these keys.
pub(super) fn has(keys: &[&str]) -> Value {
    let one = |key: &&str| json!({ "required": [key] });
    match keys {
        [key] => one(key),
        _ => json!({ "anyOf": keys.iter().map(one).collect::<Vec<_>>() }),
    }
}

/// Returns `properties` for a map that has none of these keys.
pub(super) fn without(keys: &[&str]) -> Value {
    let none = keys.iter().map(|key| ((*key).to_owned(), json!(false)));
    Value::Object(none.collect())
}

//! Maps with known keys.

use serde_json::{Map, Value, json};

use super::kind;
use crate::read::key::Key;

/// The keys of a map, each with its kind and what it says.
pub(super) fn properties<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Map<String, Value> {
    let property = |key: &Key| {
        let value = with(kind(key.takes), "description", key.about);
        (key.name.to_owned(), value)
    };
    keys.into_iter().map(property).collect()
}

/// A map that has these keys and no others. It has no `examples`: the YAML language server shows
/// maps among them as `[object Object]`.
pub(super) fn object(keys: &[&Key]) -> Value {
    let object = json!({
        "type": "object",
        "properties": properties(keys.iter().copied()),
        "additionalProperties": false,
    });
    let needed = keys.iter().filter(|key| key.needed).map(|key| key.name);
    let needed: Vec<_> = needed.collect();
    match needed.is_empty() {
        true => object,
        false => with(object, "required", needed),
    }
}

/// A value of any of these schemas, no two of which have a type in common. A keyword concerns
/// values of its own type, so that they need no `anyOf`: editors guess wrong which alternative was
/// meant.
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

/// A schema that says one more thing.
pub(super) fn with(mut schema: Value, key: &str, value: impl Into<Value>) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value.into());
    }
    schema
}

/// That the keys of two groups do not stand in one map: what a map has of one group shuts the later
/// ones out.
pub(super) fn apart(groups: &[&[&str]]) -> Vec<Value> {
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

/// That at most one of these keys stands in one map.
pub(super) fn at_most_one(keys: &[&str]) -> Vec<Value> {
    let groups: Vec<_> = keys.iter().map(std::slice::from_ref).collect();
    apart(&groups)
}

/// That a map has one of these keys, or several.
pub(super) fn has(keys: &[&str]) -> Value {
    let one = |key: &&str| json!({ "required": [key] });
    match keys {
        [key] => one(key),
        _ => json!({ "anyOf": keys.iter().map(one).collect::<Vec<_>>() }),
    }
}

/// For the `properties` of a map that has none of these keys.
pub(super) fn without(keys: &[&str]) -> Value {
    let none = keys.iter().map(|key| ((*key).to_owned(), json!(false)));
    Value::Object(none.collect())
}

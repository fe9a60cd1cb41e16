//! The JSON Schema of `muster.yaml` (version 2020-12), for editors. It is less strict than the
//! reader: the reader refuses every file that the schema refuses, and more. Any value may be a text
//! with a variable.

use serde_json::{Map as Object, Value, json};

use super::key::{KeyDefault, Map, Number, Takes, TextForm};
use super::project::{MOST_SOURCES, PROJECT};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The pattern of a text with a variable.
const VARIABLE: &str = r"\$\{";

/// Returns the JSON Schema of `muster.yaml`, as the text of a file.
pub(crate) fn schema() -> String {
    let schema = with(map(&PROJECT), "$schema", DIALECT);
    let schema = with(schema, "title", "Muster project");
    format!("{schema:#}\n")
}

fn map(map: &Map) -> Value {
    let property = |key: &super::key::SettingKey| {
        let value = with(value(&key.takes), "description", key.about);
        let default = match key.default {
            KeyDefault::Value(text) => plain(text),
            _ => None,
        };
        let value = match default {
            Some(default) => with(value, "default", default),
            None => value,
        };
        (key.name.to_owned(), value)
    };
    let properties: Object<_, _> = map.keys.iter().map(property).collect();
    let needed = map
        .keys
        .iter()
        .filter(|key| matches!(key.default, KeyDefault::Required));
    let needed: Vec<_> = needed.map(|key| key.name).collect();
    let mut object = json!({
        "description": map.about,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !needed.is_empty() {
        object = with(object, "required", needed);
    }
    if map.one_of {
        object = with(with(object, "minProperties", 1), "maxProperties", 1);
    }
    object
}

fn value(takes: &Takes) -> Value {
    match takes {
        Takes::Text(of) => text(of),
        Takes::Word(words) => {
            json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": VARIABLE }] })
        }
        Takes::Number(of) => number(of),
        Takes::Texts(of) => {
            // A keyword applies only to values of its own type, so one schema can describe both. Of
            // several alternatives editors often guess the wrong one.
            let one = with(text(of), "type", vec!["string", "array"]);
            with(one, "items", text(of))
        }
        Takes::List { of, least } => {
            json!({ "type": "array", "items": text(of), "minItems": least })
        }
        Takes::Maps(of) => json!({ "type": "array", "items": map(of), "maxItems": MOST_SOURCES }),
        Takes::Named(of) => json!({
            "type": "object",
            "additionalProperties": map(of),
            "propertyNames": { "pattern": "^[A-Za-z0-9_-]{1,64}$" },
        }),
        Takes::Map(of) => map(of),
        Takes::Nothing => json!({ "type": ["object", "null"], "maxProperties": 0 }),
        Takes::Either(kinds) => {
            json!({ "anyOf": kinds.iter().map(value).collect::<Vec<_>>() })
        }
    }
}

fn text(of: &TextForm) -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "pattern": format!("^({})$|{VARIABLE}", of.pattern),
        "patternErrorMessage": format!("Write {}, such as `{}`.", of.what, of.example),
        "examples": [of.example],
    })
}

fn number(of: &Number) -> Value {
    let number = json!({
        "type": [if of.whole { "integer" } else { "number" }, "string"],
        "minimum": of.least,
        "pattern": VARIABLE,
        "patternErrorMessage": format!("Write {}, such as `{}`.", of.what, of.example),
    });
    match of.most {
        Some(most) => with(number, "maximum", most),
        None => number,
    }
}

/// Returns a default that is one value: a number or a text.
fn plain(text: &str) -> Option<Value> {
    if text.starts_with(['[', '{']) {
        return None;
    }
    Some(match text.parse::<serde_json::Number>() {
        Ok(number) => number.into(),
        Err(_) => text.into(),
    })
}

/// Returns a schema with one more key.
fn with(mut schema: Value, key: &str, value: impl Into<Value>) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value.into());
    }
    schema
}

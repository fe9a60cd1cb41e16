//! The writer of JSON Schemas (version 2020-12) from tables of keys. Editors complete and check a
//! file with its schema.

use serde_json::{Value, json};

use crate::key::{Key, KeyDefault, Map, NamedKind, Number, Takes, TextForm};

/// The version of JSON Schema, for the key `$schema`.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A writer of the schemas of one file.
#[derive(Clone, Copy, Debug)]
pub struct SchemaWriter {
    /// The pattern of texts that may stand for any single value; `None`: the file has no such
    /// texts.
    pub variable: Option<&'static str>,
}

impl SchemaWriter {
    /// Returns the schema of a map.
    #[must_use]
    pub fn map<N: NamedKind>(&self, map: &Map<N>) -> Value {
        let mut object = self.object(map.keys);
        if !map.about.is_empty() {
            object = with(object, "description", map.about);
        }
        if map.one_of {
            object = with(with(object, "minProperties", 1), "maxProperties", 1);
        }
        object
    }

    /// Returns the schema of a map that has these keys and no others. It has no `examples`: the
    /// YAML language server shows maps among them as `[object Object]`.
    #[must_use]
    pub fn object<'k, N: NamedKind>(&self, keys: impl IntoIterator<Item = &'k Key<N>>) -> Value {
        let keys: Vec<_> = keys.into_iter().collect();
        let object = json!({
            "type": "object",
            "properties": self.properties(keys.iter().copied()),
            "additionalProperties": false,
        });
        let required = keys.iter().filter(|key| key.is_required());
        let required: Vec<_> = required.map(|key| key.name).collect();
        match required.is_empty() {
            true => object,
            false => with(object, "required", required),
        }
    }

    /// Returns `properties` for these keys, each with the schema of its value and its meaning.
    #[must_use]
    pub fn properties<'k, N: NamedKind>(
        &self,
        keys: impl IntoIterator<Item = &'k Key<N>>,
    ) -> Value {
        let property = |key: &Key<N>| {
            let value = with(self.value(&key.takes), "description", key.about);
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
        Value::Object(keys.into_iter().map(property).collect())
    }

    fn value<N: NamedKind>(&self, takes: &Takes<N>) -> Value {
        match takes {
            Takes::Kind(kind) => refer(kind.name()),
            Takes::Text(of) => self.text(of),
            Takes::Word(words) => match self.variable {
                Some(variable) => {
                    json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": variable }] })
                }
                None => json!({ "enum": words }),
            },
            Takes::Number(of) => self.number(of),
            Takes::Texts(of) => {
                // A keyword applies only to values of its own type, so one schema can describe
                // both. Of several alternatives editors often guess the wrong one.
                let one = with(self.text(of), "type", vec!["string", "array"]);
                with(one, "items", self.text(of))
            }
            Takes::List { of, least } => {
                json!({ "type": "array", "items": self.text(of), "minItems": least })
            }
            Takes::Maps { of, most } => {
                json!({ "type": "array", "items": self.map(of), "maxItems": most })
            }
            Takes::Named { of, names } => json!({
                "type": "object",
                "additionalProperties": self.map(of),
                "propertyNames": { "pattern": format!("^{names}$") },
            }),
            Takes::Map(of) => self.map(of),
            Takes::Nothing => json!({ "type": ["object", "null"], "maxProperties": 0 }),
            Takes::Either(kinds) => {
                let kinds = kinds.iter().map(|kind| self.value(kind));
                json!({ "anyOf": kinds.collect::<Vec<_>>() })
            }
        }
    }

    fn text(&self, of: &TextForm) -> Value {
        let pattern = format!("^({})$", of.pattern);
        json!({
            "type": "string",
            "minLength": 1,
            "pattern": match self.variable {
                Some(variable) => format!("{pattern}|{variable}"),
                None => pattern,
            },
            "patternErrorMessage": format!("Write {}, such as `{}`.", of.what, of.example),
            "examples": [of.example],
        })
    }

    fn number(&self, of: &Number) -> Value {
        let kind = if of.whole { "integer" } else { "number" };
        let number = match self.variable {
            Some(variable) => json!({
                "type": [kind, "string"],
                "minimum": of.least,
                "pattern": variable,
                "patternErrorMessage": format!("Write {}, such as `{}`.", of.what, of.example),
            }),
            None => json!({ "type": kind, "minimum": of.least }),
        };
        match of.most {
            Some(most) => with(number, "maximum", most),
            None => number,
        }
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

/// Refers to a kind by its name under `$defs`.
#[must_use]
pub fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// Returns a schema with one more keyword.
#[must_use]
pub fn with(mut schema: Value, key: &str, value: impl Into<Value>) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value.into());
    }
    schema
}

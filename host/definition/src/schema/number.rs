//! Numbers, and CMP: what a number must be.

use serde_json::{Map, Value, json};

use super::object::with;
use super::{Kind, kind};
use crate::limits;
use crate::read::comparison::TABLE;
use crate::read::key::Key;

pub(super) fn kinds() -> Vec<Kind> {
    let bound = json!({ "anyOf": [kind("natural"), kind("event")] });
    let number = kind("number");
    vec![
        (
            "number".into(),
            json!({ "description": "A number.", "type": "number", "examples": [50] }),
        ),
        (
            "natural".into(),
            json!({ "description": "A whole number, 0 or more.", "type": "integer", "minimum": 0, "examples": [3] }),
        ),
        (
            "whole".into(),
            json!({
                "description": "A whole number, 1 or more.",
                "type": "integer",
                "minimum": 1,
                "maximum": u32::MAX,
                "examples": [3],
            }),
        ),
        (
            "percent".into(),
            json!({
                "description": "A share in percent.",
                "type": "number",
                "minimum": 0,
                "maximum": 100,
                "examples": [10],
            }),
        ),
        (
            "spans".into(),
            json!({
                "description": "A number of spans.",
                "type": "integer",
                "minimum": 1,
                "maximum": limits::SPANS,
                "examples": [4],
            }),
        ),
        (
            "flag".into(),
            json!({ "description": "`true` or `false`.", "type": "boolean", "examples": [true] }),
        ),
        (
            "true".into(),
            json!({ "description": "Always `true`.", "const": true, "examples": [true] }),
        ),
        ("range".into(), range(&number)),
        (
            "times".into(),
            comparison(
                "A count of events: a number (exactly that many), or a map of conditions that all hold, each on a number or on how often another event comes.",
                &kind("natural"),
                &bound,
            ),
        ),
        (
            "count".into(),
            comparison(
                "A count: a number (exactly that many), or a map of conditions that all hold.",
                &kind("natural"),
                &kind("natural"),
            ),
        ),
        (
            "comparison".into(),
            comparison(
                "What a number must be: a number (exactly that), or a map of conditions that all hold.",
                &number,
                &number,
            ),
        ),
    ]
}

fn comparison(about: &str, number: &Value, bound: &Value) -> Value {
    let condition = |key: &Key| {
        let value = match key.takes {
            "range" => range(number),
            _ => bound.clone(),
        };
        (key.name.to_owned(), with(value, "description", key.about))
    };
    let conditions: Map<_, _> = TABLE.iter().map(condition).collect();
    json!({
        "description": about,
        "anyOf": [
            number,
            {
                "type": "object",
                "properties": conditions,
                "additionalProperties": false,
                "minProperties": 1,
            },
        ],
        "examples": [3, { "at_least": 3 }, { "between": [2, 5] }],
    })
}

/// The lowest and the highest number.
fn range(number: &Value) -> Value {
    json!({
        "description": "The lowest and the highest number, both included.",
        "type": "array",
        "items": number,
        "minItems": 2,
        "maxItems": 2,
        "examples": [[2, 5]],
    })
}

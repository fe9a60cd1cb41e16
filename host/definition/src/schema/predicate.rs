//! What a property must hold.

use serde_json::{Value, json};

use super::object::{object, properties, with};
use super::{Kind, kind};
use crate::limits;
use crate::read::predicate;

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        (
            "scalar".into(),
            json!({
                "description": "A text, a number or a flag; the number 50 and the text \"50\" are the same.",
                "type": ["string", "number", "boolean"],
                "examples": ["Seattle"],
            }),
        ),
        ("values".into(), values(limits::VALUES)),
        ("elements".into(), values(limits::ELEMENTS)),
        (
            "same_as".into(),
            with(
                object(&predicate::SAME_AS.each_ref()),
                "examples",
                json!([{ "user": "city" }]),
            ),
        ),
        (
            "predicate".into(),
            json!({
                "description": "What a property must hold: a value (is), a list (is any of), or a map of operators that all hold.",
                "anyOf": [
                    kind("scalar"),
                    kind("values"),
                    {
                        "type": "object",
                        "properties": properties(&predicate::TABLE),
                        "additionalProperties": false,
                        "minProperties": 1,
                    },
                ],
                "examples": ["Seattle", ["USD", "EUR"], { "at_least": 50 }, { "set": false }],
            }),
        ),
        (
            "properties".into(),
            by_property(
                "Properties by their names, each with its predicate; all hold.",
                "predicate",
                &json!([{ "city": "Seattle", "amount": { "at_least": 50 } }]),
            ),
        ),
        (
            "alternatives".into(),
            json!({
                "description": "Maps of properties, of which at least one holds.",
                "type": "array",
                "items": kind("properties"),
                "minItems": 1,
                "maxItems": limits::ALTERNATIVES,
                "examples": [[{ "coupon": { "set": true } }, { "channel": "email" }]],
            }),
        ),
        (
            "numbers".into(),
            by_property(
                "Properties by their names, each with what the number must be; all hold.",
                "comparison",
                &json!([{ "amount": { "at_least": 100 } }]),
            ),
        ),
        (
            "counts".into(),
            by_property(
                "Properties by their names, each with how many values it must have; all hold.",
                "count",
                &json!([{ "sku": { "at_least": 3 } }]),
            ),
        ),
    ]
}

fn values(most: usize) -> Value {
    json!({
        "description": "Texts, numbers or flags.",
        "type": "array",
        "items": kind("scalar"),
        "minItems": 1,
        "maxItems": most,
        "examples": [["USD", "EUR"]],
    })
}

/// A map by the names of properties.
fn by_property(about: &str, what: &str, examples: &Value) -> Value {
    json!({
        "description": about,
        "type": "object",
        "propertyNames": { "minLength": 1, "maxLength": limits::NAME_BYTES },
        "additionalProperties": kind(what),
        "minProperties": 1,
        "maxProperties": limits::PROPERTIES,
        "examples": examples,
    })
}

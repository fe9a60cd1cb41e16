//! Schemas of predicates on properties.

use serde_json::{Value, json};

use super::object::either;
use super::{SchemaKind, WRITER, kind};
use crate::limits;
use crate::read::key::LanguageKind;
use crate::read::{comparison, predicate, version};

pub(super) fn kinds() -> Vec<SchemaKind> {
    vec![
        (LanguageKind::Scalar, scalar()),
        (LanguageKind::Values, values(limits::VALUES)),
        (LanguageKind::Elements, values(limits::ELEMENTS)),
        (
            LanguageKind::Version,
            either(
                "A version, or a map of conditions that all hold; in quotes, as 1.10 is the number 1.1.",
                json!([{ "at_least": "1.10.0" }]),
                &[version_text(), version_conditions()],
            ),
        ),
        (
            LanguageKind::Case,
            json!({
                "description": "Case counts.",
                "const": "exact",
                "examples": ["exact"],
            }),
        ),
        (LanguageKind::SameAs, WRITER.map(&predicate::SAME_AS)),
        (
            LanguageKind::Predicate,
            either(
                "A predicate on a property: a value (is), a list (is any of), or a map of operators that all hold.",
                json!(["Seattle", ["USD", "EUR"]]),
                &[scalar(), values(limits::VALUES), operators()],
            ),
        ),
        (
            LanguageKind::Properties,
            by_property(
                "Properties by their names, each with its predicate; all hold: `{city: Seattle, amount: {at_least: 50}}`.",
                LanguageKind::Predicate,
            ),
        ),
        (
            LanguageKind::Alternatives,
            json!({
                "description": "Maps of properties, of which at least one holds.",
                "type": "array",
                "items": kind(LanguageKind::Properties),
                "minItems": 1,
                "maxItems": limits::ALTERNATIVES,
                "examples": [[{ "coupon": { "set": true } }, { "channel": "email" }]],
            }),
        ),
        (
            LanguageKind::Numbers,
            by_property(
                "Properties by their names, each with a condition on the number; all hold: `{amount: {at_least: 100}}`.",
                LanguageKind::Comparison,
            ),
        ),
        (
            LanguageKind::Counts,
            by_property(
                "Properties by their names, each with a condition on the number of values; all hold: `{sku: {at_least: 3}}`.",
                LanguageKind::Count,
            ),
        ),
    ]
}

fn scalar() -> Value {
    json!({
        "description": "A text, a number or a flag; the number 50 and the text \"50\" are the same.",
        "type": ["string", "number", "boolean"],
        "examples": ["Seattle"],
    })
}

fn version_text() -> Value {
    json!({
        "type": "string",
        "pattern": r"^[vV]?[0-9]+(\.[0-9]+)*(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$",
        "maxLength": version::VERSION_BYTES,
        "patternErrorMessage": version::EXAMPLE,
    })
}

fn version_conditions() -> Value {
    let two = json!({
        "type": "array",
        "items": version_text(),
        "minItems": 2,
        "maxItems": 2,
    });
    let of_key = |key: &str| match key {
        "between" => two.clone(),
        _ => version_text(),
    };
    let about = comparison::TABLE
        .iter()
        .map(|key| (key.name.to_owned(), of_key(key.name)));
    json!({
        "type": "object",
        "properties": about.collect::<serde_json::Map<_, _>>(),
        "additionalProperties": false,
        "minProperties": 1,
    })
}

fn operators() -> Value {
    json!({
        "type": "object",
        "properties": WRITER.properties(&predicate::TABLE),
        "additionalProperties": false,
        "minProperties": 1,
    })
}

fn values(most: usize) -> Value {
    json!({
        "description": "Texts, numbers or flags.",
        "type": "array",
        "items": kind(LanguageKind::Scalar),
        "minItems": 1,
        "maxItems": most,
        "examples": [["USD", "EUR"]],
    })
}

/// Returns the schema of a map whose keys are names of properties.
fn by_property(about: &str, what: LanguageKind) -> Value {
    json!({
        "description": about,
        "type": "object",
        "propertyNames": { "minLength": 1, "maxLength": limits::NAME_BYTES },
        "additionalProperties": kind(what),
        "minProperties": 1,
        "maxProperties": limits::PROPERTIES,
    })
}

//! Schemas of numbers, and of CMP: conditions on a number.

use muster_document::Takes;
use muster_document::schema::with;
use serde_json::{Value, json};

use super::event::event;
use super::object::either;
use super::{SchemaKind, kind};
use crate::limits;
use crate::read::comparison::TABLE;
use crate::read::key::{LanguageKey, LanguageKind};

pub(super) fn kinds() -> Vec<SchemaKind> {
    let number = json!({ "description": "A number.", "type": "number", "examples": [50] });
    let natural = json!({
        "description": "A whole number, 0 or more.",
        "type": "integer",
        "minimum": 0,
        "examples": [3],
    });
    let bound = either(
        "A whole number, or the number of another event.",
        json!([3]),
        &[natural.clone(), event()],
    );
    vec![
        (LanguageKind::Number, number.clone()),
        (LanguageKind::Natural, natural.clone()),
        (LanguageKind::NaturalOrEvent, bound),
        (
            LanguageKind::Whole,
            json!({
                "description": "A whole number, 1 or more.",
                "type": "integer",
                "minimum": 1,
                "maximum": u32::MAX,
                "examples": [3],
            }),
        ),
        (
            LanguageKind::Percent,
            json!({
                "description": "A share in percent.",
                "type": "number",
                "minimum": 0,
                "maximum": 100,
                "examples": [10],
            }),
        ),
        (
            LanguageKind::Spans,
            json!({
                "description": "A number of spans.",
                "type": "integer",
                "minimum": 1,
                "maximum": limits::SPANS,
                "examples": [4],
            }),
        ),
        (
            LanguageKind::Flag,
            json!({ "description": "`true` or `false`.", "type": "boolean", "examples": [true] }),
        ),
        (
            LanguageKind::True,
            json!({ "description": "Always `true`.", "const": true, "examples": [true] }),
        ),
        (LanguageKind::Range, range(LanguageKind::Number)),
        (
            LanguageKind::Times,
            comparison(
                "A count of events: a number (exactly that many), or a map of conditions that all hold, each with a number or with the number of another event.",
                &natural,
                LanguageKind::Natural,
                LanguageKind::NaturalOrEvent,
            ),
        ),
        (
            LanguageKind::Count,
            comparison(
                "A count: a number (exactly that many), or a map of conditions that all hold.",
                &natural,
                LanguageKind::Natural,
                LanguageKind::Natural,
            ),
        ),
        (
            LanguageKind::Comparison,
            comparison(
                "A condition on a number: a number (exactly that), or a map of conditions that all hold.",
                &number,
                LanguageKind::Number,
                LanguageKind::Number,
            ),
        ),
    ]
}

/// Returns the schema of a number or of conditions on it. `ranged` is the kind of the numbers in a
/// range, `bound` that of the other bounds.
fn comparison(about: &str, number: &Value, ranged: LanguageKind, bound: LanguageKind) -> Value {
    let condition = |key: &LanguageKey| {
        let value = match key.takes {
            Takes::Kind(LanguageKind::Range) => range(ranged),
            _ => kind(bound),
        };
        (key.name.to_owned(), with(value, "description", key.about))
    };
    let conditions = Value::Object(TABLE.iter().map(condition).collect());
    let map = json!({
        "type": "object",
        "properties": conditions,
        "additionalProperties": false,
        "minProperties": 1,
    });
    let examples = json!([3]);
    either(about, examples, &[number.clone(), map])
}

/// Returns the schema of a range: the lowest and the highest number.
fn range(number: LanguageKind) -> Value {
    json!({
        "description": "The lowest and the highest number, both included.",
        "type": "array",
        "items": kind(number),
        "minItems": 2,
        "maxItems": 2,
        "examples": [[2, 5]],
    })
}

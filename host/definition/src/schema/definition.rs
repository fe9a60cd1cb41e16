//! The schema of a definition's top level.

use serde_json::{Value, json};

use super::object::{at_most_one, either, has};
use super::text::name;
use super::{SchemaKind, WRITER, kind};
use crate::limits;
use crate::read::key::LanguageKind;
use crate::read::{body, cadence, definition as top, on_remove, sync};

/// Returns the schema of a whole definition, apart from `$defs`.
pub(super) fn definition() -> Value {
    let who: Vec<_> = body::KEYS.iter().map(|key| has(&[key])).collect();
    json!({
        "title": "Cohort definition",
        "description": "A cohort: its name, its cadence, its destinations and its condition for membership.",
        "type": "object",
        "properties": WRITER.properties(top::TABLE.iter().chain(&body::TABLE)),
        "anyOf": who,
        "allOf": at_most_one(&body::KEYS),
        "additionalProperties": false,
        "examples": [{
            "name": "Big spenders in Seattle",
            "cadence": "hourly",
            "sync": [{ "to": "growth", "user_properties": ["city"] }],
            "where": {
                "all": [
                    {
                        "did": "Purchase",
                        "with": { "amount": { "at_least": 50 } },
                        "times": { "at_least": 3 },
                        "in_last": "30 days",
                    },
                    { "user": { "city": "Seattle" } },
                ],
            },
        }],
    })
}

pub(super) fn kinds() -> Vec<SchemaKind> {
    vec![
        (
            LanguageKind::Cadence,
            json!({
                "description": "The cadence at which membership is computed: once a day, once an hour, or as events arrive and answers expire.",
                "anyOf": [
                    { "enum": cadence::WORDS },
                    WRITER.map(&cadence::TABLE),
                ],
                "examples": ["hourly"],
            }),
        ),
        (
            LanguageKind::Sync,
            json!({
                "description": "Destinations, each by its name or as a map.",
                "type": "array",
                "items": kind(LanguageKind::Destination),
                "maxItems": limits::DESTINATIONS,
                "uniqueItems": true,
                "examples": [["crm", { "to": "growth", "user_properties": ["city"] }]],
            }),
        ),
        (
            LanguageKind::OnRemove,
            json!({
                "description": "`keep`: nothing is sent; `exit`: every member is sent as an exit.",
                "enum": on_remove::WORDS,
                "examples": ["exit"],
            }),
        ),
        (
            LanguageKind::Destination,
            either(
                "A destination's name in muster.yaml, or a map with more settings.",
                json!(["growth"]),
                &[name("A destination's name.", &[]), WRITER.map(&sync::TABLE)],
            ),
        ),
        (
            LanguageKind::UserProperties,
            json!({
                "description": "Names of user properties.",
                "type": "array",
                "items": kind(LanguageKind::Property),
                "maxItems": limits::SYNCED_PROPERTIES,
                "uniqueItems": true,
                "examples": [["city"]],
            }),
        ),
    ]
}

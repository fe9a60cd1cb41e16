//! Schemas of names and other texts.

use muster_model::CohortId;
use serde_json::{Value, json};

use super::SchemaKind;
use crate::limits;
use crate::read::body;
use crate::read::key::LanguageKind;

pub(super) fn kinds() -> Vec<SchemaKind> {
    let id = format!("^[A-Za-z0-9_-]{{1,{}}}$", CohortId::MAX_LENGTH);
    vec![
        (
            LanguageKind::Id,
            json!({
                "description": "A cohort's id: letters A to Z, digits, `_` and `-`.",
                "type": "string",
                "pattern": id,
                "patternErrorMessage": "An id is 1 to 64 letters A to Z, digits, `_` or `-`.",
                "examples": ["big-spenders"],
            }),
        ),
        (LanguageKind::Name, name("A name: one line.", &["growth"])),
        (
            LanguageKind::Property,
            name("A property's name.", &["cart_id", "city"]),
        ),
        (
            LanguageKind::Text,
            json!({ "description": "A text.", "type": "string", "examples": ["Bought lately."] }),
        ),
        (
            LanguageKind::TimeZone,
            json!({
                "description": "A time zone by its name in the IANA database.",
                "type": "string",
                "patternErrorMessage": "Write a name of the IANA database, such as `Europe/Berlin` or `UTC`.",
                "pattern": "^[A-Za-z][A-Za-z0-9_+/-]*$",
                "examples": ["America/Los_Angeles", "Europe/Berlin", "UTC"],
            }),
        ),
        (
            LanguageKind::Rule,
            path("The path of a module.", &body::MODULE, "./vip.wasm"),
        ),
        (
            LanguageKind::Members,
            path(
                "The path of a list of user ids.",
                &body::MEMBERS,
                "./vip.csv",
            ),
        ),
    ]
}

/// Returns the schema of a text that can be a name. The reader's limit is in bytes; a character has
/// at least one byte.
pub(super) fn name(about: &str, examples: &[&str]) -> Value {
    json!({
        "description": about,
        "type": "string",
        "minLength": 1,
        "maxLength": limits::NAME_BYTES,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
        "patternErrorMessage": "A name is one line of printable characters.",
        "examples": examples,
    })
}

fn path(about: &str, file: &body::NamedFile, example: &str) -> Value {
    let endings: Vec<_> = file
        .endings
        .iter()
        .map(|ending| ending.replace('.', r"\."))
        .collect();
    json!({
        "description": about,
        "type": "string",
        "minLength": 1,
        "maxLength": limits::NAME_BYTES,
        "pattern": format!("({})$", endings.join("|")),
        "patternErrorMessage": file.help,
        "examples": [example],
    })
}

//! The language as a JSON Schema (version 2020-12). Editors use it to complete and check a
//! definition while it is written.
//!
//! The schema is made from the reader's tables of keys and its limits, so both know the same
//! language. The schema checks less than the reader. It cannot say that a date exists in the
//! calendar, how many clauses there are, or that another cohort exists; `muster check` says so. The
//! reader refuses everything that the schema refuses, except instants in ISO 8601 that RFC 3339
//! does not allow.

mod clause;
mod definition;
mod event;
mod number;
mod object;
mod predicate;
mod text;
mod time;
mod user;

use muster_document::NamedKind;
use muster_document::schema::{DIALECT, SchemaWriter, refer, with};
use serde_json::Value;

use self::definition::definition;
use crate::read::key::LanguageKind;

/// The writer of schemas from tables. A definition has no variables.
const WRITER: SchemaWriter = SchemaWriter { variable: None };

/// Returns the JSON Schema of cohort definitions, as the text of a file.
#[must_use]
pub fn schema() -> String {
    let kinds = text::kinds()
        .into_iter()
        .chain(time::kinds())
        .chain(number::kinds())
        .chain(predicate::kinds())
        .chain(event::kinds())
        .chain(user::kinds())
        .chain(definition::kinds())
        .chain(clause::kinds());
    let kinds = kinds.map(|(kind, schema)| (kind.name().to_owned(), schema));
    let kinds = Value::Object(kinds.chain(clause::subjects()).collect());
    let schema = with(with(definition(), "$defs", kinds), "$schema", DIALECT);
    format!("{schema:#}\n")
}

/// A kind of value and its schema.
type SchemaKind = (LanguageKind, Value);

/// Refers to the schema of a kind.
fn kind(kind: LanguageKind) -> Value {
    refer(kind.name())
}

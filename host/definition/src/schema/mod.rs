//! The language as a JSON Schema (draft 2020-12), for editors: they complete a definition and check
//! it while it is written.
//!
//! It is made from the tables of keys and the limits that the reader has, so that both know the
//! same language. It is the coarser of the two: what it cannot say (whether a date is one of the
//! calendar, how many clauses there are, whether another cohort is there) is left to `muster
//! check`. What it refuses, the reader refuses too, but for instants that are written as ISO 8601
//! has them and RFC 3339 has not.

mod clause;
mod definition;
mod event;
mod number;
mod object;
mod predicate;
mod text;
mod time;
mod user;

use std::borrow::Cow;

use serde_json::{Value, json};

use self::definition::definition;
use self::object::with;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The JSON Schema of cohort definitions, as the text of a file.
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
    let kinds = kinds.map(|(name, kind)| (name.into_owned(), kind));
    let kinds = Value::Object(kinds.collect());
    let schema = with(with(definition(), "$defs", kinds), "$schema", DRAFT);
    format!("{schema:#}\n")
}

/// A kind of value and its name under `$defs`.
type SchemaKind = (Cow<'static, str>, Value);

/// A kind by its name under `$defs`.
fn kind(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

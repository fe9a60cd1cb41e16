//! Checks between the definitions of a project.

use std::collections::BTreeMap;

use muster_document::{Diagnostic, Diagnostics, quote};

use crate::Definition;

/// Reports each definition that has the id of an earlier one, with the places of both.
#[must_use]
pub fn duplicate_ids(definitions: &[Definition]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut known = BTreeMap::new();
    for definition in definitions {
        let Some(first) = known.get(&definition.id) else {
            known.insert(&definition.id, definition);
            continue;
        };
        let error = Diagnostic::error(format!(
            "two cohorts have the id {}",
            quote(definition.id.as_str())
        ));
        let error = mark(mark(error, definition), first);
        let help = match definition.spans.id {
            Some(_) => "give one of them another `id`",
            None => "give one of them an `id`: without it the file's name is the id",
        };
        diagnostics.push(error.help(help));
    }
    diagnostics
}

fn mark(error: Diagnostic, definition: &Definition) -> Diagnostic {
    match definition.spans.id {
        Some(span) => error.at(&definition.source, span, ""),
        None => error.in_file(&definition.source),
    }
}

//! Definitions and clauses from their text.

use muster_definition::{Body, Clause, Definition, parse};
use muster_document::SourceFile;

/// Returns the definition in a file with this path and text.
pub fn definition(path: &str, text: &str) -> Definition {
    match parse(&SourceFile::new(path, text)) {
        Ok(definition) => definition,
        Err(diagnostics) => panic!("{diagnostics}\n\n{text}"),
    }
}

/// Returns the clause of a definition that is `where:` and this text.
pub fn clause(text: &str) -> Clause {
    match definition("cohorts/a.yaml", &format!("where: {text}")).body {
        Body::Where(clause) => clause,
        Body::Rule(path) | Body::Members(path) => panic!("{path} is no clause"),
    }
}

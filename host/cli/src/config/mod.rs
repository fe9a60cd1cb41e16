//! The reader of `muster.yaml`: sources, destinations and settings of the service.
//!
//! The keys are tables ([`muster_document::Map`]), one in each file that reads them. [`schema`] and
//! [`reference`] are made from the same tables. Values of environment variables are inserted
//! between parsing and reading ([`variables`]).

mod destination;
mod form;
mod guard;
mod kinesis;
mod operations;
mod outline;
mod project;
mod read;
mod reference;
mod schema;
mod source;
#[cfg(test)]
mod tests;
mod variables;

use muster_document::{Diagnostic, Diagnostics, SourceFile};

pub(crate) use outline::ProjectOutline;
pub(crate) use project::{COHORTS, Config};
pub(crate) use reference::reference;
pub(crate) use schema::schema;
pub(crate) use source::{MAX_MALFORMED, SourceConfig};
pub(crate) use variables::Lookup;

/// The file's name in a project's folder.
pub(crate) const FILE: &str = "muster.yaml";

/// The schema's name in a project's folder.
pub(crate) const SCHEMA_FILE: &str = "muster.schema.json";

/// Returns the value of an environment variable of this process.
pub(crate) fn environment(name: &str) -> Result<String, std::env::VarError> {
    std::env::var(name)
}

/// Returns the error that a file of the project cannot be read.
pub(crate) fn unreadable(source: &SourceFile, why: impl std::fmt::Display) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(Diagnostic::error(format!("cannot be read: {why}")).in_file(source));
    diagnostics
}

//! `muster.yaml`: where events come from, where updates go, and how the service is run.
//!
//! The keys are tables ([`key`]), one in each file that reads them; [`schema`] and [`reference`]
//! are made of the same tables. Values of environment variables are put in between parsing and
//! reading ([`variables`]).

mod destination;
mod guard;
mod key;
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

use muster_definition::{Diagnostic, Diagnostics, SourceFile};

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

/// The variables of this process, for the values of the file.
pub(crate) fn environment(name: &str) -> Result<String, std::env::VarError> {
    std::env::var(name)
}

/// An error about a file of the project, as text.
pub(crate) fn unreadable(source: &SourceFile, why: impl std::fmt::Display) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(Diagnostic::error(format!("cannot be read: {why}")).in_file(source));
    diagnostics
}

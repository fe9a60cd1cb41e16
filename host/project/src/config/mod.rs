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
mod rules;
mod schema;
mod source;
#[cfg(test)]
mod tests;
mod variables;

pub use operations::OperationsServer;
pub use outline::ProjectOutline;
pub use project::{COHORTS, Config};
pub use reference::reference;
pub use schema::schema;
pub use source::{FilesSource, HttpSource, MAX_MALFORMED, SourceConfig};
pub use variables::Lookup;

/// The file's name in a project's folder.
pub const FILE: &str = "muster.yaml";

/// The schema's name in a project's folder.
pub const SCHEMA_FILE: &str = "muster.schema.json";

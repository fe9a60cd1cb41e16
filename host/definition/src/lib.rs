//! The cohort language: reads a file in YAML or JSON to typed clauses, and defines the meaning of
//! the clauses.
//!
//! - [`parse`] reads a definition. It returns all errors of the file at once, each with its place,
//!   the text there and a help line ([`Diagnostics`]).
//! - [`Clause`] is the language as data. [`interpreter`] is its meaning: short, obvious and slow.
//!   Tests compare the compiler with it.
//! - [`schema`] is the same language for editors, as a JSON Schema made from the reader's own
//!   tables and limits.
//! - [`format()`] writes a definition in the standard layout and keeps its comments.
//!
//! `muster_document` reads the YAML and renders the diagnostics.
//!
//! This crate does no I/O and knows no project. The caller finds and reads the files and gives each
//! a unique id ([`duplicate_ids`]). The caller then replaces references to other cohorts by their
//! clauses ([`link`]), and checks destinations and modules. [`limits`] holds the limits of a file.
//!
//! ```
//! use std::collections::BTreeMap;
//! use muster_definition::{Body, interpreter, parse};
//! use muster_document::SourceFile;
//! use muster_model::{Event, Millis, UserHistory};
//!
//! let text = "where: {did: Purchase, times: {at_least: 1}, in_last: 1 hour}";
//! let definition = parse(&SourceFile::new("cohorts/buyers.yaml", text))?;
//! assert_eq!(definition.id.as_str(), "buyers");
//!
//! let purchase = Event {
//!     name: "Purchase".into(),
//!     time: Millis(5_000),
//!     properties: BTreeMap::new(),
//! };
//! let history = UserHistory { events: vec![purchase], ..UserHistory::default() };
//! let Body::Where(clause) = &definition.body else { unreachable!() };
//! let answer = interpreter::evaluate(clause, &history, Millis(10_000));
//! assert!(answer.member);
//! assert_eq!(answer.until, Some(Millis(5_000 + 3_600_000)));
//!
//! let text = "where: {did: Purchase, in_last: 30 dayz}";
//! let typo = parse(&SourceFile::new("cohorts/buyers.yaml", text)).unwrap_err();
//! assert!(typo.to_string().contains("did you mean `30 days`?"));
//! # Ok::<(), muster_document::Diagnostics>(())
//! ```

mod across;
mod clause;
mod definition;
mod format;
mod identity;
pub mod interpreter;
pub mod limits;
mod link;
mod lookback;
mod members;
mod pattern;
mod read;
mod reads;
mod schema;
mod show;

use muster_document::{Diagnostics, SourceFile};

pub use across::duplicate_ids;
pub use clause::{
    Aggregate, Bound, Clause, Comparison, Condition, Did, DidInOrder, Duration, End, EventName,
    InAnyOrder, InstantBound, InstantTest, Length, Measure, NumberOf, Predicate, Properties,
    Relation, RelationKind, Sample, Start, Step, Test, TimeZoneName, Unit, UserClause, When,
    Window, Without,
};
pub use definition::{Body, Definition, DefinitionSpans, OnRemove, Sync};
pub use format::format;
pub use identity::identity;
pub use link::link;
pub use lookback::{Lookback, lookback};
pub use members::{MemberList, members};
pub use muster_model::{Cadence, TimeOfDay};
pub use pattern::{LetterCase, Pattern, PatternKind};
pub use read::{read_clause, read_duration, time_zone};
pub use reads::DefinitionReads;
pub use schema::schema;
pub use show::text::{duration as yaml_duration, quoted as yaml_text, value as yaml_value};

/// Reads a cohort definition, YAML or JSON, of a project whose time zone is UTC.
///
/// # Errors
/// Returns all errors of the file at once.
pub fn parse(source: &SourceFile) -> Result<Definition, Diagnostics> {
    parse_in(source, &TimeZoneName::utc())
}

/// Reads a cohort definition, YAML or JSON. `time_zone` applies if the definition names none.
///
/// # Errors
/// Returns all errors of the file at once.
pub fn parse_in(source: &SourceFile, time_zone: &TimeZoneName) -> Result<Definition, Diagnostics> {
    read::definition(source, time_zone)
}

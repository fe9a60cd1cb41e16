//! From a file's tree to a checked definition: one file a part of the language.

mod cadence;
mod clause;
mod comparison;
mod definition;
mod duration;
mod not_yet;
mod part;
mod predicate;
mod sync;

pub(crate) use definition::definition;
pub use part::{read_clause, read_duration};

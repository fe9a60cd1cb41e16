//! From a file's tree to a checked definition: one file a part of the language.

mod cadence;
mod clause;
mod comparison;
mod definition;
mod duration;
mod not_yet;
mod predicate;
mod sync;

pub(crate) use definition::definition;

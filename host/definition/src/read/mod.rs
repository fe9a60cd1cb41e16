//! Reads a file's tree to a checked definition; each file here reads one part of the language.

pub(crate) mod body;
pub(crate) mod cadence;
pub(crate) mod clause;
pub(crate) mod comparison;
mod contradiction;
pub(crate) mod definition;
pub(crate) mod did;
pub(crate) mod duration;
pub(crate) mod each;
pub(crate) mod first_seen;
pub(crate) mod instant;
pub(crate) mod key;
pub(crate) mod measure;
pub(crate) mod on_remove;
pub(crate) mod order;
mod part;
mod pattern;
pub(crate) mod predicate;
mod properties;
pub(crate) mod regularly;
pub(crate) mod relation;
pub(crate) mod sample;
pub(crate) mod step;
pub(crate) mod sync;
mod time_zone;
pub(crate) mod user;
pub(crate) mod version;
pub(crate) mod window;
pub(crate) mod without;
mod words;

pub(crate) use definition::definition;
pub use part::{read_clause, read_duration};
pub use time_zone::time_zone;

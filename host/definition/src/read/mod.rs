//! From a file's tree to a checked definition: one file a part of the language.

mod body;
mod cadence;
mod clause;
mod comparison;
mod definition;
mod did;
mod duration;
mod each;
mod first_seen;
mod instant;
mod measure;
mod order;
mod part;
mod pattern;
mod predicate;
mod properties;
mod regularly;
mod sample;
mod step;
mod sync;
mod time_zone;
mod user;
mod window;
mod words;

pub(crate) use definition::definition;
pub use part::{read_clause, read_duration};
pub use time_zone::time_zone;

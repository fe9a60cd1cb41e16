//! Files of events: finds them by pattern, unpacks them, cuts them into lines, decodes and imports
//! them once.

mod archive;
mod chunks;
mod content_hash;
mod decoded;
mod find;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod import;
mod import_target;
mod note;
mod open;
#[cfg(test)]
mod tests;
mod unpack;
mod watch;

pub use find::{FindError, find_files};
#[cfg(feature = "fuzzing")]
pub use fuzzing::open_file;
pub use import::{ImportOptions, ImportProgress, import_file, is_imported};
pub use watch::{FilesError, FilesSettings, run_files};

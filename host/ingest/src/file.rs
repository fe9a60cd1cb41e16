//! Files of events: finds them by pattern, unpacks them, cuts them into lines, decodes and imports
//! them once.

mod chunks;
mod compression;
mod decoded;
mod find;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod import;
mod import_target;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use compression::Compression;
pub use find::{FindError, find_files};
#[cfg(feature = "fuzzing")]
pub use fuzzing::open_file;
pub use import::{ImportOptions, ImportProgress, import_file, is_imported};
pub use watch::{FilesError, FilesSettings, run_files};

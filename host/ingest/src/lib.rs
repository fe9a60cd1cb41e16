//! Reads events into the store: files of JSON lines in the vendor's export format, HTTP requests of
//! the vendor's SDKs, and Kinesis streams.
//!
//! [`decode_lines`] decodes lines into events and identify operations, and gives a reason for each
//! line that is neither. [`import_file`] imports one file (plain, gzip, zstd or zip, recognised by
//! its content). A content is imported once, whole or not at all, and an interrupted import
//! continues from what the store has. [`http`] is a server that answers after events are on disk.
//! [`kinesis`] reads all shards of a stream. The sources [`run_files`], [`http::run_http`] and
//! [`kinesis::run_kinesis`] run until they are cancelled.
//!
//! This crate does not know cohorts, prints nothing and reads no environment. It keeps no state of
//! its own: the store keeps a source's position in the same commit as its rows. CSV and Parquet are
//! not read yet; they would become files beside `decode`. An event with only a device id is counted
//! and skipped, because devices are not joined to users yet.
//!
//! Limits: [`limits`] and [`http::limits`]. An import holds at most 2 × threads + 2 chunks in
//! memory (1 MiB each, and about twice that decoded), however large the file is.
//!
//! `serde_json` reads JSON straight into the buffer, without a tree in between. Measured on 200,000
//! lines of 400 bytes on one core: serde_json 1.6 M lines/s, sonic-rs 1.35 M (it must be compiled
//! for one kind of CPU), simd-json 0.9 M (it builds a tape first). Lines are short, so names and
//! values cost more time than finding them.

mod content;
mod decode;
mod error;
mod file;
pub mod http;
pub mod kinesis;
mod report;
mod stats;

pub use decode::{DecodeContext, LineError, Malformed, decode_lines, limits, property_of_field};
pub use error::ImportError;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use file::open_file;
pub use file::{
    FilesError, FilesSettings, FindError, ImportOptions, ImportProgress, find_files, import_file,
    is_imported, run_files,
};
pub use report::{FileChange, ImportReport, LineCounts};
pub use stats::SourceStats;

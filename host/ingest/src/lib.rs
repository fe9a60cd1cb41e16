//! Events in: files of JSON lines, as the vendor exports them, requests over HTTP, as its SDKs send
//! them, and Kinesis streams, decoded and handed to the store completely.
//!
//! What it is: a decoder of one line ([`decode_lines`]: events, identify operations, and every
//! reason why a line is neither), and an import of one file (plain, gzip or zstd, told by its
//! content) that happens once per content, all of it or nothing, and goes on after a crash where
//! the store had got to. [`http`] is a server that answers when events are on disk; [`kinesis`]
//! reads all shards of a stream. Sources that run ([`run_files`], [`http::run_http`],
//! [`kinesis::run_kinesis`]) do so until they are cancelled.
//!
//! What it is not: it does not know cohorts, keeps no state of its own (positions lie in the store,
//! in the same commit as the rows), prints nothing and reads no environment. CSV and Parquet are to
//! become files beside `decode`; an event with only a device id is counted and skipped until
//! devices are joined to users.
//!
//! Limits: [`limits`] and [`http::limits`]. The memory of an import is bounded by 2 × threads + 2
//! chunks (1 MiB each, and about twice that decoded), whatever the file's size.
//!
//! JSON is read by `serde_json` straight into the buffer, without a tree in between. Measured on
//! 200,000 lines of 400 bytes on one core: serde_json 1.6 M lines/s, sonic-rs 1.35 M (it wants to
//! be compiled for one kind of CPU), simd-json 0.9 M (it builds a tape first). Lines are short, and
//! most of the time goes into names and values, not into finding them.

mod decode;
mod error;
mod file;
pub mod http;
pub mod kinesis;
mod report;
mod stats;

pub use decode::{LineError, Malformed, decode_lines, limits};
pub use error::ImportError;
pub use file::{
    FilesError, FilesSettings, FindError, ImportOptions, ImportProgress, find_files, import_file,
    is_imported, run_files,
};
pub use report::{ImportReport, LineCounts};
pub use stats::SourceStats;

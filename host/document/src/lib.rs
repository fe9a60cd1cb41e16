//! Files that authors write, in YAML or JSON: read with places, and every fault reported at its
//! place.
//!
//! - [`YamlReader`] reads a file to a tree of [`Node`]s with their places. Its getters collect all
//!   faults of the file and go on.
//! - [`Diagnostic`] is one error or warning: a message, the marked places and help lines.
//!   [`Diagnostics`] are those of a file, which render as compilers render theirs.
//! - [`closest`] finds the word that the user most likely meant, and [`quote`] quotes the user.
//!
//! This crate knows no key of any file. Definitions, tests of definitions and `muster.yaml` are
//! read with it. It does no I/O: the caller reads the bytes ([`SourceFile::from_bytes`]).
//!
//! It is not a general YAML library. It refuses anchors, aliases, tags, several documents and keys
//! that are not plain values. A file of one page does not need them, and each of them lets an
//! author write what a reader does not expect. [`limits`] bounds the size and the depth of a file,
//! its names, and the diagnostics that are kept.
//!
//! ```
//! use muster_document::{SourceFile, YamlReader};
//! let text = "time_zone: Europe/Berlin\nclok: 2026-03-01T00:00:00Z\n";
//! let source = SourceFile::new("muster.yaml", text);
//! let mut reader = YamlReader::new(&source);
//! if let Some(root) = reader.load() {
//!     if let Some(fields) = reader.fields(&root, "a project", &["time_zone", "clock"]) {
//!         let zone = fields.get("time_zone").and_then(|node| reader.text(node, "a time zone"));
//!         assert_eq!(zone, Some("Europe/Berlin"));
//!     }
//! }
//! let diagnostics = reader.finish();
//! assert!(diagnostics.to_string().contains("did you mean `clock`?"));
//! ```

mod diagnostic;
pub mod limits;
mod suggest;
mod yaml;

pub use diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile, Span, quote};
pub use suggest::{closest, either, list};
pub use yaml::{Entry, Fields, Node, NodeContent, YamlReader};

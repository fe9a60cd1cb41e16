//! Files that authors write, in YAML or JSON: read with places, and every fault reported at its
//! place.
//!
//! - [`YamlReader`] reads a file to a tree of [`Node`]s with their places. Its getters collect all
//!   faults of the file and go on.
//! - [`Diagnostic`] is one error or warning: a message, the marked places and help lines.
//!   [`Diagnostics`] are those of a file, which render as compilers render theirs.
//! - [`Map`] is a table of keys. A file's reader ([`YamlReader::fields_of`]), its JSON Schema
//!   ([`schema`]), its reference page ([`reference()`]) and the help for unknown keys are made from
//!   the same tables.
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
//! use muster_document::schema::SchemaWriter;
//! use muster_document::{Key, KeyDefault, Map, SourceFile, Takes, TextForm, YamlReader, reference};
//!
//! const ZONE: TextForm = TextForm { what: "a time zone", example: "UTC", pattern: "[A-Za-z/]+" };
//! static PROJECT: Map = Map {
//!     heading: "The project",
//!     about: "The top level of the file.",
//!     ..Map::new(
//!         "a project",
//!         &[
//!             Key::needed("time_zone", Takes::Text(ZONE), "The time zone."),
//!             Key::new("guard", Takes::Word(&["on", "off"]), KeyDefault::Value("on"), "A guard."),
//!         ],
//!     )
//! };
//!
//! let source = SourceFile::new("muster.yaml", "time_zone: Europe/Berlin\ngard: off\n");
//! let mut reader = YamlReader::new(&source);
//! if let Some(root) = reader.load() {
//!     if let Some(fields) = reader.fields_of(&root, &PROJECT) {
//!         let zone = fields.get("time_zone").and_then(|node| reader.text(node, "a time zone"));
//!         assert_eq!(zone, Some("Europe/Berlin"));
//!     }
//! }
//! let diagnostics = reader.finish();
//! assert!(diagnostics.to_string().contains("did you mean `guard`?"));
//!
//! let schema = SchemaWriter { variable: None }.map(&PROJECT);
//! assert_eq!(schema["properties"]["guard"]["default"], "on");
//! let page = reference("# Settings", &PROJECT);
//! assert!(page.contains("| `guard` | `on`, `off` | `on` | A guard. |"));
//! ```

mod diagnostic;
mod key;
pub mod limits;
mod reference;
pub mod schema;
mod suggest;
mod yaml;

pub use diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile, Span, quote};
pub use key::{Key, KeyDefault, Map, NamedKind, NoKind, Number, Takes, TextForm, names};
pub use reference::reference;
pub use suggest::{closest, either, list};
pub use yaml::{Entry, Fields, Node, NodeContent, YamlReader};

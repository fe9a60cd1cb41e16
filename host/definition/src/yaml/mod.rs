//! YAML and JSON with places: a tree of nodes with spans, and a reader that reports all faults of a
//! file at once.
//!
//! The reader serves any file of Muster (cohort definitions here, `muster.yaml` in the binary). It
//! knows nothing of cohorts. It is not a general YAML library: it refuses anchors, aliases, tags
//! and keys that are not plain values. A file of one page does not need them, and each of them lets
//! an author write what a reader does not expect.
//!
//! ```
//! use muster_definition::{SourceFile, yaml::YamlReader};
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

mod load;
mod node;
mod positions;
mod reader;
mod suggest;

pub use node::{Entry, Node, NodeContent};
pub use reader::{Fields, YamlReader};
pub use suggest::{closest, either, list};

//! YAML and JSON with places: a tree of nodes with spans, and a reader that reports all faults of a
//! file at once.

mod load;
mod node;
mod positions;
mod reader;

pub use node::{Entry, Node, NodeContent};
pub use reader::{Fields, YamlReader};

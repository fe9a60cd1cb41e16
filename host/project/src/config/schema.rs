//! The JSON Schema of `muster.yaml` (version 2020-12), for editors. It is less strict than the
//! reader: the reader refuses every file that the schema refuses, and more. Any value may be a text
//! with a variable.

use muster_document::schema::{DIALECT, SchemaWriter, with};

use super::project::PROJECT;

/// The pattern of a text with a variable.
const VARIABLE: &str = r"\$\{";

/// Returns the JSON Schema of `muster.yaml`, as the text of a file.
pub fn schema() -> String {
    let writer = SchemaWriter {
        variable: Some(VARIABLE),
    };
    let schema = with(writer.map(&PROJECT), "$schema", DIALECT);
    let schema = with(schema, "title", "Muster project");
    format!("{schema:#}\n")
}

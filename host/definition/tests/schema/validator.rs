//! Validates definitions against the JSON Schema with a validator of another project.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use muster_document::{Node, NodeContent, SourceFile, YamlReader};
use serde_json::{Map, Value};

const PLACE: &str = "file:///cohort.schema.json";

static SCHEMA: LazyLock<(Schemas, SchemaIndex)> = LazyLock::new(|| compiled(""));

/// Compiles the part of the schema at a pointer. A schema that breaks the 2020-12 version of JSON
/// Schema fails here.
pub(crate) fn compiled(pointer: &str) -> (Schemas, SchemaIndex) {
    let schema = serde_json::from_str(&muster_definition::schema()).unwrap();
    let mut compiler = Compiler::new();
    let mut schemas = Schemas::new();
    compiler.add_resource(PLACE, schema).unwrap();
    let index = compiler
        .compile(&format!("{PLACE}#{pointer}"), &mut schemas)
        .unwrap_or_else(|error| panic!("{error:#}"));
    (schemas, index)
}

/// Returns the validator's message about a definition, or `None` if the definition is right.
pub(crate) fn fault(definition: &Value) -> Option<String> {
    let (schemas, index) = &*SCHEMA;
    let refused = schemas.validate(definition, *index).err();
    refused.map(|error| format!("{error}"))
}

/// Loads a file as an editor does. Returns `None` if the file is not YAML that a definition can be
/// written in.
pub(crate) fn load(path: &str, text: &str) -> Option<Value> {
    let source = SourceFile::new(path, text);
    let mut reader = YamlReader::new(&source);
    let root = reader.load()?;
    (!reader.finish().has_errors()).then(|| json(&root))
}

fn json(node: &Node) -> Value {
    match &node.content {
        NodeContent::Nothing => Value::Null,
        NodeContent::Flag(flag) => (*flag).into(),
        NodeContent::Number(number) => (*number).into(),
        NodeContent::Text(text) => (&**text).into(),
        NodeContent::List(items) => items.iter().map(json).collect(),
        NodeContent::Map(entries) => {
            let entries = entries
                .iter()
                .map(|entry| (entry.key.to_string(), json(&entry.value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

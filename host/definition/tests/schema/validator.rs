//! The JSON Schema in the hands of a validator that is not ours.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use muster_definition::SourceFile;
use muster_definition::yaml::{Node, NodeContent, YamlReader};
use serde_json::{Map, Value};

const PLACE: &str = "file:///cohort.schema.json";

static SCHEMA: LazyLock<(Schemas, SchemaIndex)> = LazyLock::new(|| compiled(""));

/// The schema of what is at a place in it; a schema that breaks draft 2020-12 fails here.
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

/// What the schema says against a definition; nothing, if it is right.
pub(crate) fn fault(definition: &Value) -> Option<String> {
    let (schemas, index) = &*SCHEMA;
    let refused = schemas.validate(definition, *index).err();
    refused.map(|error| format!("{error}"))
}

/// A file as an editor sees it; `None` if it is no YAML that a definition can be written in.
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

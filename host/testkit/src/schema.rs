//! A JSON Schema and the files that it accepts, with a validator of another project.

use boon::{Compiler, SchemaIndex, Schemas};
use muster_document::{Node, NodeContent, SourceFile, YamlReader};
use serde_json::{Map, Value};

const PLACE: &str = "file:///schema.json";

/// A compiled JSON Schema.
pub struct SchemaValidator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl SchemaValidator {
    /// Compiles a schema. A schema that breaks the 2020-12 version of JSON Schema fails here.
    pub fn new(schema: &str) -> Self {
        Self::of_part(schema, "")
    }

    /// Compiles the part of a schema at a pointer.
    pub fn of_part(schema: &str, pointer: &str) -> Self {
        let mut compiler = Compiler::new();
        let mut schemas = Schemas::new();
        let schema = serde_json::from_str(schema).unwrap();
        compiler.add_resource(PLACE, schema).unwrap();
        let index = compiler
            .compile(&format!("{PLACE}#{pointer}"), &mut schemas)
            .unwrap_or_else(|error| panic!("{error:#}"));
        Self { schemas, index }
    }

    /// Returns the validator's message about a value, or `None` if the schema accepts the value.
    pub fn fault(&self, value: &Value) -> Option<String> {
        let refused = self.schemas.validate(value, self.index).err();
        refused.map(|error| error.to_string())
    }
}

/// Loads a file as an editor does. Returns `None` if the file is not YAML that Muster reads.
pub fn load(path: &str, text: &str) -> Option<Value> {
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

//! Tests of the JSON Schema of definitions: it equals the file in docs, accepts what the reader
//! accepts, and refuses most of what the reader refuses.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use muster_definition::{parse, schema};
use muster_document::SourceFile;
use muster_testkit::schema::{SchemaValidator, load};
use serde_json::{Value, json};

use crate::validator::fault;

fn at_the_top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

#[test]
fn the_schema_equals_the_file_in_docs() {
    let path = at_the_top("docs/cohort.schema.json");
    let known = fs::read_to_string(path).unwrap_or_default();
    assert!(
        known == schema(),
        "docs/cohort.schema.json is not what the reader's tables make: `cargo xtask schema` writes it"
    );
}

/// Collects all values under a key, at any depth.
fn all<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get(key));
            map.values().for_each(|value| all(value, key, found));
        }
        Value::Array(items) => items.iter().for_each(|value| all(value, key, found)),
        _ => {}
    }
}

#[test]
fn every_kind_is_used_and_every_example_is_right() {
    let text = schema();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let kinds = schema["$defs"].as_object().unwrap();
    let mut used = Vec::new();
    all(&schema, "$ref", &mut used);
    let used: BTreeSet<_> = used
        .into_iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let known: Vec<_> = kinds.keys().map(|kind| format!("#/$defs/{kind}")).collect();
    assert!(used.iter().copied().eq(known.iter().map(String::as_str)));

    let places = kinds.keys().map(|kind| format!("/$defs/{kind}"));
    let mut examples = 0;
    for place in places.chain([String::new()]) {
        let validator = SchemaValidator::of_part(&text, &place);
        let given = schema.pointer(&place).unwrap().get("examples");
        for example in given.and_then(Value::as_array).into_iter().flatten() {
            examples += 1;
            assert_eq!(validator.fault(example), None, "{place}");
        }
    }
    assert!(examples > 35, "{examples}");
    // The whole definition among the examples is right for the reader, too.
    let text = schema["examples"][0].to_string();
    parse(&SourceFile::new("cohorts/a.json", &text)).unwrap();
}

/// Returns a value of a kind: its first example, or a map with the keys that it must have.
fn value(schema: &Value, kind: &Value) -> Value {
    if let Some(name) = kind["$ref"].as_str() {
        return value(schema, schema.pointer(&name[1..]).unwrap());
    }
    if let Some(first) = kind["anyOf"].get(0) {
        return value(schema, first);
    }
    if let Some(example) = kind["examples"].get(0) {
        return example.clone();
    }
    let Some(properties) = kind["properties"].as_object() else {
        return json!({ "city": value(schema, &kind["additionalProperties"]) });
    };
    let needed: Vec<_> = match kind["required"].as_array() {
        Some(needed) => needed.iter().map(|key| key.as_str().unwrap()).collect(),
        None => properties.keys().map(String::as_str).take(1).collect(),
    };
    let entry = |key: &str| (key.to_owned(), value(schema, &properties[key]));
    Value::Object(needed.into_iter().map(entry).collect())
}

/// Checks any two keys of a clause, each with a value of its kind: the schema lets them stand
/// together if the reader does.
#[test]
fn keys_stand_together_as_in_the_reader() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let mut pairs = 0;
    for clause in schema["$defs"]["clause"]["anyOf"].as_array().unwrap() {
        let clause = schema
            .pointer(&clause["$ref"].as_str().unwrap()[1..])
            .unwrap();
        let subject = clause["required"][0].as_str().unwrap();
        let keys = clause["properties"].as_object().unwrap();
        for (first, one) in keys {
            for (second, other) in keys {
                let mut inside = serde_json::Map::new();
                for (key, property) in [(subject, &keys[subject]), (first, one), (second, other)] {
                    inside.insert(key.to_owned(), value(&schema, property));
                }
                let definition = json!({ "where": inside });
                let text = definition.to_string();
                let read = parse(&SourceFile::new("cohorts/a.json", &text));
                assert_eq!(read.is_ok(), fault(&definition).is_none(), "{text}");
                pairs += 1;
            }
        }
    }
    assert!(pairs > 700, "{pairs}");
}

/// Collects the definitions below a folder.
fn definitions(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        let name = path.to_str().unwrap();
        if path.is_dir() {
            definitions(&path, found);
        } else if name.contains("/cohorts/")
            && name.ends_with(".yaml")
            && !name.ends_with(".test.yaml")
        {
            found.push(path);
        }
    }
}

#[test]
fn definitions_of_the_repository_are_right() {
    let mut paths = vec![at_the_top("host/cli/templates/loyal.yaml")];
    definitions(&at_the_top("examples"), &mut paths);
    assert!(paths.len() >= 7);
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            fault(&load("a.yaml", &text).unwrap()),
            None,
            "{}",
            path.display()
        );
    }
}

/// Splits a definition of several clauses or properties into one definition each: a fault in one
/// says nothing about the others.
fn taken_apart(definition: &Value) -> Vec<Value> {
    let alone = |at: &str, value: Value| {
        let mut one = definition.clone();
        *one.pointer_mut(at).unwrap() = value;
        one
    };
    for at in ["/where/any", "/where/all"] {
        if let Some(clauses) = definition.pointer(at).and_then(Value::as_array) {
            return clauses
                .iter()
                .map(|clause| alone("/where", clause.clone()))
                .collect();
        }
    }
    match definition.pointer("/where/user").and_then(Value::as_object) {
        Some(properties) => {
            let one =
                |(name, value): (&String, &Value)| alone("/where/user", json!({ name: value }));
            properties.iter().map(one).collect()
        }
        None => vec![definition.clone()],
    }
}

#[test]
fn the_schema_refuses_most_that_the_reader_refuses() {
    let mut paths: Vec<_> = fs::read_dir(at_the_top("host/definition/tests/wrong"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let (mut refused, mut unseen) = (0, String::new());
    for path in paths {
        let Some(whole) = load(
            path.to_str().unwrap(),
            &fs::read_to_string(&path).unwrap_or_default(),
        ) else {
            continue;
        };
        for definition in taken_apart(&whole) {
            let text = definition.to_string();
            let fault = fault(&definition);
            match (parse(&SourceFile::new("cohorts/a.json", &text)), fault) {
                (Err(_), Some(_)) => refused += 1,
                (Err(_), None) => {
                    let name = path.file_stem().unwrap().to_str().unwrap();
                    let start: String = text.chars().take(110).collect();
                    unseen.push_str(&format!("{name}: {start}\n"));
                }
                (Ok(_), None) => {}
                (Ok(_), Some(fault)) => panic!("{}: {text}\n{fault}", path.display()),
            }
        }
    }
    assert!(refused > 150, "{refused}");
    insta::assert_snapshot!("unseen", unseen);
}

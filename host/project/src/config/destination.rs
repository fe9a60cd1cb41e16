//! `destinations:`, the destinations of entries and exits.

use std::collections::BTreeMap;

use muster_document::{
    Key, KeyDefault, Map, Node, NodeContent, Takes, TextForm, YamlReader, quote,
};
use muster_model::CohortId;
use muster_publish::Destination;

use super::form::ANY;
use super::kinesis;
use super::read::{needed, one_of};

pub(super) static DESTINATION: Map = Map {
    name: "a destination",
    heading: "A destination",
    about: "A destination of entries and exits: exactly one of these keys. Its name, which `sync:` of a cohort uses, is 1 to 64 letters, digits, `_` or `-`.",
    keys: &[
        Key::new(
            "file",
            Takes::Map(&FILE),
            KeyDefault::Words("the destination is of another kind"),
            "A file, one message a line.",
        ),
        Key::new(
            "stdout",
            Takes::Nothing,
            KeyDefault::Words("the destination is of another kind"),
            "Standard output, one message a line.",
        ),
        Key::new(
            "kinesis",
            Takes::Map(&KINESIS),
            KeyDefault::Words("the destination is of another kind"),
            "A Kinesis stream.",
        ),
    ],
    one_of: true,
};

static FILE: Map = Map {
    name: "`file:`",
    heading: "`file` of a destination",
    about: "A file that messages are appended to.",
    keys: &[Key::needed(
        "path",
        Takes::Text(TextForm {
            what: "a path, relative to the project's folder",
            example: "out/updates.ndjson",
            pattern: ANY,
        }),
        "The file. Muster makes the file and its folder if they do not exist.",
    )],
    one_of: false,
};

static KINESIS: Map = Map {
    name: "`kinesis:`",
    heading: "`kinesis` of a destination",
    about: "A stream that messages are put to.",
    keys: &[
        kinesis::STREAM_NAME,
        kinesis::REGION,
        kinesis::ROLE_ARN,
        kinesis::EXTERNAL_ID,
        kinesis::KMS_KEY,
        kinesis::ENDPOINT_URL,
        kinesis::STS_ENDPOINT_URL,
    ],
    one_of: false,
};

/// Reads the destinations, each by its name.
pub(super) fn destinations(
    reader: &mut YamlReader<'_>,
    node: &Node,
) -> Option<BTreeMap<String, Destination>> {
    let mut destinations = BTreeMap::new();
    for entry in reader.map(node, "a map of destinations by name")? {
        if CohortId::new(&entry.key).is_err() {
            let message = format!(
                "{} is not a valid name for a destination",
                quote(&entry.key)
            );
            let _: Option<()> = reader.wrong(
                entry.key_span,
                message,
                "use 1 to 64 letters, digits, `_` or `-`",
            );
        } else if let Some(destination) = destination(reader, &entry.key, &entry.value) {
            destinations.insert(entry.key.to_string(), destination);
        }
    }
    Some(destinations)
}

fn destination(reader: &mut YamlReader<'_>, name: &str, node: &Node) -> Option<Destination> {
    let none = &format!("destination {} has no kind", quote(name));
    let several = ("a destination has one kind", "make two destinations of it");
    match one_of(reader, node, &DESTINATION, none, several)? {
        ("file", node) => {
            let fields = reader.fields_of(node, &FILE)?;
            let path = needed(reader, &fields, "path", "path: out/updates.ndjson")?;
            Some(Destination::File {
                path: reader.text(path, "the file's path")?.into(),
            })
        }
        ("kinesis", node) => {
            let fields = reader.fields_of(node, &KINESIS)?;
            kinesis::stream(reader, &fields).map(Destination::Kinesis)
        }
        (_, node) => match &node.content {
            NodeContent::Nothing => Some(Destination::Stdout),
            NodeContent::Map(entries) if entries.is_empty() => Some(Destination::Stdout),
            _ => reader.expected(node, "nothing more", "write `stdout: {}`"),
        },
    }
}

//! Reads conditions on versions (docs/cohorts.md, "Predicates").

use muster_document::{Entry, Node, NodeContent, YamlReader, quote};
use muster_model::{Order, Version};

use super::comparison::KEYS;
use super::words::unknown_key;

const WHAT: &str = "a version";
pub(crate) const EXAMPLE: &str = "write it in quotes: `version: {at_least: \"1.10.0\"}`";

/// The most bytes of a version.
pub(crate) const VERSION_BYTES: usize = 100;

/// Reads a version, which means exactly that one, or a map of conditions.
pub(super) fn conditions(
    reader: &mut YamlReader<'_>,
    node: &Node,
) -> Option<Vec<(Order, Version)>> {
    let NodeContent::Map(entries) = &node.content else {
        return version(reader, node).map(|version| vec![(Order::Exactly, version)]);
    };
    if entries.is_empty() {
        return reader.wrong(node.span, "this comparison has no condition", EXAMPLE);
    }
    let read: Vec<_> = entries
        .iter()
        .map(|entry| condition(reader, entry))
        .collect();
    Some(read.into_iter().collect::<Option<Vec<_>>>()?.concat())
}

fn condition(reader: &mut YamlReader<'_>, entry: &Entry) -> Option<Vec<(Order, Version)>> {
    let order = match &*entry.key {
        "exactly" => Order::Exactly,
        "not" => Order::Not,
        "at_least" => Order::AtLeast,
        "more_than" => Order::MoreThan,
        "at_most" => Order::AtMost,
        "less_than" => Order::LessThan,
        "between" => return between(reader, &entry.value),
        _ => {
            unknown_key(reader, entry, "a comparison", &KEYS);
            return None;
        }
    };
    version(reader, &entry.value).map(|version| vec![(order, version)])
}

fn between(reader: &mut YamlReader<'_>, node: &Node) -> Option<Vec<(Order, Version)>> {
    let NodeContent::List(items) = &node.content else {
        return reader.expected(
            node,
            "two versions",
            "write both in a list: `[\"1.0\", \"2.0\"]`",
        );
    };
    let [low, high] = items.as_slice() else {
        let message = format!("expected two versions, found a list of {}", items.len());
        return reader.wrong(
            node.span,
            message,
            "write both in a list: `[\"1.0\", \"2.0\"]`",
        );
    };
    let (low, high) = (version(reader, low), version(reader, high));
    Some(vec![(Order::AtLeast, low?), (Order::AtMost, high?)])
}

fn version(reader: &mut YamlReader<'_>, node: &Node) -> Option<Version> {
    let text = match &node.content {
        NodeContent::Text(text) => text,
        // 1.10 without quotes is the number 1.1.
        NodeContent::Number(_) => {
            let written = reader.source().slice(node.span);
            let help = format!("put quotes around it: \"{written}\"");
            return reader.expected(node, WHAT, &help);
        }
        _ => return reader.expected(node, WHAT, EXAMPLE),
    };
    match Version::new(text) {
        Some(version) if text.len() <= VERSION_BYTES => Some(version),
        Some(_) => {
            let message = format!("this version has {} bytes", text.len());
            reader.wrong(node.span, message, format!("at most {VERSION_BYTES}"))
        }
        None => {
            let message = format!("{} is not a version", quote(text));
            let help = "write numbers with points between them: `1.10.0`, `2.0.0-beta.1`";
            reader.wrong(node.span, message, help)
        }
    }
}

//! Reads the destinations of a cohort's entries and exits.

use std::collections::HashMap;

use muster_document::{Diagnostic, Map, Node, NodeContent, Span, YamlReader, quote};

use crate::definition::Sync;
use crate::limits;

use super::key::{LanguageKind, key, needed_key};

pub(crate) static TABLE: Map<LanguageKind> = Map::new(
    "a destination",
    &[
        needed_key(
            "to",
            LanguageKind::Name,
            "The destination's name in muster.yaml.",
        ),
        key(
            "user_properties",
            LanguageKind::UserProperties,
            "The user properties that each update carries.",
        ),
    ],
);

/// Reads the destinations. Returns them with the place of each name.
pub(super) fn sync(reader: &mut YamlReader<'_>, node: &Node) -> Option<(Vec<Sync>, Vec<Span>)> {
    let items = reader.list(node, "a list of destinations", limits::DESTINATIONS)?;
    let mut known: HashMap<String, Span> = HashMap::new();
    let mut read = Some((Vec::new(), Vec::new()));
    for item in items {
        let Some((sync, span)) = destination(reader, item) else {
            read = None;
            continue;
        };
        if let Some(first) = known.insert(sync.to.clone(), span) {
            let source = reader.source();
            let error = Diagnostic::error(format!(
                "the destination {} is there twice",
                quote(&sync.to)
            ))
            .at(source, span, "again here")
            .at(source, first, "first here");
            reader.report(error.help(
                "a destination receives a cohort once: write it once, with all `user_properties`",
            ));
            read = None;
        } else if let Some((syncs, spans)) = &mut read {
            syncs.push(sync);
            spans.push(span);
        }
    }
    read
}

fn destination(reader: &mut YamlReader<'_>, node: &Node) -> Option<(Sync, Span)> {
    const NAME: &str = "a destination's name";
    if let NodeContent::Text(_) = node.content {
        let to = reader.text(node, NAME)?.to_owned();
        return Some((
            Sync {
                to,
                user_properties: Vec::new(),
            },
            node.span,
        ));
    }
    if !matches!(node.content, NodeContent::Map(_)) {
        return reader.expected(
            node,
            "a destination",
            "write its name, or `{to: growth, user_properties: [city]}`",
        );
    }
    let fields = reader.fields_of(node, &TABLE)?;
    let properties = fields.optional(reader, "user_properties", user_properties);
    let Some(to) = fields.get("to") else {
        return reader.wrong(
            node.span,
            "`to` is missing",
            "name a destination of muster.yaml: `to: growth`",
        );
    };
    let name = reader.text(to, NAME)?.to_owned();
    Some((
        Sync {
            to: name,
            user_properties: properties?.unwrap_or_default(),
        },
        to.span,
    ))
}

fn user_properties(reader: &mut YamlReader<'_>, node: &Node) -> Option<Vec<String>> {
    let items = reader.list(node, "a list of user properties", limits::SYNCED_PROPERTIES)?;
    let mut names: Vec<String> = Vec::new();
    let mut complete = true;
    for item in items {
        match reader.text(item, "a user property's name") {
            Some(name) if names.iter().any(|other| other == name) => {
                reader.wrong::<()>(
                    item.span,
                    format!("the user property {} is there twice", quote(name)),
                    "leave one of them out",
                );
                complete = false;
            }
            Some(name) => names.push(name.to_owned()),
            None => complete = false,
        }
    }
    complete.then_some(names)
}

//! Reads the top level of a definition: its name, its cadence, its sync and its condition for
//! membership.

use muster_document::{
    Diagnostic, Diagnostics, Fields, Node, NodeContent, SourceFile, Span, YamlReader, names, quote,
};
use muster_model::{Cadence, CohortId};

use crate::clause::TimeZoneName;
use crate::definition::{Definition, DefinitionSpans};

use super::body::{self, body};
use super::cadence::cadence;
use super::clause::{companions_of, is_subject};
use super::key::{LanguageKey, LanguageKind, key};
use super::on_remove::on_remove;
use super::sync::sync;
use super::time_zone::time_zone;
use super::words::unknown_key;

/// The keys of a definition, apart from those that define membership ([`body::TABLE`]).
pub(crate) const TABLE: [LanguageKey; 7] = [
    key(
        "id",
        LanguageKind::Id,
        "The cohort's id in every payload; the file's name without its extension, if it is left out.",
    ),
    key(
        "name",
        LanguageKind::Name,
        "The cohort's name; its id, if it is left out.",
    ),
    key(
        "description",
        LanguageKind::Text,
        "A text for readers of this file; no payload carries it.",
    ),
    key(
        "time_zone",
        LanguageKind::TimeZone,
        "The time zone of days, weeks, months and dates; the project's, if it is left out.",
    ),
    key(
        "cadence",
        LanguageKind::Cadence,
        "The cadence at which membership is computed; daily, if it is left out.",
    ),
    key(
        "sync",
        LanguageKind::Sync,
        "The destinations of entries and exits.",
    ),
    key(
        "on_remove",
        LanguageKind::OnRemove,
        "The treatment of the members when this definition is removed; `keep`, if it is left out.",
    ),
];

fn keys() -> Vec<&'static str> {
    [&names(&TABLE)[..], &body::KEYS].concat()
}

const WHAT: &str = "a cohort definition";
const ID_HELP: &str = "an id is 1 to 64 letters A to Z, digits, `_` or `-`";

/// Reads a file as a cohort definition.
pub(crate) fn definition(
    source: &SourceFile,
    zone: &TimeZoneName,
) -> Result<Definition, Diagnostics> {
    let mut reader = YamlReader::new(source);
    let root = reader.load();
    let read = root.and_then(|root| top(&mut reader, &root, zone));
    let diagnostics = reader.finish();
    match read {
        Some(definition) if !diagnostics.has_errors() => Ok(Definition {
            warnings: diagnostics,
            ..definition
        }),
        _ => Err(diagnostics),
    }
}

fn top(reader: &mut YamlReader<'_>, root: &Node, zone: &TimeZoneName) -> Option<Definition> {
    let fields = fields(reader, root)?;
    let (id, id_span) = id(reader, &fields).unzip();
    let name = fields.optional(reader, "name", |reader, node| {
        reader.text(node, "a name").map(str::to_owned)
    });
    let description = fields.optional(reader, "description", |reader, node| {
        reader.any_text(node, "a text").map(str::to_owned)
    });
    let time_zone = fields.optional(reader, "time_zone", time_zone);
    let cadence = fields.optional(reader, "cadence", cadence);
    let sync = fields.optional(reader, "sync", sync);
    let on_remove = fields.optional(reader, "on_remove", on_remove);
    // A wrong zone was reported. The rest is read as if the definition named none.
    let own = time_zone.clone().flatten();
    let body = body(reader, &fields, own.as_ref().unwrap_or(zone));

    let (id, body) = (id?, body?);
    let (sync, sync_spans) = sync?.unwrap_or_default();
    Some(Definition {
        name: name?.unwrap_or_else(|| id.to_string()),
        id,
        description: description?,
        time_zone: time_zone?.unwrap_or_else(|| zone.clone()),
        cadence: cadence?.unwrap_or_else(Cadence::default),
        sync,
        on_remove: on_remove?.unwrap_or_default(),
        body: body.body,
        warnings: Diagnostics::default(),
        source: reader.source().clone(),
        spans: DefinitionSpans {
            id: id_span?,
            sync: sync_spans,
            body: body.span,
            in_cohort: body.in_cohort,
        },
    })
}

fn fields<'n>(reader: &mut YamlReader<'_>, root: &'n Node) -> Option<Fields<'n>> {
    let NodeContent::Map(entries) = &root.content else {
        return reader.expected(
            root,
            WHAT,
            "write a map that begins like `name: Big spenders`",
        );
    };
    let bare = entries.iter().any(|entry| is_subject(&entry.key));
    let keys = keys();
    for entry in entries.iter().filter(|entry| !keys.contains(&&*entry.key)) {
        if bare && !companions_of(&entry.key).is_empty() {
            // The key belongs to the clause that stands at the top level by mistake.
            continue;
        }
        if is_subject(&entry.key) {
            let help = format!(
                "write it under `where:`, indented by two spaces: `where:` and below it `  {}: …`",
                entry.key
            );
            reader.wrong::<()>(entry.key_span, format!("`{}` is a clause", entry.key), help);
        } else {
            unknown_key(reader, entry, WHAT, &keys);
        }
    }
    Some(Fields {
        entries,
        span: root.span,
    })
}

fn id(reader: &mut YamlReader<'_>, fields: &Fields<'_>) -> Option<(CohortId, Option<Span>)> {
    let Some(node) = fields.get("id") else {
        let stem = reader.source().stem();
        return match CohortId::new(stem) {
            Ok(id) => Some((id, None)),
            Err(_) => {
                let source = reader.source();
                let error = Diagnostic::error(format!(
                    "the file's name {} is not a cohort id",
                    quote(stem)
                ))
                .in_file(source);
                reader
                    .report(error.help(format!("add `id:` to it, or rename the file; {ID_HELP}")));
                None
            }
        };
    };
    let text = reader.text(node, "a cohort id")?;
    match CohortId::new(text) {
        Ok(id) => Some((id, Some(node.span))),
        Err(_) => reader.wrong(
            node.span,
            format!("{} is not a cohort id", quote(text)),
            ID_HELP,
        ),
    }
}

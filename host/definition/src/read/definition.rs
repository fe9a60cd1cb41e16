//! The top of a definition: what it is called, when it is computed, where it goes, and who is in.

use jiff::tz::TimeZoneDatabase;
use muster_model::CohortId;

use crate::definition::{Body, Cadence, Definition, Spans};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span, quote};
use crate::yaml::{Content, Fields, Node, Reader, closest, list};

use super::cadence::cadence;
use super::clause::Clauses;
use super::not_yet::{Place, is_not_yet, message};
use super::sync::sync;

const KEYS: [&str; 8] = [
    "id",
    "name",
    "description",
    "time_zone",
    "cadence",
    "sync",
    "where",
    "rule",
];
const WHAT: &str = "a cohort definition";
const ID_HELP: &str = "an id is 1 to 64 letters A to Z, digits, `_` or `-`";

/// Reads a file as a cohort definition.
pub(crate) fn definition(source: &Source) -> Result<Definition, Diagnostics> {
    let mut reader = Reader::new(source);
    let root = reader.load();
    let read = root.and_then(|root| top(&mut reader, &root));
    let diagnostics = reader.finish();
    match read {
        Some(definition) if !diagnostics.has_errors() => Ok(Definition {
            warnings: diagnostics,
            ..definition
        }),
        _ => Err(diagnostics),
    }
}

fn top(reader: &mut Reader<'_>, root: &Node) -> Option<Definition> {
    let fields = fields(reader, root)?;
    let (id, id_span) = id(reader, &fields).unzip();
    let name = optional(reader, &fields, "name", |reader, node| {
        reader.text(node, "a name").map(str::to_owned)
    });
    let description = optional(reader, &fields, "description", |reader, node| {
        reader.any_text(node, "a text").map(str::to_owned)
    });
    let time_zone = optional(reader, &fields, "time_zone", time_zone);
    let cadence = optional(reader, &fields, "cadence", cadence);
    let sync = optional(reader, &fields, "sync", sync);
    let body = body(reader, &fields);

    let (id, (body, body_span)) = (id?, body?);
    let (sync, sync_spans) = sync?.unwrap_or_default();
    Some(Definition {
        name: name?.unwrap_or_else(|| id.to_string()),
        id,
        description: description?,
        time_zone: time_zone?,
        cadence: cadence?.unwrap_or_else(Cadence::default),
        sync,
        body,
        warnings: Diagnostics::default(),
        source: reader.source().clone(),
        spans: Spans {
            id: id_span?,
            sync: sync_spans,
            body: body_span,
        },
    })
}

fn fields<'n>(reader: &mut Reader<'_>, root: &'n Node) -> Option<Fields<'n>> {
    let Content::Map(entries) = &root.content else {
        return reader.expected(
            root,
            WHAT,
            "it is a map that begins like `name: Big spenders`",
        );
    };
    let later = |key: &str| is_not_yet(Place::Definition, key);
    for entry in entries.iter().filter(|entry| later(&entry.key)) {
        reader.wrong::<()>(
            entry.key_span,
            message(&entry.key),
            Place::Definition.help(),
        );
    }
    let known: Vec<_> = KEYS
        .into_iter()
        .chain(
            entries
                .iter()
                .map(|entry| &*entry.key)
                .filter(|key| later(key)),
        )
        .collect();
    let bare = entries
        .iter()
        .any(|entry| super::clause::is_subject(&entry.key));
    for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
        if bare && super::clause::companion(&entry.key).is_some() {
            // It belongs to the clause that stands at the top by mistake.
            continue;
        }
        if super::clause::is_subject(&entry.key) {
            let help = format!(
                "write it under `where:`, indented by two spaces: `where:` and below it `  {}: …`",
                entry.key
            );
            reader.wrong::<()>(entry.key_span, format!("`{}` is a clause", entry.key), help);
        } else {
            reader.unknown_key(entry, WHAT, &KEYS);
        }
    }
    Some(Fields {
        entries,
        span: root.span,
    })
}

/// A key that may be missing: `Some(None)` if it is, `None` if it is wrong.
pub(super) fn optional<'n, T>(
    reader: &mut Reader<'_>,
    fields: &Fields<'n>,
    key: &str,
    read: impl FnOnce(&mut Reader<'_>, &'n Node) -> Option<T>,
) -> Option<Option<T>> {
    match fields.get(key) {
        Some(node) => read(reader, node).map(Some),
        None => Some(None),
    }
}

fn id(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<(CohortId, Option<Span>)> {
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

/// The zone as the IANA database spells it. The database is the built-in one, so that every machine knows the same zones.
fn time_zone(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "a time zone")?;
    let database = TimeZoneDatabase::bundled();
    if let Some(name) = database
        .get(text)
        .ok()
        .and_then(|zone| zone.iana_name().map(str::to_owned))
    {
        return Some(name);
    }
    let names: Vec<_> = database.available().map(|name| name.to_string()).collect();
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let meant = closest(text, names.iter().map(String::as_str)).or_else(|| {
        names
            .iter()
            .map(String::as_str)
            .find(|name| city(name).eq_ignore_ascii_case(&text.replace(' ', "_")))
    });
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "write a name of the IANA database, such as `Europe/Berlin`, `America/Los_Angeles` or `UTC`".to_owned(),
    };
    reader.wrong(
        node.span,
        format!("unknown time zone {}", quote(text)),
        help,
    )
}

fn body(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<(Body, Span)> {
    let read = match (fields.entry("where"), fields.entry("rule")) {
        (Some(entry), None) => Clauses::new(reader).read(&entry.value).map(Body::Where),
        (None, Some(entry)) => rule(reader, &entry.value).map(Body::Rule),
        (Some(clause), Some(rule)) => {
            let source = reader.source();
            let error =
                Diagnostic::error("a cohort has either `where` or `rule`, and this has both")
                    .at(source, rule.key_span, "")
                    .at(source, clause.key_span, "");
            reader.report(error.help("leave one of them out"));
            Clauses::new(reader).read(&clause.value);
            None
        }
        (None, None) => {
            let said = fields.entries.iter().any(|entry| {
                is_not_yet(Place::Definition, &entry.key) || super::clause::is_subject(&entry.key)
            });
            if !said
                && !fields
                    .entries
                    .iter()
                    .any(|entry| closest(&entry.key, ["where", "rule"]).is_some())
            {
                let help = format!(
                    "add {}: who is in the cohort",
                    list(&["where:", "rule:"]).replace(" and ", " or ")
                );
                reader.wrong::<()>(fields.span, "the definition does not say who is in", help);
            }
            None
        }
    };
    let span = fields.get("where").or(fields.get("rule"))?.span;
    Some((read?, span))
}

fn rule(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let path = reader.text(node, "the path of a module")?;
    if !path.ends_with(".wasm") {
        return reader.wrong(
            node.span,
            format!("{} is not a module", quote(path)),
            "write the path of a `.wasm` file: `./vip.wasm`",
        );
    }
    Some(path.to_owned())
}

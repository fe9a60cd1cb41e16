//! Reads the condition for membership: `where`, `rule` or `members`.

use muster_document::{
    Diagnostic, Entry, Fields, Node, NodeContent, Span, YamlReader, closest, either, list, names,
    quote,
};
use muster_model::CohortId;

use crate::clause::TimeZoneName;
use crate::definition::Body;

use super::clause::{Clauses, is_subject};
use super::key::{LanguageKey, LanguageKind, key};

/// The keys that define membership; a definition has one of them.
pub(crate) const TABLE: [LanguageKey; 3] = [
    key(
        "where",
        LanguageKind::Clause,
        "The condition for membership, in the cohort language.",
    ),
    key(
        "rule",
        LanguageKind::Rule,
        "A hand-written module that decides who is a member: its path, relative to this file's folder.",
    ),
    key(
        "members",
        LanguageKind::Members,
        "A static list of user ids, one per line: its path, relative to this file's folder.",
    ),
];

pub(crate) const KEYS: [&str; 3] = names(&TABLE);

/// A body, its place, and the cohorts that it uses.
pub(super) struct ReadBody {
    pub(super) body: Body,
    pub(super) span: Span,
    pub(super) in_cohort: Vec<(CohortId, Span)>,
}

pub(super) fn body(
    reader: &mut YamlReader<'_>,
    fields: &Fields<'_>,
    zone: &TimeZoneName,
) -> Option<ReadBody> {
    let said: Vec<&Entry> = KEYS.iter().filter_map(|key| fields.entry(key)).collect();
    match said.as_slice() {
        [] => {
            missing(reader, fields);
            None
        }
        [entry] => one(reader, entry, zone),
        [first, second, ..] => {
            let (first, second) = match first.key_span < second.key_span {
                true => (first, second),
                false => (second, first),
            };
            let source = reader.source();
            let error = Diagnostic::error(format!(
                "a cohort has one of {}, and this has `{}` and `{}`",
                list(&KEYS),
                first.key,
                second.key
            ))
            .at(source, second.key_span, "the second")
            .at(source, first.key_span, "the first");
            reader.report(error.help("leave one of them out"));
            for entry in said {
                one(reader, entry, zone);
            }
            None
        }
    }
}

fn one(reader: &mut YamlReader<'_>, entry: &Entry, zone: &TimeZoneName) -> Option<ReadBody> {
    let node = &entry.value;
    let mut in_cohort = Vec::new();
    let body = match &*entry.key {
        "where" => {
            let mut clauses = Clauses::new(reader, zone);
            let clause = clauses.read(node);
            in_cohort = clauses.in_cohort;
            Body::Where(clause?)
        }
        "rule" => Body::Rule(path(reader, node, &MODULE)?),
        _ => Body::Members(path(reader, node, &MEMBERS)?),
    };
    Some(ReadBody {
        body,
        span: node.span,
        in_cohort,
    })
}

fn missing(reader: &mut YamlReader<'_>, fields: &Fields<'_>) {
    // A clause at the top level, and a key that is nearly one of these, were reported already.
    let meant = |key: &str| is_subject(key) || closest(key, KEYS).is_some();
    if !fields.entries.iter().any(|entry| meant(&entry.key)) {
        let help = format!("add {}", either(&["where:", "rule:", "members:"]));
        reader.wrong::<()>(
            fields.span,
            "the definition does not say who is a member",
            help,
        );
    }
}

/// A file that a definition names.
pub(crate) struct NamedFile {
    what: &'static str,
    pub(crate) endings: &'static [&'static str],
    is_none: &'static str,
    pub(crate) help: &'static str,
}

pub(crate) const MODULE: NamedFile = NamedFile {
    what: "the path of a module",
    endings: &[".wasm"],
    is_none: "is not a module",
    help: "write the path of a `.wasm` file: `./vip.wasm`",
};

pub(crate) const MEMBERS: NamedFile = NamedFile {
    what: "the path of a list of user ids",
    endings: &[".csv", ".txt"],
    is_none: "is not a list of user ids",
    help: "write the path of a `.csv` or `.txt` file with one id a line: `./vip.csv`",
};

fn path(reader: &mut YamlReader<'_>, node: &Node, file: &NamedFile) -> Option<String> {
    if let NodeContent::List(_) | NodeContent::Map(_) = node.content {
        return reader.expected(node, file.what, file.help);
    }
    let path = reader.text(node, file.what)?;
    if !file.endings.iter().any(|ending| path.ends_with(ending)) {
        return reader.wrong(
            node.span,
            format!("{} {}", quote(path), file.is_none),
            file.help,
        );
    }
    Some(path.to_owned())
}

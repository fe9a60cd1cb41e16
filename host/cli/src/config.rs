//! `muster.yaml`: where events come from and where updates go.

use std::collections::BTreeMap;

use muster_definition::yaml::{Content, Node, Reader};
use muster_definition::{Diagnostic, Diagnostics, Source, Span, TimeZoneName, quote, time_zone};
use muster_model::{CohortId, Millis};
use muster_publish::{
    Destination, EndpointUrl, ExternalId, InvalidSetting, KinesisSettings, RegionName, Role,
    RoleArn, StreamName,
};

/// The file's name in a project's folder.
pub(crate) const FILE: &str = "muster.yaml";

/// The most destinations and sources of a project: more is surely a mistake, and each costs a connection.
const MOST: usize = 100;

/// A project's configuration, checked.
#[derive(Debug)]
pub(crate) struct Config {
    /// The time zone of cohorts that name none.
    pub(crate) time_zone: TimeZoneName,
    /// Where time stands still, for examples and replays.
    pub(crate) clock: Option<Millis>,
    /// The store's folder.
    pub(crate) store: String,
    /// Globs of definitions.
    pub(crate) cohorts: Vec<String>,
    pub(crate) sources: Vec<FilesSource>,
    pub(crate) destinations: BTreeMap<String, Destination>,
    pub(crate) guard: Option<muster_engine::Guard>,
    pub(crate) retention: Option<i64>,
    pub(crate) run_records: i64,
    pub(crate) operations: Option<std::net::SocketAddr>,
}

/// Event files.
#[derive(Debug)]
pub(crate) struct FilesSource {
    /// Globs.
    pub(crate) files: Vec<String>,
    /// The share of malformed lines that is skipped, in percent.
    pub(crate) max_malformed: f64,
}

/// The default share of malformed lines that is skipped, in percent.
pub(crate) const MAX_MALFORMED: f64 = 0.1;

impl Config {
    /// Reads the file.
    pub(crate) fn parse(source: &Source) -> Result<Self, Diagnostics> {
        let mut reader = Reader::new(source);
        let root = reader.load();
        let config = root.and_then(|root| project(&mut reader, &root));
        let diagnostics = reader.finish();
        match config {
            Some(config) if !diagnostics.has_errors() => Ok(config),
            _ => Err(diagnostics),
        }
    }
}

fn project(reader: &mut Reader<'_>, root: &Node) -> Option<Config> {
    let keys = [
        "time_zone",
        "clock",
        "store",
        "cohorts",
        "sources",
        "destinations",
    ];
    let fields = reader.fields(root, FILE, &keys)?;
    let time_zone = match fields.get("time_zone") {
        Some(node) => time_zone(reader, node),
        None => Some(TimeZoneName::utc()),
    };
    let clock = fields.get("clock").and_then(|node| instant(reader, node));
    let store = fields
        .get("store")
        .and_then(|node| reader.text(node, "the store's folder"));
    let cohorts = match fields.get("cohorts") {
        Some(node) => texts(reader, node, "a glob of definitions"),
        None => ["cohorts/*.yaml", "cohorts/*.yml", "cohorts/*.json"]
            .map(str::to_owned)
            .to_vec(),
    };
    let sources = match fields.get("sources") {
        Some(node) => reader
            .list(node, "`sources:`", MOST)?
            .iter()
            .filter_map(|node| files(reader, node))
            .collect(),
        None => Vec::new(),
    };
    let mut destinations = BTreeMap::new();
    if let Some(node) = fields.get("destinations") {
        for entry in reader.map(node, "a map of destinations by name")? {
            if CohortId::new(&entry.key).is_err() {
                let message = format!("{} is no name for a destination", quote(&entry.key));
                let _: Option<()> = reader.wrong(
                    entry.key_span,
                    message,
                    "use 1 to 64 letters, digits, `_` or `-`",
                );
            } else if let Some(destination) = destination(reader, &entry.value) {
                destinations.insert(entry.key.to_string(), destination);
            }
        }
    }
    let store = store.unwrap_or(".muster").to_owned();
    Some(Config {
        time_zone: time_zone?,
        clock,
        store,
        cohorts,
        sources,
        destinations,
        guard: Some(muster_engine::Guard::default()),
        retention: None,
        run_records: 90 * 86_400_000,
        operations: None,
    })
}

fn instant(reader: &mut Reader<'_>, node: &Node) -> Option<Millis> {
    let text = reader.text(node, "an instant such as 2026-03-01T00:00:00Z")?;
    match text.parse() {
        Ok(instant) => Some(instant),
        Err(_) => {
            let message = format!("{} is not an instant", quote(text));
            reader.wrong(node.span, message, "write it like 2026-03-01T00:00:00Z")
        }
    }
}

/// One text, or a list of them.
fn texts(reader: &mut Reader<'_>, node: &Node, what: &str) -> Vec<String> {
    let nodes = match &node.content {
        Content::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    nodes
        .iter()
        .filter_map(|node| reader.text(node, what))
        .map(str::to_owned)
        .collect()
}

fn files(reader: &mut Reader<'_>, node: &Node) -> Option<FilesSource> {
    let fields = reader.fields(node, "a source", &["files", "max_malformed"])?;
    let Some(files) = fields.get("files") else {
        return reader.wrong(
            node.span,
            "this source has no `files:`",
            "write `- files: \"events/*.json.gz\"`",
        );
    };
    let max_malformed = match fields.get("max_malformed") {
        Some(node) => percent(reader, node)?,
        None => MAX_MALFORMED,
    };
    Some(FilesSource {
        files: texts(reader, files, "a file or a glob"),
        max_malformed,
    })
}

fn percent(reader: &mut Reader<'_>, node: &Node) -> Option<f64> {
    let number = reader.number(node, "a share in percent, such as 0.1")?;
    if !(0.0..=100.0).contains(&number) {
        return reader.wrong(
            node.span,
            format!("{number} is no share in percent"),
            "use 0 to 100",
        );
    }
    Some(number)
}

fn destination(reader: &mut Reader<'_>, node: &Node) -> Option<Destination> {
    let kinds = ["file", "stdout", "kinesis"];
    let fields = reader.fields(node, "a destination", &kinds)?;
    let given: Vec<_> = kinds
        .into_iter()
        .filter_map(|kind| Some((kind, fields.get(kind)?)))
        .collect();
    match given.as_slice() {
        [("file", node)] => {
            let fields = reader.fields(node, "`file:`", &["path"])?;
            let path = required(
                reader,
                node.span,
                fields.get("path"),
                "path",
                "path: out/updates.ndjson",
            )?;
            Some(Destination::File {
                path: reader.text(path, "the file's path")?.into(),
            })
        }
        [("kinesis", node)] => kinesis(reader, node).map(Destination::Kinesis),
        [_] => Some(Destination::Stdout),
        [] => reader.wrong(
            node.span,
            "this destination says not where",
            "write one of `file:`, `stdout:`, `kinesis:`",
        ),
        [_, (second, other), ..] => {
            let message = format!("a destination is one thing; `{second}:` is a second");
            reader.wrong(other.span, message, "make two destinations of it")
        }
    }
}

fn kinesis(reader: &mut Reader<'_>, node: &Node) -> Option<KinesisSettings> {
    let keys = [
        "stream_name",
        "region",
        "role_arn",
        "external_id",
        "endpoint_url",
    ];
    let fields = reader.fields(node, "`kinesis:`", &keys)?;
    let stream_name = required(
        reader,
        node.span,
        fields.get("stream_name"),
        "stream_name",
        "stream_name: cohorts",
    )?;
    let stream_name = setting(reader, stream_name, StreamName::new)?;
    let region = optional(reader, fields.get("region"), RegionName::new)?;
    let arn = optional(reader, fields.get("role_arn"), RoleArn::new)?;
    let external_id = optional(reader, fields.get("external_id"), ExternalId::new)?;
    let endpoint_url = optional(reader, fields.get("endpoint_url"), EndpointUrl::new)?;
    if let (None, Some(node)) = (&arn, fields.get("external_id")) {
        return reader.wrong(
            node.span,
            "`external_id:` belongs to a role, and there is no `role_arn:`",
            "add `role_arn:`",
        );
    }
    let role = arn.map(|arn| Role { arn, external_id });
    Some(KinesisSettings {
        stream_name,
        region,
        role,
        endpoint_url,
    })
}

/// A text that only a valid one becomes.
fn setting<T>(
    reader: &mut Reader<'_>,
    node: &Node,
    check: fn(&str) -> Result<T, InvalidSetting>,
) -> Option<T> {
    match check(reader.text(node, "a text")?) {
        Ok(setting) => Some(setting),
        Err(error) => reader.wrong(
            node.span,
            format!("{} is not {}", quote(&error.text), error.what),
            error.rule,
        ),
    }
}

/// A setting that may be left out: the outer `None` is a wrong one.
fn optional<T>(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    check: fn(&str) -> Result<T, InvalidSetting>,
) -> Option<Option<T>> {
    match node {
        Some(node) => setting(reader, node, check).map(Some),
        None => Some(None),
    }
}

fn required<'n>(
    reader: &mut Reader<'_>,
    of: Span,
    node: Option<&'n Node>,
    key: &str,
    example: &str,
) -> Option<&'n Node> {
    if node.is_none() {
        return reader.wrong(
            of,
            format!("`{key}:` is missing"),
            format!("write `{example}`"),
        );
    }
    node
}

/// An error about a file of the project, as text.
pub(crate) fn unreadable(source: &Source, why: impl std::fmt::Display) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(Diagnostic::error(format!("cannot be read: {why}")).in_file(source));
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> String {
        Config::parse(&Source::new(FILE, text))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_project_is_read() {
        let text = "time_zone: Europe/Berlin\nclock: 2026-03-01T00:00:00Z\nsources: [{files: [a.json, b/*.json], max_malformed: 1}]\n\
                    destinations:\n  a: {file: {path: out.ndjson}}\n  b: {stdout: {}}\n  c: {kinesis: {stream_name: s, region: eu-west-1}}\n";
        let config = Config::parse(&Source::new(FILE, text)).unwrap();
        assert_eq!(config.time_zone.as_str(), "Europe/Berlin");
        assert_eq!(config.clock, Some(Millis(1_772_323_200_000)));
        assert_eq!(
            (
                config.sources[0].files.len(),
                config.sources[0].max_malformed
            ),
            (2, 1.0)
        );
        assert_eq!(config.destinations.len(), 3);
        assert_eq!(
            config.destinations["a"],
            Destination::File {
                path: "out.ndjson".into()
            }
        );
    }

    #[test]
    fn an_empty_project_has_defaults() {
        let config = Config::parse(&Source::new(FILE, "time_zone: UTC\n")).unwrap();
        assert_eq!(
            (config.store.as_str(), config.cohorts.len()),
            (".muster", 3)
        );
    }

    #[test]
    fn errors_show_the_place_and_what_would_be_right() {
        insta::assert_snapshot!(errors("timezone: UTC\n"));
        insta::assert_snapshot!(errors("time_zone: Berlin\nclock: yesterday\n"));
        insta::assert_snapshot!(errors(
            "destinations:\n  a: {kinesis: {stream: s}}\n  b: {file: {path: x}, stdout: {}}\n  c: {}\n"
        ));
        insta::assert_snapshot!(errors(
            "destinations: {a: {kinesis: {stream_name: s, role_arn: muster}}}\n"
        ));
        insta::assert_snapshot!(errors(
            "destinations: {a: {kinesis: {stream_name: s, external_id: secret}}}\n"
        ));
        insta::assert_snapshot!(errors(
            "sources:\n  - file: x\n  - {files: x, max_malformed: 200}\n"
        ));
    }
}

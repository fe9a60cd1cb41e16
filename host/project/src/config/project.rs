//! The top of `muster.yaml`.

use std::collections::BTreeMap;
use std::env::VarError;
use std::net::SocketAddr;

use muster_definition::{Duration, TimeZoneName, time_zone as read_time_zone};
use muster_document::{
    Diagnostic, Diagnostics, Key, KeyDefault, Map, Node, NodeContent, SourceFile, Span, Takes,
    TextForm, YamlReader, quote,
};
use muster_engine::Guard;
use muster_model::Millis;
use muster_publish::Destination;
use muster_sandbox::Ceilings;

use super::destination::{DESTINATION, destinations};
use super::form::{ANY, DURATION, INSTANT};
use super::guard::{self, guard};
use super::operations::{OPERATIONS, OperationsServer, operations};
use super::read::{duration, instant, texts};
use super::rules::{RULES, rules};
use super::source::{FilesSource, SOURCE, SourceConfig, source};
use super::variables::{Lookup, expand};

/// The largest number of sources of a project. More is surely a mistake, and each source costs a
/// connection.
pub(super) const MOST_SOURCES: usize = 100;

/// A project's valid configuration.
#[derive(Debug)]
pub struct Config {
    /// The time zone of cohorts that name none.
    pub time_zone: TimeZoneName,
    /// The instant at which the clock stands still, for examples and replays.
    pub clock: Option<Millis>,
    /// The store's folder.
    pub store: String,
    /// Globs of definitions.
    pub cohorts: Vec<String>,
    /// The sources of events.
    pub sources: Vec<SourceConfig>,
    /// Keeps events of user ids that stand for no user, such as `null`.
    pub placeholder_ids: bool,
    /// The destinations of entries and exits, by name.
    pub destinations: BTreeMap<String, Destination>,
    /// The limits above which a run is held; `None`: no run is held.
    pub guard: Option<Guard>,
    /// The time for which events are kept; `None`: for ever.
    pub retention: Option<Duration>,
    /// The time for which run records are kept.
    pub run_records: Duration,
    /// The server for metrics and health; `None`: no server.
    pub operations: Option<OperationsServer>,
    /// The ceilings of hand-written rules.
    pub rules: Ceilings,
}

/// The default globs of definitions. A project usually has files of one kind only.
pub const COHORTS: [&str; 3] = ["cohorts/*.yaml", "cohorts/*.yml", "cohorts/*.json"];

/// The default folder of the store.
const STORE: &str = ".muster";

/// The default time for which run records are kept, in days.
const RUN_RECORD_DAYS: u64 = 90;

/// The values of `placeholder_ids:`.
const PLACEHOLDER_WORDS: [&str; 2] = ["refuse", "keep"];

/// The value of an unset variable where its value does not matter.
pub(super) const UNSET: &str = "unset";

const DAY_MS: u64 = 86_400_000;

pub(super) static PROJECT: Map = Map {
    name: "muster.yaml",
    heading: "The project",
    about: "The top level of the file. Every key is optional.",
    keys: &[
        Key::new(
            "time_zone",
            Takes::Text(TextForm {
                what: "a time zone by its name in the IANA database",
                example: "Europe/Berlin",
                pattern: "[A-Za-z][A-Za-z0-9_+/-]*",
            }),
            KeyDefault::Value("UTC"),
            "The time zone of the days, weeks, months and times of day in cohorts that name no zone.",
        ),
        Key::new(
            "clock",
            Takes::Text(INSTANT),
            KeyDefault::Words("the system's clock"),
            "The instant at which the clock stands still, for examples and replays.",
        ),
        Key::new(
            "store",
            Takes::Text(TextForm {
                what: "a folder, relative to the project's",
                example: "/var/lib/muster",
                pattern: ANY,
            }),
            KeyDefault::Value(STORE),
            "The folder of the store, on a local disk. Muster makes it if it does not exist.",
        ),
        Key::new(
            "cohorts",
            Takes::Texts(TextForm {
                what: "a glob of definitions, relative to the project's folder",
                example: "cohorts/*.yaml",
                pattern: ANY,
            }),
            KeyDefault::Value("[cohorts/*.yaml, cohorts/*.yml, cohorts/*.json]"),
            "The files with the definitions of cohorts.",
        ),
        Key::new(
            "sources",
            Takes::Maps {
                of: &SOURCE,
                most: MOST_SOURCES,
            },
            KeyDefault::Value("[]"),
            "The sources of events.",
        ),
        Key::new(
            "placeholder_ids",
            Takes::Word(&PLACEHOLDER_WORDS),
            KeyDefault::Value("refuse"),
            "The treatment of user ids that stand for no user, such as `null`, `undefined`, `0` and `anonymous` (events.md lists them). A refused id is an error over HTTP; in files and streams its events count as anonymous.",
        ),
        Key::new(
            "destinations",
            Takes::Named {
                of: &DESTINATION,
                names: "[A-Za-z0-9_-]{1,64}",
            },
            KeyDefault::Value("{}"),
            "The destinations of entries and exits, by name. A cohort's `sync:` names those that it uses.",
        ),
        Key::new(
            "guard",
            guard::TAKES,
            KeyDefault::Value("{percent: 50, members: 1000}"),
            "The limits above which a run is held until an operator approves it; `off`: no run is held.",
        ),
        Key::new(
            "retention",
            Takes::Text(DURATION),
            KeyDefault::Words("events are kept for ever"),
            "The time for which events are kept, counted back from the newest event or from the clock, whichever is earlier. User properties are kept for ever. Muster warns of a cohort whose lookback is longer. More than a fifth of all events are dropped at once only with `muster prune --anyway`, and none under another clock than the system's.",
        ),
        Key::new(
            "run_records",
            Takes::Text(TextForm {
                example: "90 days",
                ..DURATION
            }),
            KeyDefault::Value("90 days"),
            "The time for which the records of runs are kept, which `muster history` shows.",
        ),
        Key::new(
            "operations",
            Takes::Map(&OPERATIONS),
            KeyDefault::Words("no server runs"),
            "A server for metrics and health.",
        ),
        Key::new(
            "rules",
            Takes::Map(&RULES),
            KeyDefault::Words("the limits in limits.md"),
            "The ceilings of hand-written rules. A rule in JavaScript needs `{nested_components: 32}`.",
        ),
    ],
    one_of: false,
};

impl Config {
    /// Reads the file, with the values that `lookup` returns for `${VAR}`. An unset variable hides
    /// other errors, because the value with the variable cannot be checked.
    pub fn parse(source: &SourceFile, lookup: Lookup<'_>) -> Result<Self, Diagnostics> {
        Self::parse_with(source, &|reader, root| expand(reader, root, lookup))
    }

    /// Reads the file for a command that opens no source and no destination. A variable in these
    /// may be unset, and then has the value [`UNSET`].
    pub fn parse_without_secrets(
        source: &SourceFile,
        lookup: Lookup<'_>,
    ) -> Result<Self, Diagnostics> {
        let or_unset = |name: &str| match lookup(name) {
            Err(VarError::NotPresent) => Ok(UNSET.to_owned()),
            value => value,
        };
        Self::parse_with(source, &|reader, root| {
            let NodeContent::Map(entries) = &mut root.content else {
                return;
            };
            for entry in entries {
                match &*entry.key {
                    "sources" | "destinations" => expand(reader, &mut entry.value, &or_unset),
                    _ => expand(reader, &mut entry.value, lookup),
                }
            }
        })
    }

    /// Reads only the store's folder, for a command that answers from the store while the file has
    /// errors. All other settings are those of an empty file, but run records are kept for ever.
    pub fn parse_store_folder(
        source: &SourceFile,
        lookup: Lookup<'_>,
    ) -> Result<Self, Diagnostics> {
        let config = Self::parse_with(source, &|reader, root| {
            if let NodeContent::Map(entries) = &mut root.content {
                entries.retain(|entry| &*entry.key == "store");
            }
            expand(reader, root, lookup);
        });
        config.map(|config| Self {
            run_records: Duration::from_millis(u64::MAX),
            ..config
        })
    }

    fn parse_with(
        source: &SourceFile,
        expand: &dyn Fn(&mut YamlReader<'_>, &mut Node),
    ) -> Result<Self, Diagnostics> {
        let mut reader = YamlReader::new(source);
        let Some(mut root) = reader.load() else {
            return Err(reader.finish());
        };
        expand(&mut reader, &mut root);
        let diagnostics = reader.finish();
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        let mut reader = YamlReader::new(source);
        let config = project(&mut reader, &root);
        let diagnostics = reader.finish();
        match config {
            Some(config) if !diagnostics.has_errors() => Ok(config),
            _ => Err(diagnostics),
        }
    }

    /// Returns the sources that are files.
    pub fn files(&self) -> impl Iterator<Item = &FilesSource> {
        self.sources.iter().filter_map(|source| match source {
            SourceConfig::Files(files) => Some(files),
            SourceConfig::Http(_) | SourceConfig::Kinesis(_) => None,
        })
    }
}

fn project(reader: &mut YamlReader<'_>, root: &Node) -> Option<Config> {
    let fields = reader.fields_of(root, &PROJECT)?;
    let time_zone = time_zone(reader, fields.get("time_zone"));
    let clock = fields.optional(reader, "clock", instant);
    let store = store(reader, fields.get("store"));
    let cohorts = cohorts(reader, fields.get("cohorts"));
    let source_nodes = fields.optional(reader, "sources", |reader, node| {
        reader.list(node, "`sources:`", MOST_SOURCES)
    });
    let source_nodes = source_nodes.flatten().unwrap_or_default();
    let sources: Vec<_> = source_nodes
        .iter()
        .filter_map(|node| Some((source(reader, node)?, node.span)))
        .collect();
    let placeholder_ids = fields.optional(reader, "placeholder_ids", placeholder_ids);
    let destinations = fields.optional(reader, "destinations", destinations);
    let guard = fields.optional(reader, "guard", guard);
    let retention = fields.optional(reader, "retention", duration);
    let run_records = fields.optional(reader, "run_records", duration);
    let operations = fields.optional(reader, "operations", operations);
    let rules = fields.optional(reader, "rules", rules);
    let server = operations.flatten().zip(fields.get("operations"));
    let server = server.map(|(operations, node)| (operations.listen, node.span));
    check_server_addresses(reader, &sources, server);
    Some(Config {
        time_zone: time_zone?,
        clock: clock?,
        store: store?,
        cohorts,
        sources: sources.into_iter().map(|(source, _)| source).collect(),
        placeholder_ids: placeholder_ids?.unwrap_or(false),
        destinations: destinations?.unwrap_or_default(),
        guard: guard?.unwrap_or_else(|| Some(Guard::default())),
        retention: retention?,
        run_records: run_records?
            .unwrap_or_else(|| Duration::from_millis(RUN_RECORD_DAYS * DAY_MS)),
        operations: operations?,
        rules: rules?.unwrap_or_default(),
    })
}

/// Reads the store's folder.
fn store(reader: &mut YamlReader<'_>, node: Option<&Node>) -> Option<String> {
    match node {
        Some(node) => Some(reader.text(node, "the store's folder")?.to_owned()),
        None => Some(STORE.to_owned()),
    }
}

/// Reads the project's time zone.
pub(super) fn time_zone(reader: &mut YamlReader<'_>, node: Option<&Node>) -> Option<TimeZoneName> {
    match node {
        Some(node) => read_time_zone(reader, node),
        None => Some(TimeZoneName::utc()),
    }
}

/// Reads whether user ids that stand for no user are kept.
fn placeholder_ids(reader: &mut YamlReader<'_>, node: &Node) -> Option<bool> {
    match reader.text(node, "`refuse` or `keep`")? {
        "refuse" => Some(false),
        "keep" => Some(true),
        other => {
            let message = format!("{} is neither `refuse` nor `keep`", quote(other));
            let help = "write `keep` for events of ids such as `null` and `0`";
            reader.wrong(node.span, message, help)
        }
    }
}

/// Reads the globs of definitions.
pub(super) fn cohorts(reader: &mut YamlReader<'_>, node: Option<&Node>) -> Vec<String> {
    match node {
        Some(node) => texts(reader, node, "a glob of definitions"),
        None => COHORTS.map(str::to_owned).to_vec(),
    }
}

/// Reports servers that have the same address.
fn check_server_addresses(
    reader: &mut YamlReader<'_>,
    sources: &[(SourceConfig, Span)],
    operations: Option<(SocketAddr, Span)>,
) {
    let mut known: Vec<(SocketAddr, Span)> = Vec::new();
    let servers = sources.iter().filter_map(|(source, span)| match source {
        SourceConfig::Http(http) => Some((http.listen, *span)),
        _ => None,
    });
    for (listen, span) in servers.chain(operations) {
        // Port 0 means any free port.
        let same = |(other, _): &&(SocketAddr, Span)| *other == listen && listen.port() != 0;
        if let Some((_, first)) = known.iter().find(same) {
            let error = Diagnostic::error(format!("two servers listen at {listen}"))
                .at(reader.source(), span, "this one")
                .at(reader.source(), *first, "and this one");
            reader.report(error.help("give each server its own port"));
        }
        known.push((listen, span));
    }
}

//! `sources:`, the sources of events.

use std::net::SocketAddr;

use muster_document::{
    Key, KeyDefault, Map, Node, Number, Takes, TextForm, YamlReader, closest, quote,
};
use muster_ingest::kinesis::{KinesisSource, StreamStart};

use super::form::{ANY, INSTANT, LISTEN};
use super::kinesis;
use super::read::{listen, needed, number, texts};

/// A source of events.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceConfig {
    /// Event files.
    Files(FilesSource),
    /// A server that accepts events.
    Http(HttpSource),
    /// A stream of events.
    Kinesis(KinesisSource),
}

/// A source of event files.
#[derive(Clone, Debug, PartialEq)]
pub struct FilesSource {
    /// The globs of the files.
    pub files: Vec<String>,
    /// The share of malformed lines that is skipped, in percent.
    pub max_malformed: f64,
}

/// A server with the vendor's HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSource {
    /// The address at which it listens.
    pub listen: SocketAddr,
    /// The accepted keys: at least one, and none is empty.
    pub api_keys: Vec<String>,
}

/// The default share of malformed lines that is skipped, in percent.
pub const MAX_MALFORMED: f64 = 0.1;

/// The largest number of API keys of a source. One for each sender is enough.
const API_KEYS: usize = 100;

const PERCENT: Number = Number {
    what: "a share in percent",
    least: 0.0,
    most: Some(100.0),
    whole: false,
    example: "0.1",
};

pub(super) static SOURCE: Map = Map {
    name: "a source",
    heading: "A source",
    about: "A source of events: files, a server for the vendor's HTTP API, or a stream. A source has exactly one of `files`, `http` and `kinesis`.",
    keys: &[
        Key::new(
            "files",
            Takes::Texts(TextForm {
                what: "a file or a glob, relative to the project's folder",
                example: "events/*.json.gz",
                pattern: ANY,
            }),
            KeyDefault::Words("the source is of another kind"),
            "Event files in the export format, one JSON event a line or an array of events: plain, gzip, zstd or zip. A file is imported once, and goes on at its old end when lines are appended. A running service checks for new files every two seconds, and imports a file when two checks have found the same size and modification time.",
        ),
        Key::new(
            "max_malformed",
            Takes::Number(PERCENT),
            KeyDefault::Value("0.1"),
            "Only with `files`: the share of a file's lines, in percent, that may be malformed and are skipped. A file with more malformed lines is not imported.",
        ),
        Key::new(
            "http",
            Takes::Map(&HTTP),
            KeyDefault::Words("the source is of another kind"),
            "A server that accepts events as the vendor's HTTP V2 API does, so that the vendor's SDKs can send to it.",
        ),
        Key::new(
            "kinesis",
            Takes::Map(&KINESIS),
            KeyDefault::Words("the source is of another kind"),
            "A stream of events in the export format.",
        ),
    ],
    one_of: false,
};

static HTTP: Map = Map {
    name: "`http:`",
    heading: "`http` of a source",
    about: "A server for `POST /2/httpapi`, `/batch` and `/identify`. It speaks plain HTTP: put a proxy that terminates TLS in front of it. Its limits are in operations.md, \"Connections and overload\".",
    keys: &[
        Key::needed(
            "listen",
            Takes::Text(LISTEN),
            "The address at which the server listens.",
        ),
        Key::needed(
            "api_keys",
            Takes::List {
                of: TextForm {
                    what: "an API key",
                    example: "${MUSTER_API_KEY}",
                    pattern: ANY,
                },
                least: 1,
            },
            "The accepted keys; a request with another `api_key` is refused. A sender gives the key in the body, as the header `X-Api-Key`, or as `?api_key=`. The latter two are checked before the body is read.",
        ),
    ],
    one_of: false,
};

static KINESIS: Map = Map {
    name: "`kinesis:`",
    heading: "`kinesis` of a source",
    about: "A stream. All its shards are read, also after splits and merges of shards. The position is stored with the events.",
    keys: &[
        kinesis::STREAM_NAME,
        kinesis::REGION,
        kinesis::ROLE_ARN,
        kinesis::EXTERNAL_ID,
        kinesis::KMS_KEY,
        kinesis::ENDPOINT_URL,
        kinesis::STS_ENDPOINT_URL,
        Key::new(
            "start",
            Takes::Either(&[Takes::Word(&START_WORDS), Takes::Text(INSTANT)]),
            KeyDefault::Value("trim_horizon"),
            "The position at which the first reading of the stream starts: the oldest record, after the newest record, or an instant.",
        ),
    ],
    one_of: false,
};

const START_WORDS: [&str; 2] = ["trim_horizon", "latest"];

/// Reads a source.
pub(super) fn source(reader: &mut YamlReader<'_>, node: &Node) -> Option<SourceConfig> {
    let fields = reader.fields_of(node, &SOURCE)?;
    let kinds = ["files", "http", "kinesis"];
    let mut given = kinds
        .into_iter()
        .filter_map(|kind| Some((kind, fields.get(kind)?)));
    let (Some((kind, value)), second) = (given.next(), given.next()) else {
        return reader.wrong(
            node.span,
            "this source has no `files:`, `http:` or `kinesis:`",
            "write `- files: \"events/*.json.gz\"`",
        );
    };
    if let Some((second, other)) = second {
        return reader.wrong(
            other.span,
            format!("a source has one kind; `{second}:` is a second"),
            "make two sources of it",
        );
    }
    if let (true, Some(entry)) = (kind != "files", fields.entry("max_malformed")) {
        return reader.wrong(
            entry.key_span,
            "`max_malformed:` belongs to `files:`",
            "leave it out",
        );
    }
    match kind {
        "http" => http(reader, value).map(SourceConfig::Http),
        "kinesis" => stream(reader, value).map(SourceConfig::Kinesis),
        _ => {
            let max_malformed = fields.optional(reader, "max_malformed", |reader, node| {
                number(reader, node, &PERCENT)
            });
            Some(SourceConfig::Files(FilesSource {
                files: texts(reader, value, "a file or a glob"),
                max_malformed: max_malformed?.unwrap_or(MAX_MALFORMED),
            }))
        }
    }
}

fn http(reader: &mut YamlReader<'_>, node: &Node) -> Option<HttpSource> {
    let fields = reader.fields_of(node, &HTTP)?;
    let address = needed(reader, &fields, "listen", "listen: \"127.0.0.1:8080\"");
    let address = address.and_then(|node| listen(reader, node));
    let keys = needed(
        reader,
        &fields,
        "api_keys",
        "api_keys: [\"${MUSTER_API_KEY}\"]",
    );
    let keys = keys.and_then(|node| api_keys(reader, node));
    Some(HttpSource {
        listen: address?,
        api_keys: keys?,
    })
}

fn api_keys(reader: &mut YamlReader<'_>, node: &Node) -> Option<Vec<String>> {
    let items = reader.list(node, "a list of API keys", API_KEYS)?;
    if items.is_empty() {
        let help = "write at least one, such as `[\"${MUSTER_API_KEY}\"]`: without a key no sender could send events";
        return reader.wrong(node.span, "there is no API key", help);
    }
    let mut keys = Vec::new();
    for item in items {
        let Some(key) = reader.any_text(item, "an API key") else {
            continue;
        };
        // A key is a secret, so no message contains it.
        let fault = if key.trim().is_empty() {
            "is empty"
        } else if key.chars().any(char::is_control) {
            "has a control character, perhaps a line break"
        } else {
            keys.push(key.to_owned());
            continue;
        };
        let help = "write the key that senders use, or set its variable";
        let _: Option<()> = reader.wrong(item.span, format!("this API key {fault}"), help);
    }
    (keys.len() == items.len()).then_some(keys)
}

fn stream(reader: &mut YamlReader<'_>, node: &Node) -> Option<KinesisSource> {
    let fields = reader.fields_of(node, &KINESIS)?;
    let stream = kinesis::stream(reader, &fields);
    let start = fields.optional(reader, "start", start)?;
    Some(KinesisSource {
        stream: stream?,
        start: start.unwrap_or(StreamStart::TrimHorizon),
        placeholder_ids: false,
    })
}

fn start(reader: &mut YamlReader<'_>, node: &Node) -> Option<StreamStart> {
    let text = reader.text(node, "`trim_horizon`, `latest` or an instant")?;
    match text {
        "trim_horizon" => Some(StreamStart::TrimHorizon),
        "latest" => Some(StreamStart::Latest),
        text => {
            match text.parse() {
                Ok(instant) => Some(StreamStart::At(instant)),
                Err(_) => {
                    let message = format!("{} is not a position in a stream", quote(text));
                    let help = match closest(text, START_WORDS) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "write `trim_horizon`, `latest`, or an instant like `2026-03-01T00:00:00Z`".to_owned(),
                };
                    reader.wrong(node.span, message, help)
                }
            }
        }
    }
}

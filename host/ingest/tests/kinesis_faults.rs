//! Tests the Kinesis source against a fake with the faults that Kinesis has and no emulator has:
//! expired iterators and credentials, throttling, lost answers, records beyond the stream's
//! retention. The source reads under an assumed role.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail as the test does"
)]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use muster_aws::{EndpointUrl, ExternalId, RegionName, Role, RoleArn, StreamName, StreamSettings};
use muster_ingest::SourceStats;
use muster_ingest::kinesis::{KinesisSource, KinesisSourceError, StreamStart, run_kinesis};
use muster_model::Millis;
use muster_store::{Store, StoreOptions};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The most records of a call.
const CALL: usize = 7;

/// The fault of a call.
#[derive(Clone, Copy, Debug)]
enum ShardFault {
    /// Kinesis refuses with this code.
    Code(&'static str),
    /// The connection ends without an answer.
    Hangup,
}

/// One shard of a stream.
#[derive(Default)]
struct FakeShard {
    /// The number of records that the shard ever got; sequence numbers count from 1.
    records: usize,
    /// The number of the last record that is no longer kept.
    trimmed: usize,
    /// The number of records before the requested instant; `None` if it lies in the future.
    before_instant: Option<usize>,
    /// The faults of the next calls of an action; later calls succeed.
    faults: VecDeque<(&'static str, ShardFault)>,
    /// The actions of all calls, and the bodies of those that assume a role.
    received: Vec<(String, String)>,
}

struct ShardServer {
    fake: Arc<Mutex<FakeShard>>,
    url: String,
}

impl ShardServer {
    fn start(fake: FakeShard) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Arc::new(Mutex::new(fake));
        let own = Arc::clone(&fake);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let fake = Arc::clone(&own);
                std::thread::spawn(move || serve(stream, &fake));
            }
        });
        Self { fake, url }
    }

    fn received(&self, action: &str) -> Vec<String> {
        let fake = self.fake.lock().unwrap();
        let received = fake.received.iter().filter(|(other, _)| other == action);
        received.map(|(_, body)| body.clone()).collect()
    }
}

/// Serves one request per connection.
fn serve(mut stream: TcpStream, fake: &Mutex<FakeShard>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut action) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "x-amz-target" => action = value.trim().split_once('.').unwrap().1.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    if action.is_empty() {
        action = "AssumeRole".to_owned();
    }
    let Some((status, answer)) = fake.lock().unwrap().answer(&action, &body) else {
        return;
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    let _ = stream.write_all((head + &answer).as_bytes());
}

impl FakeShard {
    fn answer(&mut self, action: &str, body: &str) -> Option<(u16, String)> {
        self.received.push((action.to_owned(), body.to_owned()));
        let refuse = |code: &str| {
            Some((
                400,
                json!({ "__type": code, "message": "why not" }).to_string(),
            ))
        };
        if let Some(at) = self.faults.iter().position(|(of, _)| *of == action) {
            return match self.faults.remove(at).unwrap().1 {
                ShardFault::Code(code) => refuse(code),
                ShardFault::Hangup => None,
            };
        }
        if action == "AssumeRole" {
            let key = format!(
                "ASIA{}",
                self.received
                    .iter()
                    .filter(|(other, _)| other == action)
                    .count()
            );
            return Some((
                200,
                format!(
                    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                 <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
                 <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
                ),
            ));
        }
        let requested: Value = serde_json::from_str(body).unwrap();
        let answer = match action {
            "ListShards" => json!({ "Shards": [{
                "ShardId": "shardId-000000000000",
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
                "SequenceNumberRange": { "StartingSequenceNumber": "1" },
            }] }),
            "GetShardIterator" => {
                let after = match requested["ShardIteratorType"].as_str().unwrap() {
                    "TRIM_HORIZON" => self.trimmed,
                    "AFTER_SEQUENCE_NUMBER" => requested["StartingSequenceNumber"]
                        .as_str()
                        .unwrap()
                        .parse()
                        .unwrap(),
                    "AT_TIMESTAMP" => match self.before_instant {
                        Some(before) => before,
                        None => return refuse("InvalidArgumentException"),
                    },
                    other => panic!("{other}"),
                };
                if after < self.trimmed {
                    return refuse("InvalidArgumentException");
                }
                json!({ "ShardIterator": after.to_string() })
            }
            "GetRecords" => {
                assert_eq!(requested["Limit"], 10_000);
                let after: usize = requested["ShardIterator"]
                    .as_str()
                    .unwrap()
                    .parse()
                    .unwrap();
                let to = self.records.min(after + CALL);
                let records: Vec<Value> = (after + 1..=to).map(record).collect();
                json!({ "Records": records, "NextShardIterator": to.to_string(), "MillisBehindLatest": (self.records - to) * 1000 })
            }
            other => panic!("an unexpected call: {other}"),
        };
        Some((200, answer.to_string()))
    }
}

/// Returns a record of one event, in base64.
fn record(number: usize) -> Value {
    let line = format!(
        r#"{{"user_id":"user-{number}","event_type":"View","event_time":"2026-02-28 09:59:55"}}"#
    );
    json!({ "SequenceNumber": number.to_string(), "PartitionKey": "k", "Data": base64(line.as_bytes()) })
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

fn source(server: &ShardServer, under_role: bool, start: StreamStart) -> KinesisSource {
    let role = Role {
        arn: RoleArn::new("arn:aws:iam::123456789012:role/reader").unwrap(),
        external_id: Some(ExternalId::new("a-secret").unwrap()),
    };
    KinesisSource {
        stream: StreamSettings {
            region: Some(RegionName::new("eu-west-1").unwrap()),
            role: under_role.then_some(role),
            endpoint_url: Some(EndpointUrl::new(&server.url).unwrap()),
            sts_endpoint_url: under_role.then(|| EndpointUrl::new(&server.url).unwrap()),
            ..StreamSettings::new(StreamName::new("events").unwrap())
        },
        start,
    }
}

/// Starts to read.
fn begin(
    store: &Store,
    source: KinesisSource,
) -> (
    Arc<SourceStats>,
    CancellationToken,
    JoinHandle<Result<(), KinesisSourceError>>,
) {
    let (stats, cancel) = (Arc::new(SourceStats::default()), CancellationToken::new());
    let reading = run_kinesis(store.clone(), source, Arc::clone(&stats), cancel.clone());
    (stats, cancel, tokio::spawn(reading))
}

/// Reads from the oldest record on until so many events are in the store.
async fn read(
    server: &ShardServer,
    store: &Store,
    under_role: bool,
    events: u64,
) -> Arc<SourceStats> {
    let source = source(server, under_role, StreamStart::TrimHorizon);
    let (stats, cancel, task) = begin(store, source);
    let begun = Instant::now();
    while store.statistics().unwrap().events < events || stats.lag() > 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{:?}",
            stats.error()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cancel.cancel();
    task.await.unwrap().unwrap();
    assert_eq!(store.statistics().unwrap().events, events);
    stats
}

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &StoreOptions::default()).unwrap();
    (directory, store)
}

/// Runs a test with credentials. AWS's settings come from the environment, which a process cannot
/// change safely, so the test runs in a process of its own.
fn with_credentials(test: &str, body: impl Future<Output = ()>) {
    if std::env::var_os("AWS_ACCESS_KEY_ID").is_some_and(|id| id == "muster-test") {
        tokio::runtime::Runtime::new().unwrap().block_on(body);
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env("AWS_ACCESS_KEY_ID", "muster-test")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn faults_neither_skip_nor_repeat_events() {
    with_credentials("faults_neither_skip_nor_repeat_events", async {
        let faults = [
            ("ListShards", ShardFault::Code("LimitExceededException")),
            (
                "GetShardIterator",
                ShardFault::Code("ProvisionedThroughputExceededException"),
            ),
            ("GetRecords", ShardFault::Code("ExpiredIteratorException")),
            ("GetRecords", ShardFault::Hangup),
            (
                "GetRecords",
                ShardFault::Code("ProvisionedThroughputExceededException"),
            ),
            ("GetRecords", ShardFault::Code("ExpiredIteratorException")),
            ("GetRecords", ShardFault::Code("InternalFailure")),
            ("GetShardIterator", ShardFault::Hangup),
        ];
        let server = ShardServer::start(FakeShard {
            records: 40,
            faults: faults.into_iter().collect(),
            ..FakeShard::default()
        });
        let (_directory, store) = store();
        let stats = read(&server, &store, false, 40).await;
        assert_eq!(
            (
                stats.counts().events,
                stats.counts().malformed,
                stats.error()
            ),
            (40, 0, None)
        );
        assert!(server.fake.lock().unwrap().faults.is_empty());
        // A shard takes at most five calls a second, so the calls took some seconds.
        server.fake.lock().unwrap().records = 47;
        read(&server, &store, false, 47).await;
    });
}

#[test]
fn records_beyond_the_retention_are_skipped() {
    with_credentials("records_beyond_the_retention_are_skipped", async {
        let server = ShardServer::start(FakeShard {
            records: 10,
            ..FakeShard::default()
        });
        let (_directory, store) = store();
        read(&server, &store, false, 10).await;
        // While the source did not read, the stream dropped the records up to 25.
        {
            let mut fake = server.fake.lock().unwrap();
            (fake.records, fake.trimmed) = (30, 25);
        }
        read(&server, &store, false, 15).await;
    });
}

#[test]
fn the_source_waits_for_a_start_in_the_future() {
    with_credentials("the_source_waits_for_a_start_in_the_future", async {
        let server = ShardServer::start(FakeShard {
            records: 10,
            ..FakeShard::default()
        });
        let (_directory, store) = store();
        let source = source(&server, false, StreamStart::At(Millis(4_000_000_000_000)));
        let (stats, cancel, task) = begin(&store, source);
        let begun = Instant::now();
        let until = async |so: &dyn Fn() -> bool| {
            while !so() {
                assert!(begun.elapsed() < Duration::from_secs(60));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        until(&|| server.received("GetShardIterator").len() >= 3).await;
        assert_eq!(store.statistics().unwrap().events, 0);
        let trouble = stats.error().unwrap();
        assert!(
            trouble.contains("InvalidArgumentException: why not"),
            "{trouble}"
        );
        server.fake.lock().unwrap().before_instant = Some(7);
        until(&|| store.statistics().unwrap().events >= 3).await;
        cancel.cancel();
        task.await.unwrap().unwrap();
        assert_eq!(store.statistics().unwrap().events, 3);
        assert_eq!(stats.error(), None);
    });
}

#[test]
fn the_source_reads_under_its_role_and_renews_expired_credentials() {
    with_credentials(
        "the_source_reads_under_its_role_and_renews_expired_credentials",
        async {
            let server = ShardServer::start(FakeShard {
                records: 20,
                faults: [("GetRecords", ShardFault::Code("ExpiredTokenException"))]
                    .into_iter()
                    .collect(),
                ..FakeShard::default()
            });
            let (_directory, store) = store();
            read(&server, &store, true, 20).await;
            let sessions = server.received("AssumeRole");
            assert_eq!(sessions.len(), 2, "one, and another when it had expired");
            assert!(
                sessions[0].contains("ExternalId=a-secret"),
                "{}",
                sessions[0]
            );
            assert!(
                sessions[0].contains("kinesis%3AGetRecords") && !sessions[0].contains("PutRecords"),
                "{}",
                sessions[0]
            );
        },
    );
}

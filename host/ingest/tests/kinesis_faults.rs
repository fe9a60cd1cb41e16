//! Tests the Kinesis source against a fake with the faults that Kinesis has and no emulator has:
//! expired iterators and credentials, throttling, lost answers, records beyond the stream's
//! retention. The source reads under an assumed role.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use muster_aws::{EndpointUrl, ExternalId, RegionName, Role, RoleArn, StreamName, StreamSettings};
use muster_ingest::SourceStats;
use muster_ingest::kinesis::{KinesisSource, KinesisSourceError, StreamStart, run_kinesis};
use muster_model::Millis;
use muster_store::Store;
use muster_testkit::server::{ScriptedServer, ServerReply, session_until};
use muster_testkit::store::TestStore;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::credentials::with_credentials;

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
}

struct ShardServer {
    fake: Arc<Mutex<FakeShard>>,
    server: ScriptedServer,
}

impl ShardServer {
    fn start(fake: FakeShard) -> Self {
        let fake = Arc::new(Mutex::new(fake));
        let own = Arc::clone(&fake);
        let server = ScriptedServer::start(move |request, before| {
            let mut fake = own.lock().unwrap();
            fake.answer(&request.action, &request.body, before)
        });
        Self { fake, server }
    }

    /// Returns the bodies of the requests of an action so far.
    fn received(&self, action: &str) -> Vec<String> {
        let received = self.server.received(action).into_iter();
        received.map(|request| request.body).collect()
    }
}

/// Returns the answer of Kinesis when it refuses a call.
fn refuse(code: &str) -> ServerReply {
    ServerReply::Answer {
        status: 400,
        body: json!({ "__type": code, "message": "why not" }).to_string(),
    }
}

impl FakeShard {
    /// Answers a call, with the number of earlier calls of the same action.
    fn answer(&mut self, action: &str, body: &str, before: usize) -> ServerReply {
        if let Some(at) = self.faults.iter().position(|(of, _)| *of == action) {
            return match self.faults.remove(at).unwrap().1 {
                ShardFault::Code(code) => refuse(code),
                ShardFault::Hangup => ServerReply::Hangup,
            };
        }
        if action == "AssumeRole" {
            return session_until(&format!("ASIA{}", before + 1), "2100-01-01T00:00:00Z");
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
        ServerReply::Answer {
            status: 200,
            body: answer.to_string(),
        }
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
            endpoint_url: Some(EndpointUrl::new(&server.server.endpoint).unwrap()),
            sts_endpoint_url: under_role
                .then(|| EndpointUrl::new(&server.server.endpoint).unwrap()),
            ..StreamSettings::new(StreamName::new("events").unwrap())
        },
        start,
        placeholder_ids: false,
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

#[test]
fn faults_neither_skip_nor_repeat_events() {
    with_credentials(
        "kinesis_faults::faults_neither_skip_nor_repeat_events",
        async {
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
            let store = TestStore::new();
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
        },
    );
}

#[test]
fn records_beyond_the_retention_are_skipped() {
    with_credentials(
        "kinesis_faults::records_beyond_the_retention_are_skipped",
        async {
            let server = ShardServer::start(FakeShard {
                records: 10,
                ..FakeShard::default()
            });
            let store = TestStore::new();
            read(&server, &store, false, 10).await;
            // While the source did not read, the stream dropped the records up to 25.
            {
                let mut fake = server.fake.lock().unwrap();
                (fake.records, fake.trimmed) = (30, 25);
            }
            read(&server, &store, false, 15).await;
        },
    );
}

#[test]
fn the_source_waits_for_a_start_in_the_future() {
    with_credentials(
        "kinesis_faults::the_source_waits_for_a_start_in_the_future",
        async {
            let server = ShardServer::start(FakeShard {
                records: 10,
                ..FakeShard::default()
            });
            let store = TestStore::new();
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
        },
    );
}

#[test]
fn the_source_reads_under_its_role_and_renews_expired_credentials() {
    with_credentials(
        "kinesis_faults::the_source_reads_under_its_role_and_renews_expired_credentials",
        async {
            let server = ShardServer::start(FakeShard {
                records: 20,
                faults: [("GetRecords", ShardFault::Code("ExpiredTokenException"))]
                    .into_iter()
                    .collect(),
                ..FakeShard::default()
            });
            let store = TestStore::new();
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

//! Tests the Kinesis source against two emulators that do not know Muster: `moto_server` and
//! `kinesalite`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::primitives::Blob;
use aws_smithy_http_client::Builder;
use muster_aws::{EndpointUrl, RegionName, StreamName, StreamSettings};
use muster_ingest::SourceStats;
use muster_ingest::kinesis::{KinesisSource, StreamStart, run_kinesis};
use muster_model::Millis;
use muster_store::Store;
use muster_testkit::emulator::{Emulator, skipped};
use muster_testkit::store::TestStore;
use tokio_util::sync::CancellationToken;

use crate::credentials::with_credentials;

/// Returns a client for the calls of the test itself.
fn client(emulator: &Emulator) -> Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(emulator.url());
    Client::from_conf(config.build())
}

/// Returns the emulators that are installed.
fn emulators() -> Vec<Emulator> {
    let emulators: Vec<_> = [Emulator::moto(), Emulator::kinesalite()]
        .into_iter()
        .flatten()
        .collect();
    if emulators.is_empty() {
        skipped("the kinesis source against emulators");
    }
    emulators
}

/// A stream, a store, and a client that puts records into the stream.
struct StreamWorld {
    client: Client,
    settings: StreamSettings,
    store: Store,
    next: u64,
    _opened: TestStore,
}

impl StreamWorld {
    async fn new(emulator: &Emulator, stream: &str, shards: i32) -> Self {
        // The source takes its credentials from the environment.
        let client = client(emulator);
        client
            .create_stream()
            .stream_name(stream)
            .shard_count(shards)
            .send()
            .await
            .unwrap();
        let opened = TestStore::new();
        let world = Self {
            client,
            settings: StreamSettings {
                region: Some(RegionName::new("us-east-1").unwrap()),
                endpoint_url: Some(EndpointUrl::new(&emulator.url()).unwrap()),
                ..StreamSettings::new(StreamName::new(stream).unwrap())
            },
            store: opened.clone(),
            next: 0,
            _opened: opened,
        };
        world.active().await;
        world
    }

    fn stream(&self) -> &str {
        self.settings.stream_name.as_str()
    }

    /// Waits until the stream has reached the requested state.
    async fn active(&self) {
        loop {
            let answer = self
                .client
                .describe_stream_summary()
                .stream_name(self.stream())
                .send()
                .await
                .unwrap();
            let summary = answer.stream_description_summary.unwrap();
            if summary.stream_status.as_str() == "ACTIVE" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Puts events without insert ids, so that an event that is read twice counts twice.
    async fn put(&mut self, count: u64) {
        for _ in 0..count {
            let number = self.next;
            self.next += 1;
            let line = format!(
                r#"{{"user_id":"user-{number}","event_type":"View","event_time":"2026-02-28 09:59:55.{:03}"}}"#,
                number % 1000
            );
            let put = self
                .client
                .put_record()
                .stream_name(self.stream())
                .partition_key(format!("key-{number}"));
            put.data(Blob::new(line)).send().await.unwrap();
        }
    }

    fn events(&self) -> u64 {
        self.store.statistics().unwrap().events
    }

    /// Runs the source until so many events are in the store, and a little longer, to catch surplus
    /// events.
    async fn read(&self, start: StreamStart, events: u64) {
        let running = self.begin(start);
        running.until(self, events).await;
        running.end().await;
        assert_eq!(self.events(), events);
    }

    fn begin(&self, start: StreamStart) -> RunningSource {
        let (stats, cancel) = (Arc::new(SourceStats::default()), CancellationToken::new());
        let source = KinesisSource {
            stream: self.settings.clone(),
            start,
            placeholder_ids: false,
        };
        let task = tokio::spawn(run_kinesis(
            self.store.clone(),
            source,
            Arc::clone(&stats),
            cancel.clone(),
        ));
        RunningSource {
            task,
            stats,
            cancel,
        }
    }
}

struct RunningSource {
    task: tokio::task::JoinHandle<Result<(), muster_ingest::kinesis::KinesisSourceError>>,
    stats: Arc<SourceStats>,
    cancel: CancellationToken,
}

impl RunningSource {
    async fn until(&self, world: &StreamWorld, events: u64) {
        let begun = Instant::now();
        while world.events() < events {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{} of {events}: {:?}",
                world.events(),
                self.stats.error()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(self) {
        tokio::time::sleep(Duration::from_millis(600)).await;
        self.cancel.cancel();
        self.task.await.unwrap().unwrap();
    }
}

#[test]
fn all_shards_are_read_and_a_restart_neither_skips_nor_doubles() {
    with_credentials(
        "kinesis::all_shards_are_read_and_a_restart_neither_skips_nor_doubles",
        async {
            for emulator in emulators() {
                let mut world = StreamWorld::new(&emulator, "events", 3).await;
                world.put(120).await;
                world.read(StreamStart::TrimHorizon, 120).await;
                world.put(30).await;
                world.read(StreamStart::TrimHorizon, 150).await;
                // The source is stopped in the middle, again and again.
                world.put(60).await;
                for _ in 0..8 {
                    let running = world.begin(StreamStart::TrimHorizon);
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    running.cancel.cancel();
                    running.task.await.unwrap().unwrap();
                }
                world.read(StreamStart::TrimHorizon, 210).await;
            }
        },
    );
}

#[test]
fn shards_that_are_split_and_merged_are_followed() {
    with_credentials(
        "kinesis::shards_that_are_split_and_merged_are_followed",
        async {
            for emulator in emulators() {
                let mut world = StreamWorld::new(&emulator, "split", 1).await;
                world.put(20).await;
                let running = world.begin(StreamStart::TrimHorizon);
                running.until(&world, 20).await;
                let shards = world
                    .client
                    .list_shards()
                    .stream_name("split")
                    .send()
                    .await
                    .unwrap()
                    .shards
                    .unwrap();
                world
                    .client
                    .split_shard()
                    .stream_name("split")
                    .shard_to_split(&shards[0].shard_id)
                    .new_starting_hash_key("170141183460469231731687303715884105728")
                    .send()
                    .await
                    .unwrap();
                world.active().await;
                world.put(40).await;
                running.until(&world, 60).await;
                let shards = world
                    .client
                    .list_shards()
                    .stream_name("split")
                    .send()
                    .await
                    .unwrap()
                    .shards
                    .unwrap();
                let children: Vec<_> = shards
                    .iter()
                    .filter(|shard| shard.parent_shard_id.is_some())
                    .collect();
                assert_eq!(children.len(), 2, "{}", emulator.name);
                world
                    .client
                    .merge_shards()
                    .stream_name("split")
                    .shard_to_merge(&children[0].shard_id)
                    .adjacent_shard_to_merge(&children[1].shard_id)
                    .send()
                    .await
                    .unwrap();
                world.active().await;
                world.put(40).await;
                running.until(&world, 100).await;
                running.end().await;
                assert_eq!(world.events(), 100, "{}", emulator.name);
                world.put(5).await;
                world.read(StreamStart::TrimHorizon, 105).await;
            }
        },
    );
}

#[test]
fn latest_and_an_instant_skip_earlier_records() {
    with_credentials(
        "kinesis::latest_and_an_instant_skip_earlier_records",
        async {
            for emulator in emulators() {
                let mut world = StreamWorld::new(&emulator, "latest", 2).await;
                world.put(10).await;
                tokio::time::sleep(Duration::from_millis(1_100)).await;
                let running = world.begin(StreamStart::Latest);
                tokio::time::sleep(Duration::from_millis(300)).await;
                running.cancel.cancel();
                running.task.await.unwrap().unwrap();
                // The source had begun although it had read nothing, so the next start must not
                // skip records that arrive now.
                world.put(10).await;
                world.read(StreamStart::Latest, 10).await;

                let mut world = StreamWorld::new(&emulator, "instant", 2).await;
                world.put(10).await;
                tokio::time::sleep(Duration::from_millis(1_100)).await;
                let instant = Millis::now();
                tokio::time::sleep(Duration::from_millis(50)).await;
                world.put(7).await;
                world.read(StreamStart::At(instant), 7).await;
            }
        },
    );
}

#[test]
fn a_missing_stream_is_reported_and_retried() {
    with_credentials("kinesis::a_missing_stream_is_reported_and_retried", async {
        for emulator in emulators() {
            let world = StreamWorld::new(&emulator, "other", 1).await;
            let missing = StreamWorld {
                settings: StreamSettings {
                    stream_name: StreamName::new("missing").unwrap(),
                    ..world.settings.clone()
                },
                ..world
            };
            let running = missing.begin(StreamStart::TrimHorizon);
            while running.stats.error().is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let trouble = running.stats.error().unwrap();
            assert!(trouble.contains("ResourceNotFound"), "{trouble}");
            let mut world = StreamWorld {
                store: missing.store.clone(),
                ..StreamWorld::new(&emulator, "missing", 1).await
            };
            world.put(3).await;
            running.until(&world, 3).await;
            assert_eq!(running.stats.error(), None);
            running.end().await;
        }
    });
}

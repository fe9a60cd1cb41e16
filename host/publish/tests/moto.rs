//! Tests the `kinesis` destination against `moto_server`, which does not know Muster. The test
//! reads the records back from the stream and compares them byte by byte. A recorder in between
//! sees the credentials with which they were written.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use aws_smithy_http_client::Builder;
use muster_publish::{DrainOptions, drain};
use muster_testkit::emulator::{Emulator, skipped};
use muster_testkit::server::{ScriptedServer, ServerReply};

use crate::support::{Base, TestOutbox, bodies, destination, in_clean_environment};

/// Returns a client for the calls of the test itself.
fn client(moto: &Emulator) -> Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(moto.url())
        // The emulator keeps an account per owner of an access key; a session's account is that of
        // its role.
        .credentials_provider(Credentials::new("AKIATEST", "secret", None, None, "test"))
        .http_client(Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// Returns all records of the stream.
async fn records(client: &Client) -> Vec<Record> {
    let shards = client
        .list_shards()
        .stream_name("cohorts")
        .send()
        .await
        .unwrap();
    let mut records = Vec::new();
    for shard in shards.shards() {
        let iterator = client
            .get_shard_iterator()
            .stream_name("cohorts")
            .shard_id(shard.shard_id())
            .shard_iterator_type(ShardIteratorType::TrimHorizon);
        let mut next = iterator.send().await.unwrap().shard_iterator;
        while let Some(iterator) = next {
            let read = client
                .get_records()
                .shard_iterator(iterator)
                .limit(1_000)
                .send()
                .await
                .unwrap();
            next = read
                .next_shard_iterator
                .filter(|_| !read.records.is_empty());
            records.extend(read.records);
        }
    }
    records
}

#[test]
fn records_reach_the_stream_under_the_assumed_role() {
    in_clean_environment(
        "moto::records_reach_the_stream_under_the_assumed_role",
        Base::Key,
        async {
            let Some(moto) = Emulator::moto() else {
                return skipped("the kinesis destination against moto_server");
            };
            let client = client(&moto);
            client
                .create_stream()
                .stream_name("cohorts")
                .shard_count(3)
                .send()
                .await
                .unwrap();
            let port = moto.port;
            let recorder = ScriptedServer::start(move |_, _| ServerReply::Forward(port));

            let mut sent = bodies(1_100);
            sent.push((0..=255).collect());
            sent.push(vec![b'x'; 24 << 10]);
            let backlog = TestOutbox::of(sent.clone());
            let destination = destination(&recorder.endpoint);
            let options = DrainOptions::default();
            let report = drain(&backlog.store, "growth", &destination, &options, |_| {})
                .await
                .unwrap();
            assert_eq!((report.messages, report.attempts), (1_102, 3));
            assert!(report.complete && backlog.left("growth").is_empty());

            let records = records(&client).await;
            let mut received: Vec<_> = records
                .iter()
                .map(|record| record.data().as_ref().to_vec())
                .collect();
            received.sort();
            sent.sort();
            assert!(
                received == sent,
                "{} of {} records",
                received.len(),
                sent.len()
            );
            for record in &records {
                let key = record.partition_key().unwrap();
                assert!(
                    key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()),
                    "{key}"
                );
            }

            // The credentials are temporary ones of the role, not the process's own.
            let puts = recorder.received("PutRecords");
            assert_eq!(puts.len(), 3);
            assert!(
                puts.iter()
                    .all(|put| put.key.starts_with("ASIA") && put.key == puts[0].key)
            );
            assert_eq!(recorder.received("AssumeRole").len(), 1);

            // A second drain has nothing to send, and a missing stream is reported.
            let report = drain(&backlog.store, "growth", &destination, &options, |_| {})
                .await
                .unwrap();
            assert_eq!((report.attempts, report.complete), (0, true));
            client
                .delete_stream()
                .stream_name("cohorts")
                .send()
                .await
                .unwrap();
            backlog.add("growth", bodies(1));
            let error = drain(&backlog.store, "growth", &destination, &options, |_| {})
                .await
                .unwrap_err();
            assert_eq!(error.cause.kind(), "misconfigured", "{error}");
            assert_eq!(backlog.left("growth"), bodies(1));
        },
    );
}

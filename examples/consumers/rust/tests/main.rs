//! Runs the consumer on a stream of `moto_server` that holds each message up to three times, in a
//! random order.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::primitives::Blob;
use aws_smithy_http_client::Builder;
use muster_testkit::emulator::{Emulator, skipped};

const COHORTS: [&str; 3] = ["buyers", "readers", "left"];

/// Returns the messages of some runs, and the members after them.
fn runs(random: &mut fastrand::Rng) -> (Vec<String>, BTreeMap<String, BTreeSet<String>>) {
    let (mut messages, mut members) = (Vec::new(), BTreeMap::new());
    for cohort in COHORTS {
        let users: &mut BTreeSet<String> = members.entry(cohort.to_owned()).or_default();
        for second in 1_772_323_200..1_772_323_220 {
            for in_cohort in [true, false] {
                let mut moved: Vec<_> = (0..40).map(|user| format!("user-{user}")).collect();
                moved.retain(|user| users.contains(user) != in_cohort && random.u8(..) < 60);
                if cohort == "left" && second == 1_772_323_219 {
                    moved = if in_cohort {
                        Vec::new()
                    } else {
                        users.iter().cloned().collect()
                    };
                }
                for user in &moved {
                    if in_cohort {
                        users.insert(user.clone());
                    } else {
                        users.remove(user);
                    }
                }
                // A user that has just entered does not exit in the same run.
                if in_cohort && !moved.is_empty() {
                    messages.push(message(cohort, second, true, &moved));
                    break;
                }
                if !moved.is_empty() {
                    messages.push(message(cohort, second, false, &moved));
                }
            }
        }
    }
    (messages, members)
}

fn message(cohort: &str, second: i64, in_cohort: bool, users: &[String]) -> String {
    let users: Vec<_> = users
        .iter()
        .map(|user| serde_json::json!({ "user_id": user }))
        .collect();
    serde_json::json!({
        "cohort_name": cohort,
        "cohort_id": cohort,
        "in_cohort": in_cohort,
        "computed_time": second.to_string(),
        "message_id": format!("{cohort}-{second}-00000000:0"),
        "users": users,
    })
    .to_string()
}

#[tokio::test]
async fn duplicates_and_disorder_change_nothing() {
    let Some(moto) = Emulator::moto() else {
        return skipped("the consumer in Rust against moto_server");
    };
    let mut random = fastrand::Rng::with_seed(7);
    let (messages, wanted) = runs(&mut random);
    let mut records: Vec<_> = messages
        .iter()
        .flat_map(|message| std::iter::repeat_n(message, random.usize(1..=3)))
        .collect();
    random.shuffle(&mut records);
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(moto.url())
        .credentials_provider(Credentials::new("AKIATEST", "secret", None, None, "test"))
        .http_client(Builder::new().build_http());
    let client = Client::from_conf(config.build());
    let create = client.create_stream().stream_name("cohorts").shard_count(3);
    create.send().await.unwrap();
    for (index, record) in records.iter().enumerate() {
        let put = client.put_record().stream_name("cohorts");
        let put = put.partition_key(index.to_string());
        put.data(Blob::new(record.as_bytes())).send().await.unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_muster-example-consumer"))
        .arg("cohorts")
        .envs([
            ("AWS_ENDPOINT_URL", moto.url().as_str()),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIATEST"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let members: BTreeMap<String, BTreeSet<String>> =
        serde_json::from_slice(&output.stdout).unwrap();
    assert!(members["left"].is_empty() && !members["buyers"].is_empty());
    assert_eq!(members, wanted);
}

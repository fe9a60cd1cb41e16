//! Figures of publishing against the fake of AWS: the time of a million changes compared with the
//! time that the limits of the shards need, memory, failures, and the wait of a small cohort.
//!
//! ```sh
//! cargo build --release --workspace --example publish_numbers
//! target/release/examples/publish_numbers
//! ```
//!
//! The fake runs in this process, and each measurement in a child of it, whose memory is that of
//! the sender alone.

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use muster_aws_fake::{AwsFake, FakeFault, FakeStream, FaultKind, USER_KEY};
use muster_engine::payload::{self, RunEnvelope};
use muster_model::CohortId;
use muster_publish::{
    Destination, DrainOptions, DrainReport, EndpointUrl, KinesisSettings, Publisher, RegionName,
    StreamName,
};
use muster_store::{Identity, Message, RunCommit, Store, StoreOptions};

/// The variable that has the fake's address in a child.
const ENDPOINT: &str = "MUSTER_NUMBERS_ENDPOINT";

/// The variable that has the address of an emulator with a stream `cohorts`: only the changes are
/// sent, to this stream. `publish_numbers.py` does the same with boto3.
const EMULATOR: &str = "MUSTER_NUMBERS_EMULATOR";

/// The changes of a run.
const CHANGES: usize = 1_000_000;

/// The users that are packed at once.
const USERS_AT_ONCE: usize = 10_000;

/// The small messages by which the pace learns, and those that are measured then.
const SMALL: (usize, usize) = (300_000, 500_000);

/// The messages of a commit of the run.
const COMMIT_MESSAGES: usize = 1_000;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let (Ok(endpoint), [measurement]) = (env::var(ENDPOINT), arguments.as_slice()) {
        return child(&endpoint, measurement);
    }
    if let Ok(endpoint) = env::var(EMULATOR) {
        let answer = measure_at(&endpoint, "changes")?;
        println!(
            "muster: {} messages in {:.1} s, {:.1} s of CPU, {:.0} MB",
            answer.messages, answer.seconds, answer.cpu, answer.megabytes
        );
        return Ok(());
    }
    println!(
        "| measurement | changes | time | limit's own time | ratio | throttled | own memory |"
    );
    println!("|---|---|---|---|---|---|---|");
    for shards in [1, 16] {
        let fake = AwsFake::new();
        fake.add_stream("cohorts", FakeStream::shards(shards));
        let answer = measure(&fake, "changes")?;
        let records = fake.records("cohorts");
        let bytes: usize = records
            .iter()
            .map(|record| record.data.len() + record.partition_key.len())
            .sum();
        let own = bytes as f64 / 1e6 / shards as f64;
        println!(
            "| changes, {shards} shards | {CHANGES} | {:.1} s | {own:.1} s | {:.2} | {} entries | {:.0} MB |",
            answer.seconds,
            answer.seconds / own,
            fake.throttled("cohorts"),
            answer.megabytes,
        );
    }
    for one_in in [0, 100, 5] {
        let fake = AwsFake::new();
        fake.add_stream("cohorts", FakeStream::unlimited());
        if one_in > 0 {
            let code = "InternalFailure";
            fake.add_fault(FakeFault::new(
                "PutRecords",
                FaultKind::Entries { code, one_in },
            ));
        }
        let answer = measure(&fake, "small")?;
        println!(
            "| one in {one_in} fails, no limits | {} small messages | {:.1} s | | {:.0} messages/s | | {:.0} MB |",
            answer.messages,
            answer.seconds,
            answer.messages as f64 / answer.seconds,
            answer.megabytes,
        );
    }
    let fake = AwsFake::new();
    fake.add_stream("cohorts", FakeStream::shards(1));
    let answer = measure(&fake, "turns")?;
    println!(
        "| an entry of another cohort, 5 s after a backlog of {CHANGES} changes | 1 | {:.1} s | {:.1} s without turns | | | |",
        answer.waited,
        answer.seconds - 5.0
    );
    Ok(())
}

/// The result of a child.
#[derive(Default)]
struct PublishFigures {
    seconds: f64,
    megabytes: f64,
    messages: u64,
    waited: f64,
    /// Seconds of processor time of the drain.
    cpu: f64,
}

fn measure(fake: &AwsFake, measurement: &str) -> anyhow::Result<PublishFigures> {
    measure_at(&fake.endpoint(), measurement)
}

fn measure_at(endpoint: &str, measurement: &str) -> anyhow::Result<PublishFigures> {
    let output = Command::new(env::current_exe()?)
        .arg(measurement)
        .env(ENDPOINT, endpoint)
        .env("AWS_ACCESS_KEY_ID", USER_KEY)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "{measurement} failed");
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().context("a number is missing");
    Ok(PublishFigures {
        seconds: next()??,
        megabytes: next()??,
        messages: next()?? as u64,
        waited: next()??,
        cpu: next()??,
    })
}

fn child(endpoint: &str, measurement: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), &StoreOptions::default())?;
    match measurement {
        "small" => small(&store, SMALL.0)?,
        _ => run(&store, "large", CHANGES)?,
    }
    let destination = Destination::Kinesis(KinesisSettings {
        region: Some(RegionName::new("eu-west-1")?),
        endpoint_url: Some(EndpointUrl::new(endpoint)?),
        ..KinesisSettings::new(StreamName::new("cohorts")?)
    });
    let (ended, most) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let watch = {
        let (ended, most) = (Arc::clone(&ended), Arc::clone(&most));
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                most.fetch_max(anonymous_kilobytes(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let mut publisher = Publisher::new("growth", &destination);
    if measurement == "small" {
        runtime.block_on(drain(&store, &mut publisher, false))?;
        small(&store, SMALL.1)?;
    }
    let turns = measurement == "turns";
    let before = cpu_time::ProcessTime::try_now()?;
    let (report, seconds, waited) = runtime.block_on(drain(&store, &mut publisher, turns))?;
    let cpu = before.try_elapsed()?.as_secs_f64();
    ended.store(true, Ordering::Relaxed);
    let _ = watch.join();
    let megabytes = most.load(Ordering::Relaxed) as f64 / 1e3;
    println!("{seconds} {megabytes} {} {waited} {cpu}", report.messages);
    Ok(())
}

/// Drains the store. With `turns`, adds an entry of another cohort after five seconds, and measures
/// the time until it is delivered.
async fn drain(
    store: &Store,
    publisher: &mut Publisher,
    turns: bool,
) -> anyhow::Result<(DrainReport, f64, f64)> {
    let begun = Instant::now();
    let shared = Arc::new(store.clone());
    let other = turns.then(|| {
        let store = store.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            run(&store, "small", 1)?;
            let added = Instant::now();
            let last = store.outbox_ids("growth", 0, usize::MAX)?.pop();
            let (sequence, _) = last.context("nothing waits")?;
            while !store.outbox("growth", sequence - 1, 1, 1)?.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok::<_, anyhow::Error>(added.elapsed().as_secs_f64())
        })
    });
    let report = publisher
        .drain(&shared, &DrainOptions::default(), |_| {})
        .await?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(report.complete, "the drain ended early");
    let waited = match other {
        Some(other) => other.await??,
        None => 0.0,
    };
    Ok((report, seconds, waited))
}

/// Puts the messages of a run with so many entries into the outbox.
fn run(store: &Store, cohort: &str, entries: usize) -> anyhow::Result<()> {
    let cohort = CohortId::new(cohort).map_err(anyhow::Error::msg)?;
    let envelope = RunEnvelope {
        cohort: &cohort,
        name: cohort.as_str(),
        second: 1_772_000_000,
        identity: Identity(7),
    };
    // In parts, so that the memory of the preparation does not hide that of the drain.
    let mut batch = 0;
    for first in (0..entries).step_by(USERS_AT_ONCE) {
        let users: Vec<_> = (first..entries.min(first + USERS_AT_ONCE))
            .map(|number| payload::user(&format!("user-{number:08}@example.com"), &[]))
            .collect();
        let messages = payload::pack(&envelope, true, &users, &mut batch);
        put(
            store,
            messages
                .into_iter()
                .map(|message| (message.id, message.body)),
        )?;
    }
    Ok(())
}

/// Puts messages of one user into the outbox.
fn small(store: &Store, messages: usize) -> anyhow::Result<()> {
    let message = |number: usize| {
        let id = format!("small-1772000000-00000007:{number}");
        let body =
            format!("{{\"message_id\":\"{id}\",\"users\":[{{\"user_id\":\"user-{number}\"}}]}}");
        (id, body.into_bytes())
    };
    put(store, (0..messages).map(message))
}

fn put(store: &Store, messages: impl Iterator<Item = (String, Vec<u8>)>) -> anyhow::Result<()> {
    let mut messages = messages.map(|(id, body)| Message {
        destination: "growth".to_owned(),
        id,
        body,
    });
    loop {
        let part: Vec<_> = messages.by_ref().take(COMMIT_MESSAGES).collect();
        if part.is_empty() {
            return Ok(());
        }
        store.commit_run(&RunCommit {
            messages: part,
            ..RunCommit::default()
        })?;
    }
}

/// Returns the memory of this process that no file backs, in kilobytes; 0 where the system does not
/// say.
fn anonymous_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}

//! Every fault of AWS, before, during and after the commit, with and without a restart. At the end
//! each message is in the stream, with one body, and nothing waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use muster_aws_fake::{AwsFake, FakeFault, FakeStream, FaultKind, FaultMoment, MalformedAnswer};
use muster_publish::{DrainOptions, DrainReport, PublishError, Publisher};
use muster_store::{Message, RunCommit, Store, StoreOptions};
use muster_testkit::store::TestStore;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{Base, destination, in_clean_environment};

/// The messages of a case, of three cohorts.
const MESSAGES: u64 = 90;

/// The drains after which a case is stuck.
const DRAINS: usize = 20;

/// The cases at the same time.
const AT_ONCE: usize = 24;

#[derive(Clone, Debug)]
struct FaultCase {
    action: &'static str,
    kind: FaultKind,
    moment: FaultMoment,
    /// The number of calls with the fault.
    times: u64,
    restart: bool,
}

fn cases() -> Vec<FaultCase> {
    let put = [
        FaultKind::Hangup,
        FaultKind::Reset,
        FaultKind::Hang,
        FaultKind::Slow(Duration::from_millis(200)),
        FaultKind::Proxy(500),
        FaultKind::Proxy(503),
        FaultKind::Proxy(429),
        FaultKind::kinesis("InternalFailure"),
        FaultKind::kinesis("ServiceUnavailable"),
        FaultKind::kinesis("ProvisionedThroughputExceededException"),
        FaultKind::kinesis("AccessDeniedException"),
        FaultKind::kinesis("KMSDisabledException"),
        FaultKind::kinesis("KMSThrottlingException"),
        FaultKind::kinesis("KMSAccessDeniedException"),
        FaultKind::kinesis("ResourceNotFoundException"),
        FaultKind::kinesis("ExpiredTokenException"),
        FaultKind::kinesis("ValidationException"),
        FaultKind::Malformed(MalformedAnswer::Text),
        FaultKind::Malformed(MalformedAnswer::Empty),
        FaultKind::Malformed(MalformedAnswer::Cut),
        FaultKind::Malformed(MalformedAnswer::FewerEntries),
        FaultKind::Malformed(MalformedAnswer::EmptyEntries),
        FaultKind::Entries {
            code: "InternalFailure",
            one_in: 3,
        },
        FaultKind::Entries {
            code: "ProvisionedThroughputExceededException",
            one_in: 2,
        },
        FaultKind::Entries {
            code: "InternalFailure",
            one_in: 1,
        },
    ];
    let assume = [
        FaultKind::Hangup,
        FaultKind::Reset,
        FaultKind::Slow(Duration::from_millis(200)),
        FaultKind::Proxy(503),
        FaultKind::Malformed(MalformedAnswer::Text),
        FaultKind::Malformed(MalformedAnswer::Cut),
        FaultKind::Error {
            status: 403,
            code: "AccessDenied",
        },
        FaultKind::Error {
            status: 403,
            code: "ExpiredToken",
        },
        FaultKind::Error {
            status: 400,
            code: "Throttling",
        },
    ];
    let moments = [FaultMoment::Before, FaultMoment::During, FaultMoment::After];
    let mut cases = Vec::new();
    let actions = put.iter().map(|kind| ("PutRecords", kind));
    for (action, kind) in actions.chain(assume.iter().map(|kind| ("AssumeRole", kind))) {
        for moment in moments {
            for restart in [false, true] {
                // One hanging call takes the time limit of an answer.
                let times = if *kind == FaultKind::Hang { 1 } else { 2 };
                cases.push(FaultCase {
                    action,
                    kind: kind.clone(),
                    moment,
                    times,
                    restart,
                });
            }
        }
    }
    cases
}

fn outbox() -> BTreeMap<String, Vec<u8>> {
    (0..MESSAGES)
        .map(|number| {
            let id = format!("cohort-{}-{}-7a3f19c2:{number}", number % 3, 1_700_000_000);
            let body = format!(
                "{{\"message_id\":\"{id}\",\"padding\":\"{}\"}}",
                "x".repeat(500)
            );
            (id, body.into_bytes())
        })
        .collect()
}

fn add(counters: &mut DrainReport, result: &Result<DrainReport, PublishError>) {
    let report = match result {
        Ok(report) => report,
        Err(error) => &error.report,
    };
    counters.messages += report.messages;
    counters.retried += report.retried;
    counters.maybe_duplicates += report.maybe_duplicates;
    counters.dead += report.dead;
}

async fn run(case: FaultCase) {
    let fake = Arc::new(AwsFake::with_stream(FakeStream::unlimited()));
    let options = StoreOptions {
        map_size: 1 << 26,
        ..StoreOptions::default()
    };
    let mut store = TestStore::with(&options);
    let wanted = outbox();
    let message = |(id, body): (&String, &Vec<u8>)| Message {
        destination: "growth".to_owned(),
        id: id.clone(),
        body: body.clone(),
    };
    let commit = RunCommit {
        messages: wanted.iter().map(message).collect(),
        ..RunCommit::default()
    };
    store.commit_run(&commit).unwrap();
    let fault = FakeFault::new(case.action, case.kind.clone());
    fake.add_fault(fault.at(case.moment).times(case.times));

    let destination = destination(&fake.endpoint());
    let mut counters = DrainReport::default();
    let mut killed = false;
    if case.restart {
        let handle = Arc::new(Store::clone(&store));
        let (destination, cancelled) = (destination.clone(), Arc::clone(&handle));
        let drain = tokio::spawn(async move {
            let mut publisher = Publisher::new("growth", &destination);
            let options = DrainOptions::default();
            let _ = publisher.drain(&cancelled, &options, |_| {}).await;
        });
        while fake.calls(case.action).is_empty() && !drain.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        killed = !drain.is_finished();
        drain.abort();
        let _ = drain.await;
        // A call under way holds no store, but a commit under way does.
        while Arc::strong_count(&handle) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(handle);
        counters.messages += wanted.len() as u64
            - store
                .backlog()
                .unwrap()
                .first()
                .map_or(0, |backlog| backlog.1);
        store = store.reopened(&options);
    }
    let mut publisher = Publisher::new("growth", &destination);
    let (mut stops, mut complete) = (0, false);
    for _ in 0..DRAINS {
        let handle = Arc::new(Store::clone(&store));
        let result = publisher
            .drain(&handle, &DrainOptions::default(), |_| {})
            .await;
        add(&mut counters, &result);
        match result {
            Ok(report) => {
                complete = report.complete;
                break;
            }
            Err(_) => stops += 1,
        }
    }
    assert!(complete, "{case:?} is stuck");
    assert!(store.backlog().unwrap().is_empty(), "{case:?}");
    assert!(
        store
            .snapshot()
            .unwrap()
            .dead_letters(9)
            .unwrap()
            .is_empty(),
        "{case:?}"
    );

    let records = fake.records("cohorts");
    let mut bodies: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for record in &records {
        let body: serde_json::Value = serde_json::from_slice(&record.data).unwrap();
        let id = body["message_id"].as_str().unwrap().to_owned();
        bodies.entry(id).or_default().insert(record.data.to_vec());
    }
    assert!(bodies.values().all(|bodies| bodies.len() == 1), "{case:?}");
    let union: BTreeMap<_, _> = bodies
        .into_iter()
        .map(|(id, bodies)| (id, bodies.into_iter().next().unwrap()))
        .collect();
    assert!(union == wanted, "{case:?}: {} of {MESSAGES}", union.len());

    // The counters add up.
    assert_eq!(
        (counters.messages, counters.dead),
        (MESSAGES, 0),
        "{case:?}"
    );
    let duplicates = records.len() as u64 - MESSAGES;
    assert!(counters.maybe_duplicates <= counters.retried, "{case:?}");
    if !killed
        && stops == 0
        && !matches!(case.kind, FaultKind::Error { .. } | FaultKind::Proxy(429))
    {
        let throttled_but_stored = matches!(
            case.kind,
            FaultKind::Entries {
                code: "ProvisionedThroughputExceededException",
                ..
            }
        );
        let most = match throttled_but_stored {
            true => counters.retried,
            false => counters.maybe_duplicates,
        };
        assert!(duplicates <= most, "{case:?}: {duplicates} of {most}");
    }
}

#[test]
fn every_fault_at_every_moment_loses_nothing() {
    in_clean_environment(
        "matrix::every_fault_at_every_moment_loses_nothing",
        Base::Key,
        async {
            let permits = Arc::new(Semaphore::new(AT_ONCE));
            let mut running = JoinSet::new();
            let cases = cases();
            assert_eq!(cases.len(), (25 + 9) * 3 * 2);
            for case in cases {
                let permits = Arc::clone(&permits);
                running.spawn(async move {
                    let _permit = permits.acquire().await.unwrap();
                    run(case).await;
                });
            }
            while let Some(joined) = running.join_next().await {
                joined.unwrap();
            }
        },
    );
}

#[test]
fn a_stream_that_comes_and_goes_gets_everything() {
    in_clean_environment(
        "matrix::a_stream_that_comes_and_goes_gets_everything",
        Base::Key,
        async {
            let fake = AwsFake::with_stream(FakeStream::unlimited());
            let store = TestStore::new();
            let message = |(id, body)| Message {
                destination: "growth".to_owned(),
                id,
                body,
            };
            let commit = RunCommit {
                messages: outbox().into_iter().map(message).collect(),
                ..RunCommit::default()
            };
            store.commit_run(&commit).unwrap();
            fake.refuse_connections();
            let destination = destination(&fake.endpoint());
            let handle = Arc::new(Store::clone(&store));
            let drain = tokio::spawn(async move {
                let mut publisher = Publisher::new("growth", &destination);
                publisher
                    .drain(&handle, &DrainOptions::default(), |_| {})
                    .await
            });
            tokio::time::sleep(Duration::from_millis(500)).await;
            fake.listen_again();
            let report = drain.await.unwrap().unwrap();
            assert_eq!(
                (report.messages, fake.records("cohorts").len() as u64),
                (MESSAGES, MESSAGES)
            );
            assert!(report.retried > 0);
        },
    );
}

#[test]
fn a_stream_gets_what_its_shards_take_and_little_more() {
    in_clean_environment(
        "matrix::a_stream_gets_what_its_shards_take_and_little_more",
        Base::Key,
        async {
            let fake = AwsFake::with_stream(FakeStream::shards(2));
            let store = TestStore::new();
            let message = |number: u64| Message {
                destination: "growth".to_owned(),
                id: format!("large-1-a:{number}"),
                body: vec![b'x'; 24_000],
            };
            let commit = RunCommit {
                messages: (0..300).map(message).collect(),
                ..RunCommit::default()
            };
            store.commit_run(&commit).unwrap();
            let destination = destination(&fake.endpoint());
            let begun = std::time::Instant::now();
            let handle = Arc::new(Store::clone(&store));
            let mut publisher = Publisher::new("growth", &destination);
            let options = DrainOptions::default();
            let report = publisher.drain(&handle, &options, |_| {}).await.unwrap();
            // 7.2 MB at 2 MB/s are 3.6 s, of which the shards keep one second.
            let seconds = begun.elapsed().as_secs_f64();
            assert!((2.0..7.0).contains(&seconds), "{seconds}");
            assert_eq!(report.messages, 300);
            let throttled = fake.throttled("cohorts");
            assert_eq!((report.throttled, report.maybe_duplicates), (throttled, 0));
            assert!(throttled < 150, "{throttled} entries of 300 messages");
        },
    );
}

//! The service, killed again and again while it imports, takes events, computes, commits and sends.
//! No acknowledged event is lost, none counts twice, and a consumer ends with the members of a
//! service that was never interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_model::Millis;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};

use crate::consumer::Consumer;
use crate::project::TestProject;
use crate::service::running::{RunningMuster, free_port, request, until};

/// The number of kills; `MUSTER_TEST_KILLS` sets a larger number.
const KILLS: u64 = 200;

const USERS: u64 = 400;
const KEY: &str = "key";

/// Cohorts whose members are wrong if an event is lost or doubled, and one that needs the order and
/// the properties.
const COHORTS: [(&str, &str); 5] = [
    (
        "one",
        "where: {did: Purchase, times: {exactly: 1}, in_last: 30 days}",
    ),
    (
        "odd",
        "where: {any: [{did: Purchase, times: {exactly: 3}, in_last: 30 days}, {did: Purchase, times: {exactly: 5}, in_last: 30 days}]}",
    ),
    (
        "many",
        "where: {did: Purchase, times: {at_least: 8}, in_last: 30 days}",
    ),
    (
        "sums",
        "where: {did: Purchase, sum_of: {amount: {at_least: 200}}, in_last: 30 days}",
    ),
    (
        "carts",
        "where: {all: [{did_in_order: [Cart, Purchase], all_within: 1 hour}, {user: {plan: pro}}]}",
    ),
];

fn project(port: u16) -> TestProject {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        &format!(
            "guard: off\nsources:\n  - http: {{listen: \"127.0.0.1:{port}\", api_keys: [{KEY}]}}\n  - files: in/*.json\n\
             destinations: {{out: {{file: {{path: out.ndjson}}}}}}\n"
        ),
    );
    for (id, body) in COHORTS {
        let text =
            format!("cadence: real_time\nsync: [{{to: out, user_properties: [plan]}}]\n{body}\n");
        project.write(&format!("cohorts/{id}.yaml"), &text);
    }
    std::fs::create_dir(project.path().join("in")).unwrap();
    project
}

/// Returns the `nth` event. Any two events differ in their insert ids and times, and their users
/// follow no pattern.
fn event(nth: u64, start: i64) -> Value {
    let user = nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let name = if nth.is_multiple_of(3) {
        "Cart"
    } else {
        "Purchase"
    };
    json!({
        "user_id": format!("user-{}", user % USERS),
        "event_type": name,
        "time": start + i64::try_from(nth).unwrap() * 1_000,
        "insert_id": format!("event-{nth}"),
        "event_properties": { "amount": nth % 100 },
        "user_properties": { "plan": if user.is_multiple_of(2) { "pro" } else { "free" } },
    })
}

/// A client that sends events until it is stopped. It repeats each request until the service
/// acknowledges it.
struct Client {
    port: u16,
    start: i64,
    next: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<u64>>>,
}

impl Client {
    fn run(&self) {
        while !self.end.load(Ordering::Relaxed) {
            let first = self.next.fetch_add(7, Ordering::Relaxed);
            let events: Vec<_> = (first..first + 7)
                .map(|nth| event(nth, self.start))
                .collect();
            let body = json!({ "api_key": KEY, "events": events }).to_string();
            let text = format!(
                "POST /2/httpapi HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            loop {
                match request(self.port, &text) {
                    Ok((200, _)) => break,
                    // The service is down, or went down before it answered: like the SDKs, the
                    // client sends again.
                    Ok((503 | 429, _)) | Err(_) => std::thread::sleep(Duration::from_millis(10)),
                    Ok(other) => panic!("{other:?}"),
                }
            }
            self.acknowledged.lock().unwrap().extend(first..first + 7);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_service_killed_repeatedly_sends_the_same_membership() {
    let kills = std::env::var("MUSTER_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let port = free_port();
    let project = project(port);
    let start = Millis::now().0 - 10 * 86_400_000;
    let next = Arc::new(AtomicU64::new(0));
    let end = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let client = Client {
                port,
                start,
                next: Arc::clone(&next),
                end: Arc::clone(&end),
                acknowledged: Arc::clone(&acknowledged),
            };
            std::thread::spawn(move || client.run())
        })
        .collect();

    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut files = 0;
    for kill in 0..kills {
        let mut service = RunningMuster::begin(&project, &[]);
        // From time to time a file comes in, so that imports are interrupted too.
        if kill % 4 == 1 {
            let first = next.fetch_add(500, Ordering::Relaxed);
            let mut lines = String::new();
            for nth in first..first + 500 {
                writeln!(lines, "{}", event(nth, start)).unwrap();
            }
            project.write(&format!("in/{files:03}.json"), &lines);
            acknowledged.lock().unwrap().extend(first..first + 500);
            files += 1;
        }
        // The kill comes between the time before the service listens and the middle of its second
        // run.
        std::thread::sleep(Duration::from_millis(u64::from(random.next_u32() % 900)));
        assert!(
            service.is_running(),
            "it ended by itself:\n{}",
            service.log()
        );
        service.signal("KILL");
        service.wait();
    }
    end.store(true, Ordering::Relaxed);
    let mut service = RunningMuster::start(&project, &["--drain"]);
    for client in clients {
        client.join().unwrap();
    }
    let sent = std::mem::take(&mut *acknowledged.lock().unwrap());
    assert!(
        sent.len() as u64 > kills,
        "events got through: {}",
        sent.len()
    );

    // The oracle: the same events in one file, in one run.
    let whole = self::project(free_port());
    let mut lines = String::new();
    for nth in &sent {
        writeln!(lines, "{}", event(*nth, start)).unwrap();
    }
    whole.write("in/all.json", &lines);
    whole.json(&["run", "--once"]);
    let mut expected = Consumer::default();
    expected.take(&whole.read("out.ndjson"));
    let mut expected = expected.members();
    let mut counted = BTreeMap::new();
    for nth in &sent {
        let event = event(*nth, start);
        if event["event_type"] == "Purchase" {
            *counted
                .entry(event["user_id"].as_str().unwrap().to_owned())
                .or_insert(0) += 1;
        }
    }
    let once: BTreeSet<String> = counted
        .iter()
        .filter(|(_, count)| **count == 1)
        .map(|(user, _)| user.clone())
        .collect();
    assert_eq!(
        expected.remove("one").unwrap_or_default(),
        once,
        "the oracle itself"
    );
    expected.insert("one".to_owned(), once);
    expected.retain(|_, members| !members.is_empty());

    let members = || {
        let mut consumer = Consumer::default();
        consumer.take(&project.read("out.ndjson"));
        let mut members = consumer.members();
        members.retain(|_, members| !members.is_empty());
        members
    };
    until("all events are sent", || members() == expected);
    service.stop();
    assert_eq!(members(), expected);
    let events = project.json(&["status"])["store"]["events"]
        .as_u64()
        .unwrap();
    assert!(
        events >= sent.len() as u64,
        "{events} of {} events are stored",
        sent.len()
    );
}

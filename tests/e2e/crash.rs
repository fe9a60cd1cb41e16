//! SIGKILL at random moments: no event is lost, and none counts twice.

use std::fmt::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::consumer::without_identity;
use crate::project::{TestProject, muster};

const EVENTS: u64 = 150_000;

fn project(events: &str) -> TestProject {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        "clock: 2026-03-01T00:00:00Z\ndestinations:\n  out: {file: {path: out.ndjson}}\n",
    );
    project.write(
        "cohorts/buyers.yaml",
        "sync: [{to: out, user_properties: [city]}]\nwhere: {did: Purchase, with: {amount: {at_least: 50}}, times: {at_least: 3}, in_last: 30 days}\n",
    );
    project.write("events.json", events);
    project
}

/// Returns lines without `$insert_id`: a line that is imported twice counts twice.
fn events() -> String {
    let mut lines = String::new();
    for number in 0..EVENTS {
        let (user, second) = (number * 7919 % 5000, number % 60);
        let (day, minute) = (1 + number / 60 % 28, number / 60 % 60);
        writeln!(
            lines,
            r#"{{"event_type":"Purchase","user_id":"user-{user}","event_time":"2026-02-{day:02} 10:{minute:02}:{second:02}.000000","event_properties":{{"amount":{}}},"user_properties":{{"city":"City {}"}}}}"#,
            number % 100,
            user % 7
        )
        .unwrap();
    }
    lines
}

#[test]
fn an_import_killed_repeatedly_stores_the_same_events() {
    let events = events();
    let (killed, whole) = (project(&events), project(&events));
    let started = Instant::now();
    whole.json(&["import", "events.json"]);
    let length = started.elapsed();

    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut kills = 0;
    for _ in 0..30 {
        let mut child = muster(&["import", "events.json"])
            .current_dir(killed.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(
            length
                .mul_f64(f64::from(random.next_u32() % 100) / 100.0)
                .max(Duration::from_millis(5)),
        );
        match child.try_wait().unwrap() {
            Some(_) => {}
            None => {
                // SIGKILL: no handler runs, and no buffer is flushed.
                child.kill().unwrap();
                kills += 1;
            }
        }
        child.wait().unwrap();
    }
    assert!(kills > 0, "every import ended before it could be killed");
    killed.json(&["import", "events.json"]);

    let counted = killed.json(&["status"]);
    assert_eq!(counted["store"]["events"], EVENTS);
    for project in [&killed, &whole] {
        project.json(&["run", "--once"]);
    }
    let sent = |project: &TestProject| without_identity(&project.read("out.ndjson"));
    assert_eq!(sent(&killed), sent(&whole));
}

#[test]
fn a_run_killed_repeatedly_sends_the_same_messages() {
    let events = events();
    let (killed, whole) = (project(&events), project(&events));
    for project in [&killed, &whole] {
        project.json(&["import", "events.json"]);
    }
    let started = Instant::now();
    whole.json(&["run", "--once"]);
    let length = started.elapsed();

    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for _ in 0..20 {
        let mut child = muster(&["run", "--once"])
            .current_dir(killed.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(length.mul_f64(f64::from(random.next_u32() % 110) / 100.0));
        let _ = child.kill();
        child.wait().unwrap();
    }
    killed.json(&["run", "--once"]);
    // Messages arrive at least once, with the same ids and bytes.
    let lines = |project: &TestProject| {
        let text = without_identity(&project.read("out.ndjson"));
        text.lines()
            .map(str::to_owned)
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(lines(&killed), lines(&whole));
}

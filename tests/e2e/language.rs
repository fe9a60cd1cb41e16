//! The whole cohort language, from event files to messages, compared with
//! `tests/oracle/language.py`, which shares no code with Muster. The definitions are in
//! `language/project/`. The events are those of the example, and some from `language/events.rs`
//! with cases that the example lacks.

mod events;

use std::collections::BTreeSet;
use std::process::Command;

use crate::consumer::{Consumer, MembersByCohort};
use crate::project::{TestProject, copy, python, root};

/// Makes a project with the definitions and the example's events.
fn project() -> TestProject {
    let project = TestProject::new();
    copy(&root().join("tests/e2e/language/project"), project.path());
    copy(
        &root().join("examples/shop/events"),
        &project.path().join("events"),
    );
    project
}

/// Returns the members by the oracle, which reads the same files, and all known users.
fn oracle(project: &TestProject, now: &str) -> (MembersByCohort, BTreeSet<String>) {
    let output = Command::new(python())
        .arg("-B")
        .arg(root().join("tests/oracle/language.py"))
        .arg(project.path())
        .arg(now)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut members: MembersByCohort = serde_json::from_slice(&output.stdout).unwrap();
    let everyone = members.remove("").unwrap();
    (members, everyone)
}

/// Returns the members that a consumer of the one destination holds.
fn received(project: &TestProject) -> MembersByCohort {
    let mut consumer = Consumer::default();
    consumer.take(&project.read("out/all.ndjson"));
    consumer.members()
}

/// Lists the users who are in a cohort by one of the two only.
fn differences(received: &MembersByCohort, wanted: &MembersByCohort) -> Vec<String> {
    let no_users = BTreeSet::new();
    let mut differences = Vec::new();
    for (cohort, users) in wanted {
        let received = received.get(cohort).unwrap_or(&no_users);
        let missing: Vec<_> = users.difference(received).take(5).collect();
        let extra: Vec<_> = received.difference(users).take(5).collect();
        if received != users {
            differences.push(format!(
                "{cohort}: {} received, {} wanted; missing {missing:?}, too many {extra:?}",
                received.len(),
                users.len()
            ));
        }
    }
    differences
}

/// Runs the project at a clock, twice, and compares the received members with the oracle's answer.
fn assert_at(project: &TestProject, now: &str) -> (MembersByCohort, BTreeSet<String>) {
    project.json(&["run", "--once", "--now", now]);
    let (wanted, everyone) = oracle(project, now);
    let differences = differences(&received(project), &wanted);
    assert!(
        differences.is_empty(),
        "at {now}:\n{}",
        differences.join("\n")
    );

    let sent = project.read("out/all.ndjson");
    let again = project.json(&["run", "--once", "--now", now]);
    let cohorts = again["cohorts"].as_array().unwrap();
    assert_eq!(cohorts.len(), wanted.len(), "the oracle knows every cohort");
    for cohort in cohorts {
        assert_eq!(cohort["messages"], 0, "{cohort}");
        let id = cohort["id"].as_str().unwrap();
        assert_eq!(cohort["members"], wanted[id].len(), "{cohort}");
    }
    assert_eq!(project.read("out/all.ndjson"), sent, "nothing has changed");
    (wanted, everyone)
}

#[test]
fn the_whole_language_agrees_with_the_oracle_as_the_clock_moves() {
    let project = project();
    let lines = events::lines();
    // Every third line is late: it comes with the second file, at any time.
    let file = |late: bool| -> String {
        let lines = lines.iter().enumerate();
        let chosen = lines.filter(|(at, _)| (at % 3 == 2) == late);
        chosen.map(|(_, line)| format!("{line}\n")).collect()
    };
    project.write("own/1.ndjson", &file(false));

    let mut changed = BTreeSet::new();
    let mut seen = Vec::new();
    for now in [
        // The last instant of a day in Los Angeles, and the first of the next.
        "2026-02-17T07:59:59.999Z",
        "2026-02-17T08:00:00Z",
        "2026-02-22T18:30:00Z",
        "2026-03-01T00:00:00Z",
        // The clocks have gone forward, in Havana at midnight.
        "2026-03-09T06:59:59Z",
        // The clock goes back.
        "2026-02-20T12:00:00Z",
    ] {
        if now == "2026-03-01T00:00:00Z" {
            project.write("own/2.ndjson", &file(true));
        }
        let (members, everyone) = assert_at(&project, now);
        let changing = |users: &BTreeSet<String>| !users.is_empty() && users.len() < everyone.len();
        let changing = members.iter().filter(|(_, users)| changing(users));
        changed.extend(changing.map(|(cohort, _)| cohort.clone()));
        seen.push(members);
    }
    for cohort in seen[0].keys() {
        assert!(
            changed.contains(cohort),
            "{cohort} has no user or every user at all times, and shows nothing"
        );
        let moves = seen
            .iter()
            .any(|members| members[cohort] != seen[0][cohort]);
        assert!(moves || cohort == "vip", "{cohort} never changes");
    }
}

//! The example, from an empty store to messages, compared with `tests/oracle/shop.py`, which shares
//! no code with Muster.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::consumer::{Consumer, MembersByCohort, without_identity};
use crate::project::{TestProject, python, root};

/// Returns the members by the oracle, which reads the same files.
pub(crate) fn oracle(project: &TestProject, now: &str) -> MembersByCohort {
    let script = root().join("tests/oracle/shop.py");
    let events = project.path().join("events");
    let output = Command::new(python())
        .arg(script)
        .arg("--events")
        .arg(events)
        .args(["--now", now])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let members: BTreeMap<String, Vec<String>> = serde_json::from_slice(&output.stdout).unwrap();
    members
        .into_iter()
        .map(|(cohort, users)| (cohort, users.into_iter().collect()))
        .collect()
}

/// Returns the messages that each of the example's destinations has received so far.
fn received(project: &TestProject) -> [Consumer; 2] {
    ["growth", "crm"].map(|name| {
        let mut consumer = Consumer::default();
        consumer.take(&project.read(&format!("out/{name}.ndjson")));
        consumer
    })
}

/// Asserts that every destination has the right members of its cohorts.
fn assert_members(consumers: &[Consumer], wanted: &MembersByCohort) {
    for consumer in consumers {
        let members = consumer.members();
        assert!(members.len() >= 3, "each destination has several cohorts");
        for (cohort, users) in &members {
            assert_eq!(users, &wanted[cohort], "{cohort}");
        }
    }
}

#[test]
fn the_example_agrees_with_the_oracle_as_the_clock_moves() {
    let project = TestProject::example("shop");
    let first = project.json(&["run", "--once"]);
    let now = "2026-03-01T00:00:00Z";
    assert_members(&received(&project), &oracle(&project, now));
    let wanted = oracle(&project, now);
    assert_eq!(first["cohorts"].as_array().unwrap().len(), 6);
    for cohort in first["cohorts"].as_array().unwrap() {
        let id = cohort["id"].as_str().unwrap();
        assert_eq!(cohort["members"], wanted[id].len(), "{id}");
        assert!(
            cohort["members"].as_u64().unwrap() > 0,
            "{id} is empty and shows nothing"
        );
    }

    // Without changes the run evaluates no user and sends no message.
    let sent = project.read("out/growth.ndjson");
    let second = project.json(&["run", "--once"]);
    assert!(
        second["cohorts"]
            .as_array()
            .unwrap()
            .iter()
            .all(|cohort| cohort["messages"] == 0)
    );
    assert_eq!(project.read("out/growth.ndjson"), sent);

    // Only the clock moves: windows expire.
    let mut exits = 0;
    for later in [
        "2026-03-01T00:00:01Z",
        "2026-03-03T12:34:56.789Z",
        "2026-03-20T00:00:00Z",
        "2026-06-01T00:00:00Z",
    ] {
        let report = project.json(&["run", "--once", "--now", later]);
        exits += report["cohorts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cohort| cohort["exited"].as_u64().unwrap())
            .sum::<u64>();
        assert_members(&received(&project), &oracle(&project, later));
    }
    assert!(exits > 0, "no window expired");

    // The clock moves back: at an earlier clock all users are evaluated again.
    project.json(&["run", "--once", "--now", "2026-02-20T00:00:00Z"]);
    assert_members(
        &received(&project),
        &oracle(&project, "2026-02-20T00:00:00Z"),
    );
}

#[test]
fn later_files_change_only_their_users() {
    let project = TestProject::example("shop");
    let events = project.path().join("events");
    let mut files: Vec<_> = std::fs::read_dir(&events)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    // Half of the files come in a shuffled order, with late events among them; then the rest.
    let held = project.path().join("held");
    std::fs::create_dir(&held).unwrap();
    for file in files.iter().step_by(2) {
        std::fs::rename(file, held.join(file.file_name().unwrap())).unwrap();
    }
    project.json(&["run", "--once"]);
    for file in files.iter().step_by(2) {
        std::fs::rename(held.join(file.file_name().unwrap()), file).unwrap();
    }
    project.json(&["run", "--once"]);
    assert_members(
        &received(&project),
        &oracle(&project, "2026-03-01T00:00:00Z"),
    );
}

#[test]
fn payloads_have_the_vendors_format() {
    let project = TestProject::example("shop");
    project.json(&["run", "--once"]);
    let text = project.read("out/growth.ndjson");
    for line in text.lines() {
        assert!(line.len() <= 24 * 1024);
        assert!(line.starts_with(r#"{"cohort_name":""#), "{line}");
        let message: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<_> = message.as_object().unwrap().keys().cloned().collect();
        let mut wanted = vec![
            "cohort_id",
            "cohort_name",
            "computed_time",
            "in_cohort",
            "message_id",
            "users",
        ];
        wanted.sort_unstable();
        assert_eq!(keys, wanted);
        assert_eq!(message["computed_time"], "1772323200");
        let id = message["message_id"].as_str().unwrap();
        assert!(
            id.starts_with(&format!(
                "{}-1772323200-",
                message["cohort_id"].as_str().unwrap()
            )),
            "{id}"
        );
    }
    // The same data give the same bytes, except the store's identity in the ids: the run is a pure
    // function.
    let again = TestProject::example("shop");
    again.json(&["run", "--once"]);
    let other = again.read("out/growth.ndjson");
    assert_ne!(other, text);
    assert_eq!(without_identity(&other), without_identity(&text));
}

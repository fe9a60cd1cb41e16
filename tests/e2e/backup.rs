//! A backup under load, its restore, and the report of messages whose destination is gone.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::consumer::Consumer;
use crate::project::TestProject;
use crate::service::running::{self, RunningMuster, free_port, until};

const KEY: &str = "key";
const DEFINITION: &str =
    "cadence: real_time\nsync: [{to: out}]\nwhere: {did: Purchase, in_last: 30 days}\n";

fn project(port: u16) -> TestProject {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        &format!(
            "sources: [{{http: {{listen: \"127.0.0.1:{port}\", api_keys: [{KEY}]}}}}]\n\
             destinations:\n  out: {{file: {{path: out.ndjson}}}}\n"
        ),
    );
    project.write("cohorts/buyers.yaml", DEFINITION);
    project
}

fn send(port: u16, user: &str) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let time = u64::try_from(now.unwrap().as_millis()).unwrap();
    let event = json!({ "user_id": user, "event_type": "Purchase", "time": time });
    let body = json!({ "api_key": KEY, "events": [event] }).to_string();
    let (status, answer) = running::post(port, "/2/httpapi", &body);
    assert_eq!(status, 200, "{answer}");
}

fn ids(project: &TestProject) -> Vec<String> {
    let lines = project.read("out.ndjson");
    let id = |line: &str| {
        let message: Value = serde_json::from_str(line).unwrap();
        message["message_id"].as_str().unwrap().to_owned()
    };
    lines.lines().map(id).collect()
}

#[test]
fn a_backup_of_a_running_service_is_restored_with_instructions() {
    let port = free_port();
    let project = project(port);
    let mut service = RunningMuster::start(&project, &[]);
    let ended = AtomicBool::new(false);
    let copied = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut sent = 0;
            while !ended.load(Ordering::Relaxed) {
                send(port, &format!("user-{sent}"));
                sent += 1;
            }
            sent
        });
        until("some users are in", || {
            let status = project.json(&["status"]);
            status["cohorts"][0]["members"].as_u64().unwrap() > 20
        });
        let copied = project.json(&["backup", "copy"]);
        ended.store(true, Ordering::Relaxed);
        let sent: u64 = load.join().unwrap();
        assert!(sent > 20);
        copied
    });
    assert!(copied["bytes"].as_u64().unwrap() > 0, "{copied}");
    // One more user enters after the backup; the copy does not have this user.
    send(port, "late");
    until("the late one is in", || {
        project.read("out.ndjson").contains("\"late\"")
    });
    service.stop();
    assert_eq!(project.json(&["status"])["restored"], json!(null));
    let before = ids(&project);

    let again = project.output(&["backup", "copy"]);
    assert_eq!(again.status.code(), Some(1));
    let error = String::from_utf8(again.stderr).unwrap();
    assert!(error.contains("is not empty"), "{error}");

    let store = project.path().join(".muster");
    std::fs::remove_dir_all(&store).unwrap();
    std::fs::rename(project.path().join("copy"), &store).unwrap();
    let mut service = RunningMuster::start(&project, &[]);
    let status = project.json(&["status"]);
    assert_eq!(
        status["restored"]["unreconciled"],
        json!([{ "cohort": "buyers", "destination": "out" }])
    );
    let text = project.output(&["status"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("\n  muster reconcile buyers --to out\n"),
        "{text}"
    );
    project.json(&["reconcile", "buyers", "--to", "out"]);
    until("the copy is known again", || {
        project.json(&["status"])["restored"] == json!(null)
    });
    send(port, "new");
    until("the new one is in", || {
        project.read("out.ndjson").contains("\"new\"")
    });
    service.stop();
    assert!(ids(&project).len() > before.len());
    // A message that waited in the copy is sent a second time, unchanged; no other message has its
    // id.
    Consumer::default().take(&project.read("out.ndjson"));
}

#[test]
fn messages_for_a_destination_that_left_are_named() {
    let project = TestProject::new();
    let config = |destinations: &str| {
        project.write(
            "muster.yaml",
            &format!("clock: 2026-03-01T00:00:00Z\nsources: [{{files: events.json}}]\ndestinations:{destinations}\n"),
        );
    };
    let event = json!({ "user_id": "user-1", "event_type": "Purchase", "event_time": "2026-02-28 10:00:00" });
    project.write("events.json", &event.to_string());
    project.write("cohorts/buyers.yaml", DEFINITION);
    // Messages cannot be written to a folder.
    std::fs::create_dir(project.path().join("out.ndjson")).unwrap();
    config("\n  out: {file: {path: out.ndjson}}\n  other: {file: {path: other.ndjson}}");
    assert_eq!(project.output(&["run", "--once"]).status.code(), Some(1));
    assert_eq!(project.json(&["status"])["stranded"], json!([]));
    config("\n  other: {file: {path: other.ndjson}}");
    project.write("cohorts/buyers.yaml", &DEFINITION.replace("out", "other"));
    let status = project.json(&["status"]);
    let stranded = &status["stranded"][0];
    assert_eq!(
        (&stranded["name"], &stranded["waiting_messages"]),
        (&json!("out"), &json!(1))
    );
    assert_eq!(&project.json(&["check"])["stranded"], &status["stranded"]);
    let check = project.output(&["check"]);
    let warned = String::from_utf8(check.stderr).unwrap();
    assert!(
        warned.contains("destination out: 1 message ")
            && warned.contains("muster.yaml has no such destination"),
        "{warned}"
    );
}

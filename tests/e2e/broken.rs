//! Commands that answer from the store, or through the running service, while the project's files
//! have faults.

use serde_json::json;

use crate::project::{TestProject, muster};
use crate::service::running::RunningMuster;

/// A source whose key is in a variable that is not set. Everything else is right.
const SECRET: &str =
    "sources: [{http: {listen: \"127.0.0.1:0\", api_keys: [\"${MUSTER_TEST_UNSET}\"]}}]\n";
const REST: &str = "destinations: {out: {file: {path: out.ndjson}}}\n";
const COHORT: &str = "cadence: real_time\nsync: [out]\nwhere: {did: Purchase}\n";

/// Makes a project that has run once: ann and bob are in `buyers`.
fn project() -> TestProject {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        &format!("sources: [{{files: events.json}}]\n{REST}"),
    );
    project.write("cohorts/buyers.yaml", COHORT);
    let line = |user: &str| {
        format!(
            r#"{{"event_type":"Purchase","user_id":"{user}","event_time":"2026-02-10 08:00:00"}}"#
        )
    };
    project.write("events.json", &["ann", "bob"].map(line).join("\n"));
    project.json(&["run", "--once", "--now", "2026-03-01T00:00:00Z"]);
    project
}

/// Asserts that all commands that need only the store answer.
fn answers(project: &TestProject) {
    let status = project.json(&["status"]);
    assert_eq!(status["cohorts"][0]["id"], "buyers", "{status}");
    assert_eq!(status["cohorts"][0]["members"], 2);
    assert_eq!(status["destinations"][0]["name"], "out", "{status}");
    let members = project.json(&["members", "buyers"]);
    assert_eq!(members["members"], json!(["ann", "bob"]));
    let history = project.json(&["history", "buyers"]);
    assert_eq!(history["runs"][0]["entered"], 2);
}

#[test]
fn commands_that_need_no_secret_run_without_it() {
    let project = project();
    project.write("muster.yaml", &format!("{SECRET}{REST}"));
    answers(&project);
    assert_eq!(project.json(&["sync", "buyers"])["run"]["members"], 2);
    project.json(&["plan"]);
    project.json(&["explain", "buyers", "ann"]);
    project.json(&["forget", "bob"]);
    assert_eq!(project.json(&["status"])["cohorts"][0]["members"], 1);
    // Commands that open the source need the variable, and `check` reports it.
    for arguments in [&["check"][..], &["run", "--once"]] {
        let output = project.output(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains("`MUSTER_TEST_UNSET` is not set"));
    }
}

#[test]
fn commands_that_need_only_the_store_answer_despite_wrong_settings() {
    let project = project();
    project.write(
        "muster.yaml",
        &format!("store: ${{MUSTER_TEST_UNSET:-.muster}}\ntime_zone: Mars\nsorces: []\n{REST}"),
    );
    let mut status = project.json(&["status"]);
    assert_eq!(status["cohorts"][0]["members"], 2, "{status}");
    let faults = status["faults"].take();
    assert_eq!(
        (faults[0]["file"].clone(), faults[0]["line"].clone()),
        (json!("muster.yaml"), json!(2))
    );
    assert_eq!(
        project.json(&["members", "buyers"])["members"],
        json!(["ann", "bob"])
    );
    assert_eq!(
        project.json(&["history", "buyers"])["runs"][0]["entered"],
        2
    );
    project.json(&["forget", "bob"]);
    // Commands that need the definition report its errors.
    let output = project.output(&["sync", "buyers"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && stderr.contains("Mars"),
        "{stderr}"
    );
}

#[test]
fn the_running_service_answers_despite_wrong_files() {
    let project = project();
    let mut service = RunningMuster::start(&project, &["--now", "2026-03-01T00:00:00Z"]);
    project.write("muster.yaml", &format!("{SECRET}sorces: []\n"));
    project.write("cohorts/buyers.yaml", "where: {");
    let status = project.json(&["status"]);
    assert_ne!(status["running"], json!(null));
    answers(&project);
    assert_eq!(project.json(&["sync", "buyers"])["run"]["members"], 2);
    project.json(&["forget", "bob"]);
    for command in ["approve", "reject"] {
        let output = muster(&[command, "buyers"])
            .current_dir(project.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("no run of `buyers` is held"), "{stderr}");
    }
    service.stop();
}

//! The vendor's own SDKs, unchanged except for the address, send to the built binary, and a cohort
//! finds their events.
//!
//! `cargo xtask test` installs them and passes their places: `MUSTER_TEST_NODE_MODULES` and
//! `MUSTER_TEST_PYTHON`.

use std::io::Write;
use std::process::Command;

use serde_json::json;

use crate::project::{TestProject, root};
use crate::service::running::{RunningMuster, free_port, until};

const KEY: &str = "key-of-the-sdk";

/// Returns the SDKs that are installed, each with its script.
fn sdks(script: &str) -> Vec<(&'static str, Command)> {
    let mut sdks = Vec::new();
    if let Some(modules) = std::env::var_os("MUSTER_TEST_NODE_MODULES") {
        let mut node = Command::new("node");
        node.arg(root().join(format!("tests/sdk/{script}.js")))
            .env("NODE_PATH", modules);
        sdks.push(("node", node));
    }
    if let Some(python) = std::env::var_os("MUSTER_TEST_PYTHON") {
        let mut command = Command::new(python);
        command.arg(root().join(format!("tests/sdk/{script}.py")));
        sdks.push(("python", command));
    }
    if sdks.is_empty() {
        // This bypasses the test harness, which shows only the output of failures.
        let text = "\n*** SKIPPED: the vendor's SDKs against the service. `cargo xtask test` installs and runs them.\n";
        std::io::stderr().write_all(text.as_bytes()).unwrap();
    }
    sdks
}

/// Runs an SDK and returns the number of its events by status.
fn statuses(sdk: &mut Command, arguments: &[&str]) -> serde_json::Value {
    let output = sdk.args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let line = output.stdout.split(|byte| *byte == b'\n').next().unwrap();
    serde_json::from_slice(line).unwrap()
}

/// Starts a service with a real-time cohort that takes events over HTTP. Returns the URL.
fn service(
    project: &TestProject,
    cohort: &str,
    sync: &str,
    clause: &str,
) -> (RunningMuster, String) {
    let port = free_port();
    project.write(
        "muster.yaml",
        &format!(
            "sources: [{{http: {{listen: \"127.0.0.1:{port}\", api_keys: [{KEY}]}}}}]\n\
             destinations: {{out: {{file: {{path: out.ndjson}}}}}}\n"
        ),
    );
    project.write(
        &format!("cohorts/{cohort}.yaml"),
        &format!("cadence: real_time\nsync: [{sync}]\nwhere: {clause}\n"),
    );
    let service = RunningMuster::start(project, &[]);
    (service, format!("http://127.0.0.1:{port}/2/httpapi"))
}

#[test]
fn events_of_the_vendors_sdks_are_found_in_a_cohort() {
    let sdks = sdks("send");
    if sdks.is_empty() {
        return;
    }
    let project = TestProject::new();
    let (mut service, url) = service(
        &project,
        "readers",
        "{to: out, user_properties: [city, plan, visits]}",
        "{all: [{did: View, times: {exactly: 20}, in_last: 1 day}, {did: Purchase, with: {amount: {at_least: 60}}, in_last: 1 day}, {user: {city: Zürich, plan: pro}}]}",
    );
    let mut users: Vec<&str> = Vec::new();
    for (user, mut sdk) in sdks {
        // All events except the malformed one.
        let statuses = statuses(&mut sdk, &[&url, KEY, "20", "7"]);
        assert_eq!(statuses, json!({ "200": 23, "400": 1 }), "{user}");
        users.push(user);
    }
    until("they are members", || {
        project.json(&["members", "readers"])["members"] == json!(users)
    });
    service.stop();
    let message: serde_json::Value =
        serde_json::from_str(project.read("out.ndjson").lines().next().unwrap()).unwrap();
    let properties = &message["users"][0]["user_properties"];
    assert_eq!(
        (&properties["city"], &properties["visits"]),
        (&json!("Zürich"), &json!(2))
    );
}

/// A phone's clock is three hours slow, a text ends in half of an emoji, a number is none, and an
/// id stands for no user: only the last two events are lost. An event that is sent three times
/// counts once.
#[test]
fn odd_events_of_the_vendors_sdks_arrive() {
    let sdks = sdks("odd");
    if sdks.is_empty() {
        return;
    }
    let project = TestProject::new();
    let (mut service, url) = service(
        &project,
        "recent",
        "{to: out}",
        "{all: [{did: View, times: {exactly: 1}, in_last: 1 hour}, {did: Comment, with: {text: {is: \"Great \\uFFFD\"}}, in_last: 1 hour}, {did: Buy, times: {exactly: 1}, with: {nth: 0}, in_last: 1 hour}, {did: Buy, times: {exactly: 1}, in_last: 1 hour}]}",
    );
    let mut users: Vec<&str> = Vec::new();
    for (user, mut sdk) in sdks {
        let lost = if user == "python" { 2 } else { 1 };
        let statuses = statuses(&mut sdk, &[&url, KEY]);
        assert_eq!(statuses, json!({ "200": 5, "400": lost }), "{user}");
        users.push(user);
    }
    until("they are members", || {
        project.json(&["members", "recent"])["members"] == json!(users)
    });
    service.stop();
}

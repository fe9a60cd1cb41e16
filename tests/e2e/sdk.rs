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

#[test]
fn events_of_the_vendors_sdks_are_found_in_a_cohort() {
    let mut sdks = Vec::new();
    if let Some(modules) = std::env::var_os("MUSTER_TEST_NODE_MODULES") {
        let mut node = Command::new("node");
        node.arg(root().join("tests/sdk/send.js"))
            .env("NODE_PATH", modules);
        sdks.push(("node", node));
    }
    if let Some(python) = std::env::var_os("MUSTER_TEST_PYTHON") {
        let mut command = Command::new(python);
        command.arg(root().join("tests/sdk/send.py"));
        sdks.push(("python", command));
    }
    if sdks.is_empty() {
        // This bypasses the test harness, which shows only the output of failures.
        let text = "\n*** SKIPPED: the vendor's SDKs against the service. `cargo xtask test` installs and runs them.\n";
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        return;
    }
    let port = free_port();
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        &format!(
            "sources: [{{http: {{listen: \"127.0.0.1:{port}\", api_keys: [{KEY}]}}}}]\n\
             destinations: {{out: {{file: {{path: out.ndjson}}}}}}\n"
        ),
    );
    project.write(
        "cohorts/readers.yaml",
        "cadence: real_time\nsync: [{to: out, user_properties: [city, plan, visits]}]\n\
         where: {all: [{did: View, times: {exactly: 20}, in_last: 1 day}, {did: Purchase, with: {amount: {at_least: 60}}, in_last: 1 day}, {user: {city: Zürich, plan: pro}}]}\n",
    );
    let mut service = RunningMuster::start(&project, &[]);
    let url = format!("http://127.0.0.1:{port}/2/httpapi");
    let mut users: Vec<&str> = Vec::new();
    for (user, mut sdk) in sdks {
        let output = sdk.args([&url, KEY, "20", "7"]).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let statuses: serde_json::Value =
            serde_json::from_slice(output.stdout.split(|byte| *byte == b'\n').next().unwrap())
                .unwrap();
        // All events except the malformed one.
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

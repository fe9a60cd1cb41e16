//! The consumers of `examples/consumers/python`, on the messages of a real project that come more
//! than once and out of order. (That in Rust has its test beside it.)

use std::collections::BTreeMap;
use std::process::Command;

use muster_testkit::emulator::{Emulator, skipped};
use serde_json::{Value, json};

use crate::consumer::MembersByCohort;
use crate::example::oracle;
use crate::project::{TestProject, python, root};

/// Runs a command that must succeed, and returns the JSON that it prints.
fn run(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn members(document: Value) -> MembersByCohort {
    serde_json::from_value(document).unwrap()
}

#[test]
fn the_examples_hold_the_true_members() {
    let Some(moto) = Emulator::moto() else {
        return skipped("the consumers in Python against moto_server");
    };
    let project = TestProject::example("shop");
    for now in ["2026-03-01", "2026-03-04", "2026-03-08", "2026-03-20"] {
        project.json(&["run", "--once", "--now", &format!("{now}T00:00:00Z")]);
    }
    // A full sync repeats the members of one cohort.
    project.json(&["sync", "readers", "--full"]);
    project.json(&["run", "--once", "--now", "2026-03-20T00:10:00Z"]);
    let written = project.path().join("out/growth.ndjson");
    let text = project.read("out/growth.ndjson");
    let wanted: BTreeMap<_, _> = oracle(&project, "2026-03-20T00:10:00Z")
        .into_iter()
        .filter(|(cohort, _)| text.contains(&format!("\"cohort_id\":\"{cohort}\"")))
        .collect();
    assert!(wanted.len() >= 3 && text.contains("\"in_cohort\":false"));

    let helper = |command: &str| {
        let mut helper = Command::new(python());
        helper
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(root().join("tests/oracle/consumers.py"))
            .args([command, &moto.url()])
            .arg(&written);
        run(&mut helper)
    };
    let put = helper("put");
    assert!(put["records"].as_u64() > put["messages"].as_u64(), "{put}");
    let consume = || {
        let mut consume = Command::new(python());
        consume
            .arg(root().join("examples/consumers/python/consume.py"))
            .arg("cohorts")
            .arg(project.path().join("members.db"))
            .arg("--once")
            .envs([
                ("AWS_ENDPOINT_URL", moto.url().as_str()),
                ("AWS_DEFAULT_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "AKIACONSUMER"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                ("PYTHONDONTWRITEBYTECODE", "1"),
            ]);
        members(run(&mut consume))
    };
    assert_eq!(consume(), wanted);
    // It goes on after the last record.
    assert_eq!(consume(), wanted);

    // Without its table the function gives the batch back, but not the record that is no message.
    assert_eq!(
        helper("fail"),
        json!({"batchItemFailures": [{"itemIdentifier": "1"}]})
    );
    let mut held = members(helper("lambda"));
    for users in held.values_mut() {
        *users = users.iter().cloned().collect();
    }
    assert_eq!(held, wanted);
}

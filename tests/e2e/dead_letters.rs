//! Messages that a stream will never take, from the run to `muster dead-letters`.

use std::fmt::Write;

use muster_aws_fake::{AwsFake, FakeStream, Policy, USER_ARN};
use serde_json::{Value, json};

use crate::project::{TestProject, muster};
use crate::service::running::{RunningMuster, until};

/// Returns a project whose destination is the fake's stream, with users of which one is too large
/// for a record.
fn project(fake: &AwsFake) -> TestProject {
    fake.add_user("AKIABASE", USER_ARN, Policy::everything());
    let project = TestProject::new();
    let endpoint = fake.endpoint();
    project.write(
        "muster.yaml",
        &format!(
            "sources: [{{files: in/*.json}}]\ndestinations: {{growth: {{kinesis: {{stream_name: cohorts, region: eu-west-1, \
             endpoint_url: \"{endpoint}\", sts_endpoint_url: \"{endpoint}\", \
             role_arn: \"arn:aws:iam::123456789012:role/muster\", external_id: a-secret}}}}}}\n"
        ),
    );
    project.write(
        "cohorts/buyers.yaml",
        "cadence: daily\nsync: [{to: growth, user_properties: [bio, more]}]\nwhere: {did: Purchase, in_last: 30 days}\n",
    );
    let mut lines = String::new();
    // Of two events, because a line of a file has at most a mebibyte. A text is cut at 4 KiB.
    let texts: Vec<_> = (0..200).map(|number| format!("{number:03000}")).collect();
    for (user, property) in [("the-large-user", "bio"), ("the-large-user", "more")] {
        let event = json!({
            "user_id": user, "event_type": "Purchase", "time": 1_772_000_000_000_u64,
            "user_properties": { property: texts },
        });
        writeln!(lines, "{event}").unwrap();
    }
    for number in 0..50 {
        let event = json!({
            "user_id": format!("user-{number}"), "event_type": "Purchase",
            "time": 1_772_000_000_000_u64,
        });
        writeln!(lines, "{event}").unwrap();
    }
    project.write("in/events.json", &lines);
    project
}

/// Returns whether a command succeeded, its answer, and all that it printed.
fn command(project: &TestProject, arguments: &[&str]) -> (bool, Value, String) {
    let output = muster(&[arguments, &["--json"]].concat())
        .current_dir(project.path())
        .envs([
            ("AWS_ACCESS_KEY_ID", "AKIABASE"),
            ("AWS_SECRET_ACCESS_KEY", "base"),
        ])
        .output()
        .unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let errors = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.success(), answer, errors)
}

#[test]
fn a_user_too_large_for_a_record_is_a_dead_letter_and_the_others_arrive() {
    let fake = AwsFake::with_stream(FakeStream::shards(2));
    let project = project(&fake);
    let now = ["--now", "2026-03-01T00:00:00Z"];
    let (ok, _, errors) = command(&project, &[&["run", "--once"][..], &now].concat());
    assert!(!ok, "a message can never be delivered: {errors}");
    let users: usize = fake
        .records("cohorts")
        .iter()
        .map(|record| {
            let message: Value = serde_json::from_slice(&record.data).unwrap();
            message["users"].as_array().unwrap().len()
        })
        .sum();
    assert_eq!(users, 50);

    let (ok, list, errors) = command(&project, &["dead-letters", "list"]);
    assert!(ok, "{errors}");
    let letter = &list["dead_letters"][0];
    assert_eq!(list["dead_letters"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&letter["destination"], &list["more"]),
        (&json!("growth"), &json!(false))
    );
    assert!(letter["bytes"].as_u64().unwrap() > 1_200_000);
    let reason = letter["reason"].as_str().unwrap();
    assert!(
        reason.contains("Kinesis takes 1048576 a record"),
        "{reason}"
    );
    let (first, number) = (letter["number"].clone(), letter["number"].to_string());
    let (_, shown, _) = command(&project, &["dead-letters", "show", "growth", &number]);
    let message: Value = serde_json::from_str(shown["message"].as_str().unwrap()).unwrap();
    assert_eq!(message["users"][0]["user_id"], "the-large-user");
    assert_eq!(message["message_id"], letter["message_id"]);
    let (ok, _, errors) = command(&project, &["dead-letters", "show", "growth", "999"]);
    assert!(!ok && errors.contains("has no dead letter 999"), "{errors}");
    let (_, status, _) = command(&project, &["status"]);
    assert_eq!(status["destinations"][0]["dead_letters"], 1);
    assert_eq!(status["destinations"][0]["waiting_messages"], 0);

    // The running service puts it back, tries it and sets it aside again.
    let mut service = RunningMuster::start(&project, &now);
    let (ok, done, errors) = command(&project, &["dead-letters", "retry", "growth", "--all"]);
    assert!(ok, "{errors}");
    assert_eq!(done["handled"], 1);
    until("it is a dead letter again", || {
        let (_, list, _) = command(&project, &["dead-letters", "list"]);
        let letter = &list["dead_letters"][0];
        !letter["number"].is_null() && letter["number"] != first
    });
    assert!(
        service.log().contains("muster dead-letters list"),
        "{}",
        service.log()
    );
    let (ok, _, errors) = command(&project, &["dead-letters", "drop", "growth", &number]);
    assert!(!ok && errors.contains("has no dead letter"), "{errors}");
    service.stop();
    let (ok, done, errors) = command(&project, &["dead-letters", "drop", "growth", "--all"]);
    assert!(ok && done["handled"] == 1, "{errors}");
    let (_, list, _) = command(&project, &["dead-letters", "list"]);
    assert_eq!(list["dead_letters"], json!([]));
}

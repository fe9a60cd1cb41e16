//! `muster plan`: the next run does what the plan says, and until then nothing has changed.

use serde_json::Value;

use crate::cli::shown;
use crate::project::TestProject;
use crate::rules::guest;

/// Makes a project with eight buyers. One of them bought long ago, and the first three are in
/// Seattle.
fn project() -> TestProject {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        "clock: 2026-03-01T00:00:00Z\nsources: [{files: \"events/*.json\"}]\ndestinations: {out: {file: {path: out.ndjson}}}\n",
    );
    project.write(
        "cohorts/buyers.yaml",
        "sync: [out]\nwhere: {did: Purchase, in_last: 7 days}\n",
    );
    project.write(
        "cohorts/locals.yaml",
        "sync: [out]\nwhere: {user: {city: Seattle}}\n",
    );
    let lines: Vec<_> = (0..8)
        .map(|user| {
            let day = if user == 7 { 10 } else { 28 - user };
            let city = if user < 3 { "Seattle" } else { "Reno" };
            event(&format!("u{user}"), day, city)
        })
        .collect();
    project.write("events/1.json", &lines.join("\n"));
    project
}

fn event(user: &str, day: usize, city: &str) -> String {
    format!(
        r#"{{"event_type":"Purchase","user_id":"{user}","event_time":"2026-02-{day:02} 12:00:00","user_properties":{{"city":"{city}"}}}}"#
    )
}

/// Returns the counts of each cohort that a plan and a run share.
fn counts(report: &Value) -> Vec<Value> {
    let cohorts = report["cohorts"].as_array().unwrap().iter();
    cohorts
        .map(|cohort| {
            let members = cohort.get("afterwards").unwrap_or(&cohort["members"]);
            let same = ["id", "reason", "candidates", "entered", "exited"];
            let same = same.map(|key| (key, cohort[key].clone()));
            serde_json::json!([same, members])
        })
        .collect()
}

#[test]
fn the_next_run_does_what_the_plan_says() {
    let project = project();
    insta::assert_snapshot!("no_store", shown(&project, &["plan"]));
    assert!(
        !project.path().join(".muster").exists(),
        "planning makes no store"
    );
    project.json(&["import", "events/1.json"]);
    let run = |arguments: &[&str]| {
        let planned = project.json(&[&["plan"], arguments].concat());
        let done = project.json(&[&["run", "--once"], arguments].concat());
        assert_eq!(counts(&planned), counts(&done));
    };
    insta::assert_snapshot!("first", shown(&project, &["plan", "--sample", "3"]));
    assert!(!project.path().join("out.ndjson").exists());
    run(&[]);
    insta::assert_snapshot!("nothing", shown(&project, &["plan"]));
    run(&[]);
    let sent = project.read("out.ndjson");
    let later = ["--now", "2026-03-05T00:00:00Z"];
    insta::assert_snapshot!("later", shown(&project, &[&["plan"][..], &later].concat()));
    let json = project.json(&["plan", "buyers", "--now", "2026-03-05T00:00:00Z"]);
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&json).unwrap());
    assert_eq!(project.read("out.ndjson"), sent, "nothing is sent");
    run(&later);

    project.write(
        "cohorts/buyers.yaml",
        "sync: [out]\nwhere: {did: Purchase, in_last: 30 days}\n",
    );
    insta::assert_snapshot!(
        "changed_definition",
        shown(&project, &[&["plan"][..], &later].concat())
    );
    run(&later);

    project.write(
        "muster.yaml",
        &project
            .read("muster.yaml")
            .replace("{out:", "{new: {file: {path: new.ndjson}}, out:"),
    );
    project.write(
        "cohorts/locals.yaml",
        "sync: [out, new]\nwhere: {user: {city: Seattle}}\n",
    );
    let of_locals = [&["plan", "locals"][..], &later].concat();
    insta::assert_snapshot!("new_destination", shown(&project, &of_locals));
    run(&later);
}

#[test]
fn new_files_are_named_and_not_imported() {
    let project = project();
    project.json(&["run", "--once"]);
    assert_eq!(
        project.json(&["plan"])["new_files"],
        serde_json::json!([]),
        "an imported file is known by its content"
    );
    for file in 2..6 {
        let line = event(&format!("new{file}"), 28, "Seattle");
        project.write(&format!("events/{file}.json"), &line);
    }
    insta::assert_snapshot!("new_files", shown(&project, &["plan"]));
    assert_eq!(project.json(&["status"])["store"]["users"], 8);
    project.write(
        "muster.yaml",
        "clock: 2026-03-01T00:00:00Z\nsources: [{files: \"none/*.json\"}]\ndestinations: {out: {file: {path: out.ndjson}}}\n",
    );
    insta::assert_snapshot!("no_file", shown(&project, &["plan", "locals"]));
}

#[test]
fn mistakes_are_answered_with_a_suggestion() {
    let project = project();
    project.json(&["run", "--once"]);
    insta::assert_snapshot!("mistyped", shown(&project, &["plan", "locals", "byers"]));
    insta::assert_snapshot!("unknown", shown(&project, &["plan", "whales"]));
    insta::assert_snapshot!("help", shown(&project, &["plan", "--help"]));
}

#[test]
fn a_failing_rule_is_reported_with_its_users() {
    let project = project();
    project.json(&["run", "--once"]);
    project.write("cohorts/vip.yaml", "sync: [out]\nrule: ./vip.wasm\n");
    std::fs::write(
        project.path().join("cohorts/vip.wasm"),
        guest("unreachable"),
    )
    .unwrap();
    insta::assert_snapshot!("failing_rule", shown(&project, &["plan"]));
    let output = project.output(&["plan", "vip", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let planned: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(planned["cohorts"][0]["skipped"][0]["users"], 8);
    assert_eq!(planned["problems"].as_array().unwrap().len(), 1);
    // The plan of the other cohorts does not depend on it.
    project.json(&["plan", "buyers"]);
}

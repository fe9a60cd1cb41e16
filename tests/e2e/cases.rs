//! `muster test`: cases that hold, cases that fail, and wrong test files, as snapshots of whole
//! outputs.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use crate::cli::shown_without_fuel;
use crate::project::{TestProject, muster};
use crate::rules::guest;

/// Makes a project with one definition and its tests.
fn project(tests: &str) -> TestProject {
    let project = TestProject::new();
    project.write("muster.yaml", "{}\n");
    project.write(
        "cohorts/regulars.yaml",
        "where:\n  all:\n    - {did: Purchase, with: {amount: {at_least: 50}}, times: {at_least: 2}, in_last: 30 days}\n    - not: {did: Refund, in_last: 7 days}\n",
    );
    project.write("cohorts/regulars.test.yaml", tests);
    project
}

#[test]
fn the_examples_hold_and_leave_nothing_behind() {
    let project = TestProject::example("shop");
    insta::assert_snapshot!("example", shown_without_fuel(&project, &["test"]));
    assert!(!project.path().join(".muster").exists());
    // A project, a folder and a file are named, and each test file is found once.
    let file = "cohorts/abandoned-carts.test.yaml";
    let again = format!("./{file}");
    insta::assert_snapshot!(
        "one_file",
        shown_without_fuel(&project, &["test", file, &again])
    );
    let project = TestProject::new();
    assert!(project.output(&["init", "mine"]).status.success());
    insta::assert_snapshot!(
        "new_project",
        shown_without_fuel(&project, &["test", "mine"])
    );
}

const FAILING: &str = r#"cases:
  - name: it should have been <two> & "more"
    at: 2026-03-01T00:00:00Z
    users:
      ann:
        events: [{event: Purchase, ago: 3 days, with: {amount: 60}}, {event: Purchase, ago: 2 days, with: {amount: 49}}]
        expect: in
      bob:
        expect: in
  - name: the wrong end
    at: 2026-03-01T00:00:00Z
    users:
      ann:
        events: [{event: Purchase, ago: 3 days, with: {amount: 60}}, {event: Purchase, ago: 2 days, with: {amount: 60}}]
        expect: in
        until: 2026-03-29T00:00:00Z
      eve:
        events: [{event: Purchase, ago: 3 days, with: {amount: 60}}]
        expect: out
        until: 2026-03-02T00:00:00Z
  - name: the wrong steps
    steps:
      - at: 2026-03-01T00:00:00Z
        events: [{user: ann, event: Purchase, with: {amount: 60}}]
        enters: [ann]
      - at: 2026-03-02T00:00:00Z
        events: [{user: ann, event: Purchase, with: {amount: 60}}]
        enters: []
  - name: this holds
    at: 2026-03-01T00:00:00Z
    users:
      ann: {events: [{event: Purchase, ago: 3 days}], expect: out}
"#;

#[test]
fn a_failed_case_shows_the_values_that_decided() {
    let project = project(FAILING);
    insta::assert_snapshot!(
        "failing",
        shown_without_fuel(&project, &["test", "--junit", "junit.xml"])
    );
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r#"time="[\d.]+""#, r#"time="[time]""#);
    settings.add_filter(r#""seconds": [\d.]+"#, r#""seconds": [time]"#);
    settings.add_filter(r#""fuel_per_user": [1-9]\d*"#, r#""fuel_per_user": [fuel]"#);
    settings.bind(|| {
        insta::assert_snapshot!("failing_junit", project.read("junit.xml"));
        let output = project.output(&["test", "--json"]);
        assert_eq!(output.status.code(), Some(1));
        // The output is one document, although it is an error.
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        insta::assert_snapshot!("failing_json", serde_json::to_string_pretty(&json).unwrap());
    });
}

#[test]
fn wrong_test_files_are_reported_with_place_and_remedy() {
    let project = project(
        r#"cases:
  - nam: a
    at: yesterday
    users:
      ann: {expects: in}
      bob: {expect: maybe}
      eve:
        properties: {city: [{at: 2026-03-01T00:00:00Z}], tags: [[a]]}
        events: [{evnt: Purchase}, {event: Purchase, ago: 3 dayz}, {event: A, at: 2026-03-01T00:00:00Z, ago: 1 day}]
        expect: in
  - name: b
    users: {}
  - name: c
    at: 2026-03-01T00:00:00Z
    users:
      ann: {expect: in, until: 2026-02-01T00:00:00Z}
    steps: []
  - name: d
    at: 2026-03-01T00:00:00Z
    users:
      ann: {expect: in, until: 2026-02-01T00:00:00Z}
  - name: e
    at: 2026-03-01T00:00:00Z
    steps: []
  - name: f
    steps:
      - {at: 2026-03-02T00:00:00Z, events: [{event: Purchase}]}
      - {at: 2026-03-01T00:00:00Z, enters: ann}
  - name: g
"#,
    );
    project.write("cohorts/alone.test.yaml", "cases: []\n");
    project.write(
        "cohorts/two.test.yaml",
        "cohort: regulars.yaml\nwhere: {everyone: true}\ncases: []\n",
    );
    project.write(
        "cohorts/gone.test.yaml",
        "cohort: regular.yaml\ncases: []\n",
    );
    project.write(
        "cohorts/zone.test.yaml",
        "cohort: regulars.yaml\ntime_zone: UTC\ncases: []\n",
    );
    project.write(
        "cohorts/inline.test.yaml",
        "where: {did: Purchase, in_last: 3 dayz}\ntime_zone: Berlin\ncases: []\n",
    );
    project.write("cohorts/none.test.yaml", "cohort: regulars.yaml\n");
    insta::assert_snapshot!("wrong", shown_without_fuel(&project, &["test"]));
}

#[test]
fn a_project_without_cases_is_an_error() {
    let project = TestProject::new();
    project.write("muster.yaml", "{}\n");
    insta::assert_snapshot!("nothing", shown_without_fuel(&project, &["test"]));
    project.write("cohorts/a.yaml", "where: {everyone: true}\n");
    insta::assert_snapshot!(
        "not_a_test",
        shown_without_fuel(&project, &["test", "cohorts/a.yaml"])
    );
    insta::assert_snapshot!(
        "no_file",
        shown_without_fuel(&project, &["test", "cohorts/b.test.yaml"])
    );
}

#[test]
fn inline_clauses_run_and_clauses_without_a_case_are_named() {
    let project = TestProject::new();
    project.write(
        "a.test.yaml",
        r#"where:
  any:
    - {did: Purchase, with: {shipping.method: express}, in_last: 1 day}
    - user: {tags: vip}
    - not: {user: {plan: {set: true}}}
time_zone: Europe/Berlin
cases:
  - name: nested properties have dotted names, and a list holds what one element does
    at: 2026-03-01T00:00:00Z
    users:
      ann:
        properties: {tags: [new, vip], plan: team}
        events: [{event: Purchase, with: {shipping: {method: express}}}]
        expect: in
        until: never
      bob:
        properties: {plan: team}
        events:
          - {event: Purchase, ago: 1 hour, with: {shipping: {method: express}}}
          - {event: Purchase, at: 2026-03-01T00:30:00Z, with: {shipping: {method: express}}} # later than the clock
        expect: in
        until: 2026-03-02T00:30:00Z
      eve:
        properties:
          tags: [{at: 2026-01-01T00:00:00Z, is: vip}, {at: 2026-02-01T00:00:00Z, is: null}]
          plan: team
        expect: out
        until: never
"#,
    );
    insta::assert_snapshot!(
        "coverage",
        shown_without_fuel(&project, &["test", "a.test.yaml", "--coverage"])
    );
    // Without the option the gaps are only counted.
    let output = project.output(&["test", "a.test.yaml"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("in 1 definition; `--coverage` lists them"),
        "{text}"
    );
    assert!(!text.contains("never true"), "{text}");
}

#[test]
fn an_answer_stands_until_a_stored_event_changes_it() {
    let project = TestProject::new();
    let case = |until: &str| {
        let text = format!(
            r#"where: {{all: [{{did: Buy, times: {{at_most: 1}}}}, {{did_not: Refund, in_last: 1 day}}]}}
cases:
  - at: 2026-03-01T00:00:00Z
    users:
      ann:
        events: [{{event: Buy}}, {{event: Refund, at: 2026-03-03T00:00:00Z}}]
        expect: in
        until: {until}
      bob: {{events: [{{event: Buy, at: 2026-03-02T00:00:00Z}}], expect: out, until: 2026-03-02T00:00:00Z}}
"#
        );
        project.write("a.test.yaml", &text);
        let output = project.output(&["test", "a.test.yaml"]);
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, text) = case("2026-03-03T00:00:00Z");
    assert_eq!(code, Some(0), "{text}");
    for wrong in ["never", "2026-03-04T00:00:00Z", "2026-03-02T00:00:00Z"] {
        let (code, text) = case(wrong);
        let stands = "`ann` is in until 2026-03-03T00:00:00Z, and should be ";
        assert!(code == Some(1) && text.contains(stands), "{text}");
    }
}

#[test]
fn a_file_that_does_not_load_is_one_failed_test() {
    let project = project(FAILING);
    project.write(
        "cohorts/broken.test.yaml",
        "cohort: regulars.yaml\ncases:\n  - nam: a\n",
    );
    let output = project.output(&["test", "--junit", "junit.xml"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.ends_with("4 cases: 3 failed, 1 file could not be loaded\n"),
        "{text}"
    );
    let junit = project.read("junit.xml");
    assert!(
        junit.contains("tests=\"5\" failures=\"3\" errors=\"1\""),
        "{junit}"
    );
    assert!(junit.contains("name=\"the file loads\""), "{junit}");
    let output = project.output(&["test", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let broken = &json["files"][0];
    assert_eq!(
        (&broken["code"], &broken["faults"][0]["line"]),
        (&"invalid_files".into(), &3.into())
    );
    let failure = &json["files"][1]["cases"][0]["failures"][0];
    assert_eq!(failure["path"], "cohorts/regulars.test.yaml");
    assert_eq!(failure["code"], "case_failed");
}

#[test]
fn cases_are_chosen_and_the_first_failure_ends_the_run() {
    let project = project(FAILING);
    let cases = |arguments: &[&str]| {
        let output = project.output(&[&["test", "--json"], arguments].concat());
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (
            json["cases"].as_u64(),
            json["failed"].as_u64(),
            output.status.code(),
        )
    };
    assert_eq!(
        cases(&["--filter", "THIS holds"]),
        (Some(1), Some(0), Some(0))
    );
    assert_eq!(
        cases(&["--filter", "the wrong"]),
        (Some(2), Some(2), Some(1))
    );
    assert_eq!(
        cases(&["--filter", "regulars.test"]),
        (Some(4), Some(3), Some(1))
    );
    assert_eq!(cases(&["--fail-fast"]), (Some(1), Some(1), Some(1)));
    let output = project.output(&["test", "--filter", "nothing"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("no case and no test file has `nothing` in its name"),
        "{said}"
    );
}

/// Answers that the one user is in, for ever. (A result: 0, which means success, and two lists of
/// one element.)
pub(crate) const IN: &str = "(i32.store8 (i32.const 2048) (i32.const 0))
    (i32.store (i32.const 2052) (i32.const 2112)) (i32.store (i32.const 2056) (i32.const 1))
    (i32.store (i32.const 2060) (i32.const 2120)) (i32.store (i32.const 2064) (i32.const 1))
    (i64.store (i32.const 2112) (i64.const 1)) (i64.store (i32.const 2120) (i64.const 9223372036854775807))
    (i32.const 2048)";

/// Answers that the first of up to three users is in and the others are out, for ever.
const FIRST: &str = "(i32.store8 (i32.const 2048) (i32.const 0))
    (i32.store (i32.const 2052) (i32.const 2112)) (i32.store (i32.const 2056) (i32.const 1))
    (i32.store (i32.const 2060) (i32.const 2120)) (i32.store (i32.const 2064) (i32.load offset=8 (local.get 0)))
    (i64.store (i32.const 2112) (i64.const 1)) (i64.store (i32.const 2120) (i64.const 9223372036854775807))
    (i64.store (i32.const 2128) (i64.const 9223372036854775807)) (i64.store (i32.const 2136) (i64.const 9223372036854775807))
    (i32.const 2048)";

#[test]
fn a_rule_that_answers_by_the_place_in_the_batch_is_found() {
    let project = TestProject::new();
    project.write("muster.yaml", "{}\n");
    project.write("cohorts/vip.yaml", "rule: ./vip.wasm\n");
    let path = project.path().join("cohorts/vip.wasm");
    std::fs::write(&path, guest(FIRST)).unwrap();
    project.write(
        "cohorts/vip.test.yaml",
        "cases:\n  - at: 2026-03-01T00:00:00Z\n    users:\n      ann: {properties: {city: Reno}, expect: in}\n      bob: {properties: {city: Reno}, expect: out}\n",
    );
    assert!(project.output(&["test"]).status.success());
    let output = project.output(&["test", "--determinism"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("`ann` gets another answer in another order"),
        "{text}"
    );
    assert!(
        text.contains("`bob` gets another answer beside other users"),
        "{text}"
    );
    // A rule whose answer is the same for all users passes.
    std::fs::write(
        &path,
        guest(&FIRST.replace("(i64.const 1)", "(i64.const 0)")),
    )
    .unwrap();
    project.write(
        "cohorts/vip.test.yaml",
        "cases:\n  - at: 2026-03-01T00:00:00Z\n    users:\n      ann: {properties: {city: Reno}, expect: out}\n      bob: {properties: {city: Reno}, expect: out}\n",
    );
    assert!(project.output(&["test", "--determinism"]).status.success());
}

#[test]
fn hand_written_rules_are_tested_as_they_run() {
    let project = TestProject::new();
    project.write("muster.yaml", "{}\n");
    project.write("cohorts/vip.yaml", "rule: ../rules/vip.wasm\n");
    std::fs::create_dir(project.path().join("rules")).unwrap();
    let path = project.path().join("rules/vip.wasm");
    std::fs::write(&path, guest(IN)).unwrap();
    let case = |until: &str| {
        format!(
            "cases:\n  - at: 2026-03-01T00:00:00Z\n    users:\n      ann: {{properties: {{city: Reno}}, expect: in, until: {until}}}\n"
        )
    };
    // One test file beside the definition that names the rule, and one beside the rule.
    project.write("cohorts/vip.test.yaml", &case("never"));
    project.write("rules/vip.test.yaml", &case("2026-03-02T00:00:00Z"));
    insta::assert_snapshot!("hand_written", shown_without_fuel(&project, &["test"]));
    std::fs::write(&path, guest("unreachable")).unwrap();
    let output = project.output(&["test", "cohorts/vip.test.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("the module failed at 2026-03-01T00:00:00Z") && text.contains("unreachable"),
        "{text}"
    );
    std::fs::write(&path, b"\0asm nonsense").unwrap();
    let output = project.output(&["test"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("cannot load cohorts/../rules/vip.wasm")
    );
}

#[test]
fn other_cohorts_static_lists_and_the_projects_days_are_those_of_a_run() {
    let project = TestProject::new();
    project.write("muster.yaml", "time_zone: America/Los_Angeles\n");
    project.write("cohorts/vip.yaml", "members: ./vip.csv\n");
    project.write("cohorts/vip.csv", "ann\n");
    project.write(
        "cohorts/today.yaml",
        "where: {did: Purchase, in_last: 1 calendar day}\n",
    );
    project.write(
        "cohorts/both.yaml",
        "where: {all: [{in_cohort: vip}, {in_cohort: today}]}\n",
    );
    // The definition is wrong, but neither of the cases uses it.
    project.write("cohorts/broken.yaml", "where: {didd: Purchase}\n");
    let cases = r#"cases:
  - name: a day ends at midnight in Los Angeles
    at: 2026-03-01T12:00:00Z
    users:
      ann: {events: [{event: Purchase, ago: 1 hour}], expect: in, until: 2026-03-02T08:00:00Z}
      bob: {events: [{event: Purchase, ago: 1 hour}], expect: out, until: never}
      eve: {events: [{event: Refund}], expect: out}
"#;
    project.write("cohorts/both.test.yaml", cases);
    project.write(
        "cohorts/inline.test.yaml",
        &format!(
            "where: {{all: [{{in_cohort: both}}, {{did_in_order: [Purchase, Refund]}}]}}\n{}",
            cases.replace("expect: in, until: 2026-03-02T08:00:00Z", "expect: out")
        ),
    );
    insta::assert_snapshot!("other_cohorts", shown_without_fuel(&project, &["test"]));
    // A file that is named on the command line belongs to the project around it.
    assert!(
        project
            .output(&["test", "cohorts/both.test.yaml"])
            .status
            .success()
    );
    project.write(
        "cohorts/both.yaml",
        "where: {all: [{in_cohort: vip}, {in_cohort: broken}]}\n",
    );
    insta::assert_snapshot!(
        "broken_cohort",
        shown_without_fuel(&project, &["test", "cohorts/both.test.yaml"])
    );
}

#[test]
fn watched_cases_run_again_when_a_file_changes() {
    let project = TestProject::new();
    let definition = |times| format!("where: {{did: Purchase, times: {times}}}\n");
    project.write("cohorts/buyers.yaml", &definition(1));
    project.write(
        "cohorts/buyers.test.yaml",
        "cases:\n  - name: one is enough\n    at: 2026-03-01T00:00:00Z\n    users: {ann: {events: [{event: Purchase}], expect: in}}\n",
    );
    let mut child = muster(&["test", "cohorts", "--watch"])
        .current_dir(project.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, printed) = std::sync::mpsc::channel();
    let streams: [Box<dyn Read + Send>; 2] = [
        Box::new(child.stdout.take().unwrap()),
        Box::new(child.stderr.take().unwrap()),
    ];
    for stream in streams {
        let lines = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
    }
    let wait_for = |words: &str| loop {
        let line = printed.recv_timeout(Duration::from_secs(60)).unwrap();
        if line.contains(words) {
            break;
        }
    };
    wait_for("1 case: all right");
    project.write("cohorts/buyers.yaml", &definition(2));
    wait_for("1 case: 1 failed");
    // A definition that is wrong for a moment does not end the command.
    project.write("cohorts/buyers.yaml", "where: {dod: Purchase}\n");
    wait_for("dod");
    project.write("cohorts/buyers.yaml", &definition(1));
    wait_for("1 case: all right");
    child.kill().unwrap();
    child.wait().unwrap();
}

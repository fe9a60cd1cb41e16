//! Output of commands, output that cannot be written, and arguments that commands refuse.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::project::{TestProject, muster};

/// Makes a project with a wrong definition and a right one.
fn project() -> TestProject {
    let project = TestProject::new();
    project.write("muster.yaml", "sources: [{files: events.json}]\n");
    project.write("cohorts/good.yaml", "where: {did: Purchase}\n");
    project.write("cohorts/wrong.yaml", "where: {dod: Purchase}\n");
    project.write(
        "events.json",
        "{\"event_type\":\"Purchase\",\"user_id\":\"ann\",\"event_time\":\"2026-02-10 08:00:00\"}\n",
    );
    project
}

/// Runs a line in a shell, with `muster` as the binary.
fn shell(project: &TestProject, line: &str) -> Output {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("set -o pipefail; {line}")]);
    let line = command.env("PATH", path()).current_dir(project.path());
    line.output().unwrap()
}

/// Returns the search path, with the binary's folder first.
fn path() -> String {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_muster"));
    let folder = folder.parent().unwrap().display();
    format!("{folder}:{}", std::env::var("PATH").unwrap_or_default())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_closed_pipe_or_a_full_disk_does_not_panic() {
    let project = project();
    for line in [
        "muster check 2>&1 | true",
        "muster check --json | true",
        "muster check 2>/dev/full",
        "muster check --json >/dev/full",
        "muster check 2>&-",
        "muster schema >/dev/full",
        "muster schema | true",
        "muster run --once 2>/dev/full",
        "muster members good 2>&1 >/dev/full",
    ] {
        let output = shell(&project, line);
        let code = output.status.code();
        let said = text(&output.stderr) + &text(&output.stdout);
        assert!(
            matches!(code, Some(0 | 1)) && !said.contains("panicked"),
            "{line}: {code:?} {said}"
        );
    }
}

#[test]
fn colour_options_are_obeyed() {
    let project = project();
    let coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = muster(&[&["check"], arguments].concat());
        command
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied());
        let output = command.current_dir(project.path()).output().unwrap();
        text(&output.stderr).contains('\u{1b}')
    };
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    // Without a terminal there are no colours, unless an option or a variable asks for them.
    assert!(!coloured(&[], &[]));
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(
        &[],
        &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]
    ));
}

#[test]
fn an_error_for_machines_has_its_place_and_its_kind() {
    let project = project();
    let error = |arguments: &[&str]| -> Value {
        let output = project.output(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let wrong = error(&["check"]);
    assert_eq!(wrong["code"], "invalid_files");
    let fault = &wrong["faults"][0];
    assert_eq!(fault["file"], "cohorts/wrong.yaml");
    assert_eq!((&fault["line"], &fault["column"]), (&json!(1), &json!(9)));
    assert!(
        fault["message"].as_str().unwrap().contains("dod"),
        "{fault}"
    );
    std::fs::remove_file(project.path().join("cohorts/wrong.yaml")).unwrap();
    project.json(&["run", "--once"]);
    let options = muster_store::StoreOptions::default();
    let store = muster_store::Store::open(&project.path().join(".muster"), &options).unwrap();
    assert_eq!(error(&["run", "--once"])["code"], "store_in_use");
    drop(store);
    let unknown = error(&["members", "none"]);
    assert_eq!(
        (&unknown["code"], &unknown["faults"]),
        (&json!("failed"), &json!([]))
    );
}

#[test]
fn numbers_at_the_command_line_have_a_range() {
    let project = project();
    for arguments in [
        &["import", "events.json", "--max-malformed", "nan"][..],
        &["import", "events.json", "--max-malformed", "101"],
        &["import", "events.json", "--max-malformed", "-1"],
        &["run", "--stop-timeout", "18446744073709551615"],
        &["run", "--now", "2026-03-01T00:00:00Z", "--speed", "nan"],
    ] {
        let output = project.output(arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?} {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn one_item_is_singular() {
    let project = project();
    std::fs::remove_file(project.path().join("cohorts/wrong.yaml")).unwrap();
    project.json(&["run", "--once"]);
    let status = text(&project.output(&["status"]).stdout);
    assert!(status.contains("1 user, 1 event of 1 type,"), "{status}");
    let synced = text(&project.output(&["sync", "good"]).stdout);
    assert!(synced.starts_with("good: 1 member, "), "{synced}");
    assert_eq!(
        project.json(&["forget", "ann"]),
        json!({ "forgotten": { "known": true, "exited": ["good"], "messages": 0 } })
    );
}

#[test]
fn fmt_names_the_files_that_it_does_not_format() {
    let project = project();
    project.write("cohorts/other.json", "{\"where\": {\"did\": \"Purchase\"}}");
    let output = project.output(&[
        "fmt",
        "cohorts/other.json",
        "muster.yaml",
        "cohorts/good.yaml",
    ]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for name in ["cohorts/other.json", "muster.yaml"] {
        assert!(said.contains(&format!("{name} is left alone")), "{said}");
    }
    assert!(!said.contains("good.yaml"), "{said}");
}

#[test]
fn a_new_project_is_complete_or_absent() {
    let project = TestProject::new();
    project.write("mine/.gitignore", "*.log");
    project.json(&["init", "mine"]);
    assert_eq!(project.read("mine/.gitignore"), "*.log\n.muster/\nout/\n");
    project.json(&["check", "mine"]);
    // Existing files are not overwritten, and `init` leaves no half project beside them.
    project.write("other/cohorts/loyal.yaml", "where: {did: Purchase}\n");
    let output = project.output(&["init", "other"]);
    let said = text(&output.stderr);
    assert!(
        !output.status.success() && said.contains("cohorts/loyal.yaml"),
        "{said}"
    );
    assert!(!project.path().join("other/muster.yaml").exists());
}

#[test]
fn long_ids_are_the_same_in_events_definitions_and_cases() {
    let project = TestProject::new();
    project.write("muster.yaml", "sources: [{files: events.json}]\n");
    let id = "9007199254740993";
    project.write(
        "cohorts/one.yaml",
        &format!("where: {{did: Purchase, with: {{order: {id}}}}}\n"),
    );
    project.write(
        "cohorts/one.test.yaml",
        &format!(
            "cases:\n  - at: 2026-03-01T00:00:00Z\n    users:\n      ann: {{events: [{{event: Purchase, with: {{order: {id}}}}}], expect: in}}\n      bob: {{events: [{{event: Purchase, with: {{order: 9007199254740992}}}}], expect: out}}\n"
        ),
    );
    project.write(
        "events.json",
        &format!(
            "{{\"event_type\":\"Purchase\",\"user_id\":\"ann\",\"event_time\":\"2026-02-10 08:00:00\",\"event_properties\":{{\"order\":{id}}}}}\n"
        ),
    );
    let tested = project.output(&["test"]);
    assert!(tested.status.success(), "{}", text(&tested.stdout));
    project.json(&["run", "--once"]);
    assert_eq!(project.json(&["members", "one"])["members"], json!(["ann"]));
}

#[test]
fn ids_and_values_cannot_change_how_a_terminal_shows_others() {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        "clock: 2026-03-01T00:00:00Z\nsources: [{files: events.json}]\ndestinations: {out: {file: {path: out.ndjson}}}\n",
    );
    project.write(
        "cohorts/a.yaml",
        "sync: [{to: out, user_properties: [name]}]\nwhere: {did: \"*\"}\n",
    );
    let id = "eve\n\u{1b}[31m\u{202e}";
    let line = serde_json::json!({
        "user_id": id, "event_type": "View \u{2066}\r", "event_time": "2026-02-20 10:00:00",
        "event_properties": {"page\u{7}": "a\u{200f}b"}, "user_properties": {"name": "x\u{1b}]0;y\u{7}"},
    });
    project.write("events.json", &line.to_string());
    project.json(&["import", "events.json"]);
    for arguments in [
        &["plan"][..],
        &["run", "--once"],
        &["members", "a"],
        &["explain", "a", id],
        &["explain", "a", "\u{202e}"],
    ] {
        let output = project.output(arguments);
        for text in [text(&output.stdout), text(&output.stderr)] {
            let bad = |char: char| char != '\n' && muster_model::alters_display(char);
            assert!(!text.contains(bad), "{arguments:?}: {text:?}");
        }
    }
    let members = project.output(&["members", "a"]);
    assert_eq!(text(&members.stdout), "eve\\n\\u{1b}[31m\\u{202e}\n");
    // Programs get the exact texts.
    assert_eq!(project.json(&["members", "a"])["members"][0], id);
    let message: serde_json::Value = serde_json::from_str(&project.read("out.ndjson")).unwrap();
    assert_eq!(message["users"][0]["user_id"], id);
}

#[test]
fn check_names_a_pattern_that_fits_no_file() {
    let project = project();
    std::fs::remove_file(project.path().join("cohorts/wrong.yaml")).unwrap();
    project.write(
        "muster.yaml",
        "cohorts: [\"cohorts/*.yaml\", \"teams/*/*.yaml\"]\n",
    );
    let output = project.output(&["check"]);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains("no file matches `teams/*/*.yaml`"),
        "{said}"
    );
    assert_eq!(
        project.json(&["check"])["unmatched_patterns"],
        json!(["teams/*/*.yaml"])
    );
    // A folder that cannot be listed is different: its content is unknown.
    std::os::unix::fs::symlink("teams", project.path().join("teams")).unwrap();
    let output = project.output(&["check"]);
    let said = text(&output.stderr);
    assert!(
        !output.status.success() && said.contains("cannot search for `teams/*/*.yaml`"),
        "{said}"
    );
}

//! Whole outputs of the binary: both streams and the exit code.

use crate::project::{TestProject, muster};

/// Returns the streams and the exit code of a command, without values that differ from run to run.
pub(crate) fn shown(project: &TestProject, arguments: &[&str]) -> String {
    let output = project.output(arguments);
    let (stdout, stderr) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    format!(
        "$ muster {}\n{stdout}--- stderr\n{stderr}--- exit {}",
        arguments.join(" "),
        output.status.code().unwrap()
    )
}

/// Returns the output of cases, without the fuel, which every change of the compiler changes.
pub(crate) fn shown_without_fuel(project: &TestProject, arguments: &[&str]) -> String {
    let lines = shown(project, arguments);
    let line = |line: &str| match line.split_once("  (") {
        Some((path, fuel)) if fuel.ends_with(" fuel a user)") => {
            let number = fuel.trim_end_matches(" fuel a user)").replace(',', "");
            assert!(number.parse::<u64>().unwrap() > 0, "{line}");
            format!("{path}  ([fuel] fuel a user)\n")
        }
        _ => format!("{line}\n"),
    };
    lines.lines().map(line).collect()
}

fn with_filters(test: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+(\.\d+)? (ms|s)\b", "[time]");
    settings.add_filter(r"[\d,]+/s", "[rate]/s");
    settings.add_filter(r"\d+\.\d+ [kM]i?B", "[size]");
    settings.add_filter(r"[ ]{2,}", "  ");
    settings.bind(test);
}

#[test]
fn the_example_prints_its_outputs() {
    let project = TestProject::example("shop");
    with_filters(|| {
        insta::assert_snapshot!("example_first", shown(&project, &["run", "--once"]));
        insta::assert_snapshot!("example_again", shown(&project, &["run", "--once"]));
        insta::assert_snapshot!("example_status", shown(&project, &["status"]));
        insta::assert_snapshot!("example_check", shown(&project, &["check"]));
        insta::assert_snapshot!("example_build", shown(&project, &["build"]));
    });
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let project = TestProject::new();
    let help = String::from_utf8(project.output(&["--help"]).stdout).unwrap();
    let commands: Vec<_> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.len() > 20, "{help}");
    let pages = project.json(&["man", "man"])["pages"].clone();
    assert_eq!(pages.as_array().unwrap().len(), commands.len() + 1);
    for shell in ["bash", "zsh", "fish"] {
        let script = project.json(&["completions", shell])["script"].clone();
        for command in &commands {
            assert!(
                script.as_str().unwrap().contains(command),
                "{shell}: {command}"
            );
        }
    }
    for command in commands {
        let page = project.read(&format!("man/muster-{command}.1"));
        assert!(page.contains(".SH DESCRIPTION"), "{page}");
    }
}

#[test]
fn built_modules_are_valid_components() {
    let project = TestProject::example("shop");
    let built = project.json(&["build"]);
    let modules = built["modules"].as_array().unwrap();
    // Daily at two hours, hourly at two minutes, and real time.
    assert_eq!(modules.len(), 5, "cohorts of one cadence share a module");
    for module in modules {
        let bytes = std::fs::read(project.path().join(module["path"].as_str().unwrap())).unwrap();
        wasmparser::Validator::new().validate_all(&bytes).unwrap();
    }
}

#[test]
fn mistakes_are_reported_with_place_and_remedy() {
    let project = TestProject::new();
    insta::assert_snapshot!("no_project", shown(&project, &["check"]));
    project.write(
        "muster.yaml",
        "destinations: {growth: {file: {path: out.ndjson}}}\n",
    );
    project.write(
        "cohorts/a.yaml",
        "id: same\nsync: [grwth]\nwhere: {did: Purchase, with: {amount: {at_leat: 50}}}\n",
    );
    project.write(
        "cohorts/b.yaml",
        "id: same\nwhere: {did: Purchase, in_last: 30 dayz}\n",
    );
    insta::assert_snapshot!("all_errors_at_once", shown(&project, &["check"]));
    project.write(
        "cohorts/a.yaml",
        "id: same\nsync: [grwth]\nwhere: {did: Purchase}\n",
    );
    project.write("cohorts/b.yaml", "id: same\nwhere: {did: Purchase}\n");
    insta::assert_snapshot!("errors_across_files", shown(&project, &["run", "--once"]));
    project.write("cohorts/a.yaml", "where: {did: Purchase}\n");
    insta::assert_snapshot!("no_such_file", shown(&project, &["import", "nothing.json"]));
    insta::assert_snapshot!(
        "no_such_instant",
        shown(&project, &["run", "--once", "--now", "yesterday"])
    );
}

#[test]
fn a_file_with_too_many_malformed_lines_is_not_imported_at_all() {
    let project = TestProject::new();
    project.write("muster.yaml", "{}\n");
    let good = r#"{"event_type":"Purchase","user_id":"ann","event_time":"2026-02-01 12:00:00"}"#;
    project.write("events.json", &format!("{good}\nnot json\n{good}\n"));
    with_filters(|| {
        insta::assert_snapshot!(
            "too_many_malformed",
            shown(&project, &["import", "events.json"])
        );
        assert_eq!(project.json(&["status"])["store"]["events"], 0);
        insta::assert_snapshot!(
            "malformed_allowed",
            shown(
                &project,
                &["import", "events.json", "--max-malformed", "50"]
            )
        );
        insta::assert_snapshot!(
            "imported_already",
            shown(&project, &["import", "events.json"])
        );
    });
    assert_eq!(project.json(&["status"])["store"]["events"], 2);
}

#[test]
fn a_new_project_runs_as_it_is() {
    let project = TestProject::new();
    let made = project.output(&["init", "mine"]);
    assert!(made.status.success());
    let report = project.json(&["run", "mine", "--once"]);
    // Ann bought twice and confirmed her address; Bob sent something back, Eve has not confirmed.
    assert_eq!(report["cohorts"][0]["members"], 1);
    assert!(
        project
            .read("mine/out/local.ndjson")
            .contains(r#"{"user_id":"ann","user_properties":{"city":"Seattle"}}"#)
    );
    // The project's cases hold, and cover all clauses of the definition.
    let tested = project.json(&["test", "mine"]);
    assert_eq!(tested["cases"], 1);
    assert_eq!(tested["coverage"][0]["warnings"], serde_json::json!([]));
    // The definition's first line tells editors where the schema is, and the file is this binary's
    // schema.
    let schema = project.output(&["schema"]);
    assert!(schema.status.success());
    let written = project.read("mine/cohort.schema.json");
    assert_eq!(String::from_utf8(schema.stdout).unwrap(), written);
    let known: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(project.json(&["schema"]), known);
    let definition = project.read("mine/cohorts/loyal.yaml");
    let first = "# yaml-language-server: $schema=../cohort.schema.json\n";
    assert!(definition.starts_with(first));
    let schema = project.output(&["schema", "--config"]);
    let written = project.read("mine/muster.schema.json");
    assert_eq!(String::from_utf8(schema.stdout).unwrap(), written);
    let first = "# yaml-language-server: $schema=muster.schema.json\n";
    assert!(project.read("mine/muster.yaml").starts_with(first));
    let reference = project.output(&["schema", "--config", "--markdown"]);
    assert!(
        String::from_utf8(reference.stdout)
            .unwrap()
            .contains("| `retention` |")
    );
    // A second `init` overwrites no file.
    assert_eq!(project.output(&["init", "mine"]).status.code(), Some(1));
}

#[test]
fn environment_variables_are_substituted_in_muster_yaml() {
    let project = TestProject::new();
    let file = "store: ${MUSTER_E2E_STORE}\ndestinations: {out: {file: {path: \"${MUSTER_E2E_NONE:-out}.ndjson\"}}}\n";
    project.write("muster.yaml", file);
    let missing = project.output(&["check"]);
    let error = String::from_utf8(missing.stderr).unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        error.contains("muster.yaml:1:8") && error.contains("`MUSTER_E2E_STORE` is not set"),
        "{error}"
    );
    // Commands that only read definitions need no variable.
    assert!(project.output(&["fmt"]).status.success());
    let mut run = muster(&["run", "--once"]);
    run.current_dir(project.path())
        .env("MUSTER_E2E_STORE", "elsewhere");
    assert!(run.output().unwrap().status.success());
    assert!(project.path().join("elsewhere/data.mdb").is_file());
}

#[test]
fn every_command_has_help_and_json() {
    let project = TestProject::new();
    insta::assert_snapshot!("help", shown(&project, &["--help"]));
    for command in [
        "init",
        "check",
        "build",
        "import",
        "plan",
        "run",
        "status",
        "explain",
        "test",
        "fmt",
        "schema",
        "history",
        "members",
        "sync",
        "approve",
        "reject",
        "forget",
        "destination",
        "source",
    ] {
        let output = project.output(&[command, "--help"]);
        assert!(output.status.success());
        assert!(
            String::from_utf8(output.stdout).unwrap().contains("--json"),
            "{command}"
        );
    }
}

#[test]
fn a_store_has_one_owner_and_one_version() {
    let project = TestProject::new();
    project.write("muster.yaml", "{}\n");
    project.json(&["run", "--once"]);
    let store = muster_store::Store::open(
        &project.path().join(".muster"),
        &muster_store::StoreOptions::default(),
    )
    .unwrap();
    insta::assert_snapshot!("locked", shown(&project, &["run", "--once"]));
    // Commands that only read do not need the lock.
    project.json(&["status"]);
    drop(store);
    project.json(&["run", "--once"]);
}

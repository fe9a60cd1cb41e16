//! Files of events as `muster run --once` and `muster import` read them.

use serde_json::{Value, json};

use crate::project::TestProject;

/// Returns the line of a purchase.
fn purchase(user: &str) -> String {
    format!(
        "{{\"user_id\":\"{user}\",\"event_type\":\"Buy\",\"event_time\":\"2026-02-20 10:00:00\"}}\n"
    )
}

/// Makes a project with one cohort of buyers, which reads files.
fn project() -> TestProject {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        "clock: 2026-03-01T00:00:00Z\nsources: [{files: \"in/*\"}]\ndestinations: {out: {file: {path: out.jsonl}}}\n",
    );
    project.write("cohorts/buyers.yaml", "where: {did: Buy}\nsync: [out]\n");
    project
}

fn members(project: &TestProject) -> Value {
    project.json(&["members", "buyers"])["members"].clone()
}

#[test]
fn a_bad_file_is_reported_and_the_good_ones_are_read() {
    let project = project();
    project.write("in/a.json", &purchase("u0001"));
    project.write("in/b.json", "no json\n");
    project.write("in/c.json", &purchase("u0002"));
    for arguments in [&["run", "--once"][..], &["import", "in/*"]] {
        let output = project.output(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        let faults = said.matches("error: ").count();
        assert!(
            faults == 1 && said.contains("error: 1 of 1 lines of `") && said.contains("b.json`"),
            "{said}"
        );
        assert_eq!(members(&project), json!(["u0001", "u0002"]));
    }
    // The document is one, although the run has a problem.
    let output = project.output(&["run", "--once", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
    assert_eq!(report["cohorts"][0]["id"], "buyers");
}

#[test]
fn a_pattern_without_files_is_reported_and_the_cohorts_run() {
    let project = project();
    let output = project.output(&["run", "--once"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("error: no file matches `in/*`"), "{said}");
    assert_eq!(
        project.json(&["history", "buyers"])["runs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

//! `muster fmt`: files in the standard layout.

use crate::cli::shown;
use crate::project::TestProject;

const UNTIDY: &str = "# who\nwhere:\n    all:\n    - did: Purchase # often\n      times:   {at_least: 2}\n    # - did: Refund\n\n\n    - user:\n        city: Seattle  \ncadence: hourly\r\nname: Buyers";

const TIDY: &str = "name: Buyers\ncadence: hourly\n# who\nwhere:\n  all:\n    - did: Purchase # often\n      times:   {at_least: 2}\n    # - did: Refund\n\n    - user:\n        city: Seattle\n";

fn project() -> TestProject {
    let project = TestProject::new();
    project.write("muster.yaml", "store:    .muster\n");
    project.write("cohorts/a.yaml", UNTIDY);
    project.write("cohorts/a.test.yaml", "cases:    []\n");
    project.write("cohorts/b.yaml", TIDY);
    project.write("cohorts/c.json", "{\"where\":   {\"did\": \"Purchase\"}}");
    project
}

#[test]
fn definitions_are_formatted() {
    let project = project();
    insta::assert_snapshot!("would_change", shown(&project, &["fmt", "--check"]));
    assert_eq!(project.read("cohorts/a.yaml"), UNTIDY);
    let report = project.output(&["fmt", "--check", "--json"]);
    assert_eq!(report.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    let expected =
        serde_json::json!({"definitions": 2, "changed": ["cohorts/a.yaml"], "written": false});
    assert_eq!(report, expected);
    insta::assert_snapshot!("changed", shown(&project, &["fmt"]));
    assert_eq!(project.read("cohorts/a.yaml"), TIDY);
    insta::assert_snapshot!("formatted_already", shown(&project, &["fmt", "--check"]));
    assert_eq!(project.read("muster.yaml"), "store:    .muster\n");
    assert_eq!(project.read("cohorts/a.test.yaml"), "cases:    []\n");
    assert!(project.read("cohorts/c.json").contains("   "));
    // No other file is left beside them.
    let folder = std::fs::read_dir(project.path().join("cohorts")).unwrap();
    assert_eq!(folder.count(), 4);
}

#[test]
fn single_files_are_formatted_and_mistakes_reported() {
    let project = project();
    project.write("cohorts/d.yaml", "where: {dud: Purchase}\n");
    insta::assert_snapshot!("wrong", shown(&project, &["fmt"]));
    assert_eq!(project.read("cohorts/a.yaml"), UNTIDY);
    let files = [
        "fmt",
        "cohorts/a.yaml",
        "./cohorts/a.yaml",
        "cohorts/c.json",
        "muster.yaml",
    ];
    let report = project.json(&files);
    assert_eq!(report["definitions"], 1);
    assert_eq!(project.read("cohorts/a.yaml"), TIDY);
    insta::assert_snapshot!("nothing_there", shown(&project, &["fmt", "nowhere"]));
    insta::assert_snapshot!("no_project", shown(&project, &["fmt", "cohorts"]));
}

#[test]
fn the_example_and_a_new_project_are_formatted() {
    let project = TestProject::example("shop");
    assert_eq!(project.json(&["fmt", "--check"])["definitions"], 6);
    assert!(project.output(&["init", "mine"]).status.success());
    assert_eq!(project.json(&["fmt", "--check", "mine"])["definitions"], 1);
}

//! The cases in `docs/cohorts.md` and `docs/cookbook.md`, run by `muster test` as a reader would
//! run them.

use crate::project::{TestProject, root};

const SETTINGS: &str = "destinations: {growth: {stdout: true}, crm: {stdout: true}}\n";

/// Returns the fenced blocks of a page that begin with ` ```{language} `.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_case_of_the_reference_holds() {
    let page = std::fs::read_to_string(root().join("docs/cohorts.md")).unwrap();
    let project = TestProject::new();
    project.write("muster.yaml", SETTINGS);
    // The page's first definition is the one that its section on cases tests.
    project.write("cohorts/big-spenders.yaml", &blocks(&page, "yaml")[0]);
    let cases = blocks(&page, "yaml case");
    assert!(cases.len() >= 20, "{} blocks of cases", cases.len());
    for (number, case) in cases.iter().enumerate() {
        project.write(&format!("cohorts/case-{number:02}.test.yaml"), case);
    }
    let output = project.output(&["test"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("cases: all right"), "{text}");
}

#[test]
fn every_recipe_of_the_cookbook_holds_and_is_in_its_index() {
    let page = std::fs::read_to_string(root().join("docs/cookbook.md")).unwrap();
    let project = TestProject::new();
    project.write("muster.yaml", SETTINGS);
    let recipes = blocks(&page, "yaml case");
    assert!(recipes.len() >= 25, "{} recipes", recipes.len());
    for (number, recipe) in recipes.iter().enumerate() {
        project.write(&format!("cohorts/recipe-{number:02}.test.yaml"), recipe);
    }
    let output = project.output(&["test"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let titles = page.lines().filter_map(|line| line.strip_prefix("### "));
    for title in titles {
        let place = title.to_lowercase().replace(' ', "-").replace(',', "");
        assert!(page.contains(&format!("(#{place})")), "{title}");
    }
}

#[test]
fn a_wrong_answer_in_the_reference_is_found() {
    let page = std::fs::read_to_string(root().join("docs/cohorts.md")).unwrap();
    let case = blocks(&page, "yaml case")[0].replacen("expect: in", "expect: out", 1);
    let project = TestProject::new();
    project.write("muster.yaml", SETTINGS);
    project.write("cohorts/wrong.test.yaml", &case);
    assert_eq!(project.output(&["test"]).status.code(), Some(1));
}

//! `muster check` compared with the event names in the store.

use serde_json::json;

use crate::cli::shown;
use crate::project::TestProject;

/// Definitions with event names that are right, mistyped, unlike any, and of another cohort.
fn project() -> TestProject {
    let project = TestProject::new();
    project.write("muster.yaml", "sources: [{files: events.json}]\n");
    project.write(
        "cohorts/a.yaml",
        "# Purchse\nwhere:\n  all:\n    - {did: [Purchase, Purchse], with: {did: Signup}, times: {more_than: {did: Refnd}}}\n    - {did_not: \"checkout *\"}\n    - {did: \"*\"}\n    - did_in_order: [Signup, {did: View Item}]\n      without: Telephoned\n",
    );
    project.write(
        "cohorts/b.yaml",
        "where: {any: [{in_cohort: a}, {did: \"View *\"}, {did: \"Call *\"}]}\n",
    );
    let names = ["Purchase", "Refund", "Checkout Begun", "View Item"];
    let lines = names.map(|name| {
        format!(r#"{{"event_type":"{name}","user_id":"ann","event_time":"2026-02-10 08:00:00"}}"#)
    });
    project.write("events.json", &lines.join("\n"));
    project
}

#[test]
fn event_names_that_the_store_lacks_are_warned_of() {
    let project = project();
    // Without a store `check` cannot know unseen names, and makes no store.
    assert_eq!(project.json(&["check"])["unseen_events"], json!(null));
    assert!(!project.path().join(".muster/data.mdb").exists());
    // The same holds for a store without events.
    project.json(&["status"]);
    assert_eq!(project.json(&["check"])["unseen_events"], json!(null));
    project.json(&["import", "events.json"]);
    insta::assert_snapshot!("unseen_events", shown(&project, &["check"]));
    let found = project.json(&["check"])["unseen_events"].clone();
    assert_eq!(found.as_array().unwrap().len(), 6);
    assert_eq!(
        found[1],
        json!({"cohort": "a", "event": "Refnd", "did_you_mean": "Refund", "path": "cohorts/a.yaml", "line": 4, "column": 80})
    );
    assert_eq!(project.json(&["status"])["store"]["events"], 4);
}

#[test]
fn properties_that_no_event_carried_are_warned_of() {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        "sources: [{files: events.json}]\ndestinations: {out: {file: {path: out.ndjson}}}\n",
    );
    project.write(
        "cohorts/a.yaml",
        "sync: [{to: out, user_properties: [country, ctiy]}]\nwhere:\n  all:\n    - {did: Buy, with: {amuont: {at_least: 5}}, sum_of: {revenue: {at_least: 100}}}\n    - {did: Buy, per: cart.id, with_any: [{plan: {same_as: {user: paln}}}]}\n    - user: {version_name: \"1.10.0\"}\n",
    );
    project.write(
        "events.json",
        r#"{"user_id":"ann","event_type":"Buy","event_time":"2026-02-10 08:00:00","country":"Germany","version_name":"1.9.0","revenue":120.5,"event_properties":{"amount":60,"cart":{"id":"c1"},"plan":"pro"},"user_properties":{"plan":"pro","city":"Rome"}}"#,
    );
    assert_eq!(project.json(&["check"])["unseen_properties"], json!(null));
    project.json(&["import", "events.json"]);
    insta::assert_snapshot!("unseen_properties", shown(&project, &["check"]));
    let found = project.json(&["check"])["unseen_properties"].clone();
    assert_eq!(
        found[1],
        json!({"cohort": "a", "of": "event", "property": "amuont", "did_you_mean": "amount", "path": "cohorts/a.yaml", "line": 4, "column": 25})
    );
}

#[test]
fn values_that_are_compared_with_an_instant_and_are_none_are_warned_of() {
    let project = TestProject::new();
    project.write("muster.yaml", "sources: [{files: events.json}]\n");
    project.write(
        "cohorts/a.yaml",
        "where:\n  all:\n    - {did: Buy, with: {ships: {before: 2026-03-01}}}\n    - user: {trial_ends: {in_next: 3 days}}\n",
    );
    let line = |user: &str, ships: &str, ends: &str| {
        format!(
            r#"{{"user_id":"{user}","event_type":"Buy","event_time":"2026-02-10 08:00:00","event_properties":{{"ships":{ships}}},"user_properties":{{"trial_ends":{ends}}}}}"#
        )
    };
    let lines = [
        line("ann", "1771934400", r#""2026-03-02""#),
        line("bob", "1771934400000", r#""soon""#),
        line("cat", "\"2026-02-24\"", r#"["2026-03-02", "2026-03-03"]"#),
    ];
    project.write("events.json", &lines.join("\n"));
    assert_eq!(project.json(&["check"])["no_instants"], json!([]));
    project.json(&["import", "events.json"]);
    insta::assert_snapshot!("no_instants", shown(&project, &["check"]));
    let found = project.json(&["check"])["no_instants"].clone();
    assert_eq!(
        found[0],
        json!({"cohort": "a", "of": "event", "property": "ships", "values": 3, "no_instants": 1, "example": "1771934400", "path": "cohorts/a.yaml", "line": 3, "column": 25})
    );
}

#[test]
fn static_lists_that_are_surely_not_meant_are_warned_of() {
    let project = project();
    project.write("cohorts/vip.yaml", "members: ./vip.csv\n");
    project.write("cohorts/vip.csv", "user_id\nAnn;x\nbob\u{200b}\n");
    assert_eq!(project.json(&["check"])["unknown_lists"], json!([]));
    project.json(&["import", "events.json"]);
    let lists = json!(["cohorts/./vip.csv"]);
    assert_eq!(project.json(&["check"])["unknown_lists"], lists);
    let output = project.output(&["check"]);
    let said = String::from_utf8(output.stderr).unwrap();
    for warning in [
        "`user_id` seems to be a heading",
        "contains `;`",
        "contains the invisible character U+200B",
        "the store knows no user of this list (3 ids)",
    ] {
        assert!(said.contains(warning), "{warning}: {said}");
    }
    project.write("cohorts/vip.csv", "ann\u{200b}\n");
    assert_eq!(project.json(&["check"])["unknown_lists"], json!([]));
    let members = project.json(&["run", "--once"])["cohorts"].clone();
    let vip = members
        .as_array()
        .unwrap()
        .iter()
        .find(|cohort| cohort["id"] == "vip");
    assert_eq!(vip.unwrap()["members"], 1);
}

#[test]
fn a_store_in_use_is_read_too() {
    let project = project();
    project.json(&["import", "events.json"]);
    let store = muster_store::Store::open(
        &project.path().join(".muster"),
        &muster_store::StoreOptions::default(),
    )
    .unwrap();
    insta::assert_snapshot!("store_in_use", shown(&project, &["check"]));
    drop(store);
    assert_ne!(project.json(&["check"])["unseen_events"], json!(null));
}

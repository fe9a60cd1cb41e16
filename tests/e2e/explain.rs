//! `muster explain`: whole outputs, as snapshots.

use crate::cli::shown;
use crate::project::TestProject;

/// Makes a project with a member who bought twice, a user who bought once, and a user whose first
/// event is a day later.
fn project() -> TestProject {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        "clock: 2026-03-01T00:00:00Z\nsources: [{files: events.json}]\n",
    );
    project.write(
        "cohorts/regulars.yaml",
        "name: Regulars in Seattle\nwhere:\n  all:\n    - {did: Purchase, with: {amount: {at_least: 50}}, times: {at_least: 2}, in_last: 30 days}\n    - user: {city: Seattle}\n",
    );
    let event = |user: &str, time: &str, name: &str, properties: &str, about: &str| {
        format!(
            r#"{{"event_type":"{name}","user_id":"{user}","event_time":"{time}","event_properties":{properties},"user_properties":{about}}}"#
        )
    };
    let lines = [
        event(
            "ann",
            "2026-02-10 08:00:00",
            "Signup",
            "{}",
            r#"{"city":"Seattle"}"#,
        ),
        event(
            "ann",
            "2026-02-11 09:00:00",
            "Purchase",
            r#"{"amount":60,"sku":"a: b"}"#,
            "{}",
        ),
        event(
            "ann",
            "2026-02-20 10:00:00",
            "Purchase",
            r#"{"amount":75.5,"tags":["x","y"]}"#,
            "{}",
        ),
        event(
            "bob",
            "2026-02-20 10:00:00",
            "Purchase",
            r#"{"amount":20}"#,
            r#"{"city":"Reno"}"#,
        ),
        event(
            "eve",
            "2026-03-02 10:00:00",
            "Purchase",
            r#"{"amount":20}"#,
            "{}",
        ),
    ];
    project.write("events.json", &lines.join("\n"));
    project
}

#[test]
fn explain_shows_the_values_that_decided() {
    let project = project();
    insta::assert_snapshot!(
        "before_any_run",
        shown(&project, &["explain", "regulars", "ann"])
    );
    assert!(
        !project.path().join(".muster").exists(),
        "explaining makes no store"
    );
    project.json(&["run", "--once"]);
    insta::assert_snapshot!("in", shown(&project, &["explain", "regulars", "ann"]));
    insta::assert_snapshot!("out", shown(&project, &["explain", "regulars", "bob"]));
    insta::assert_snapshot!(
        "not_known_yet",
        shown(&project, &["explain", "regulars", "eve"])
    );
    insta::assert_snapshot!(
        "later_than_the_last_run",
        shown(
            &project,
            &["explain", "regulars", "ann", "--at", "2026-03-20T00:00:00Z"]
        )
    );
    insta::assert_snapshot!(
        "earlier_than_the_last_run",
        shown(
            &project,
            &["explain", "regulars", "ann", "--at", "2026-02-15T00:00:00Z"]
        )
    );
    let json = project.json(&["explain", "regulars", "ann"]);
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&json).unwrap());
    assert_eq!(
        project.json(&["status"])["cohorts"][0]["members"],
        1,
        "explaining changes nothing"
    );
}

#[test]
fn mistakes_are_answered_with_a_suggestion() {
    let project = project();
    project.json(&["run", "--once"]);
    for (name, cohort, user) in [
        ("mistyped_cohort", "reglars", "ann"),
        ("cohort_by_name", "Regulars in Seattle", "ann"),
        ("unknown_cohort", "whales", "ann"),
        ("mistyped_user", "regulars", "an"),
        ("unknown_user", "regulars", "stranger"),
    ] {
        insta::assert_snapshot!(name, shown(&project, &["explain", cohort, user]));
    }
    insta::assert_snapshot!("help", shown(&project, &["explain", "--help"]));
}

#[test]
fn a_hand_written_rule_gives_no_reasons() {
    let project = project();
    project.json(&["run", "--once"]);
    project.write("cohorts/vip.yaml", "rule: ./vip.wasm\n");
    insta::assert_snapshot!("hand_written", shown(&project, &["explain", "vip", "ann"]));
}

#[test]
fn only_the_latest_events_are_shown() {
    let project = project();
    let event = |day: usize| {
        format!(
            r#"{{"event_type":"Purchase","user_id":"ann","event_time":"2026-01-{day:02} 12:00:00","event_properties":{{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"amount":{day},"z":9}}}}"#
        )
    };
    project.write(
        "events.json",
        &(1..=12).map(event).collect::<Vec<_>>().join("\n"),
    );
    project.json(&["run", "--once"]);
    insta::assert_snapshot!(
        "many_events",
        shown(&project, &["explain", "regulars", "ann"])
    );
}

#[test]
fn a_static_list_is_explained() {
    let project = project();
    project.write("cohorts/vip.yaml", "members: ./vip.csv\n");
    project.write("cohorts/vip.csv", "ann\n");
    project.write(
        "cohorts/both.yaml",
        "where: {all: [{in_cohort: vip}, {in_cohort: regulars}]}\n",
    );
    project.json(&["run", "--once"]);
    insta::assert_snapshot!("list", shown(&project, &["explain", "vip", "bob"]));
    insta::assert_snapshot!(
        "other_cohorts",
        shown(&project, &["explain", "both", "ann"])
    );
}

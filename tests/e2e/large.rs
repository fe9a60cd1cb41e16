//! Users with more data than one evaluation may hold, and definitions that are larger than a module
//! may be.

use serde_json::Value;

use crate::project::TestProject;

/// The number of properties that the cohort reads: an event takes 8 KB of columns.
const PROPERTIES: usize = 990;

/// Makes a project in which `u1` has 70,000 events: 555 MB of columns.
fn project() -> TestProject {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        "sources: [{files: events.json}]\ndestinations: {out: {file: {path: out.ndjson}}}\n",
    );
    let clauses = (0..PROPERTIES)
        .map(|number| format!("  - {{did: View, with: {{p{number}: {{at_least: 1}}}}}}\n"));
    project.write(
        "cohorts/wide.yaml",
        &format!(
            "cadence: {{hourly: {{at: 0}}}}\nsync: [out]\nwhere:\n  any:\n{}",
            clauses.collect::<String>().replace("  - ", "    - ")
        ),
    );
    let event = |user: &str, second: usize| {
        let time = format!(
            "2026-02-01 {:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        );
        format!(
            r#"{{"event_type":"View","user_id":"{user}","event_time":"{time}","event_properties":{{"p3":2}}}}"#
        )
    };
    let mut lines: Vec<_> = (0..70_000).map(|second| event("user-1", second)).collect();
    lines.push(event("user-2", 1));
    project.write("events.json", &lines.join("\n"));
    project
}

fn run(project: &TestProject, now: &str) -> (Option<i32>, Value, String) {
    let output = project.output(&["run", "--once", "--json", "--now", now]);
    let report = output.stdout.split(|byte| *byte == b'\n').next().unwrap();
    (
        output.status.code(),
        serde_json::from_slice(report).unwrap_or_else(|error| panic!("{error}: {output:?}")),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_user_with_too_much_data_fails_one_run_and_is_in_the_status() {
    let project = project();
    let (code, report, errors) = run(&project, "2026-03-01T00:00:00Z");
    assert_eq!(code, Some(1), "{errors}");
    let problem = "wide: 1 user not evaluated, membership kept: too large to evaluate: ";
    let problems = report["problems"].as_array().unwrap();
    assert!(
        problems[0].as_str().unwrap().starts_with(problem),
        "{problems:?}"
    );
    assert_eq!(report["notes"], Value::Array(Vec::new()));
    assert_eq!(report["cohorts"][0]["members"], 1);
    // While the user's next evaluation waits, and at its time.
    for now in ["2026-03-01T00:00:30Z", "2026-03-01T00:02:00Z"] {
        let (code, report, errors) = run(&project, now);
        assert_eq!(code, Some(0), "{errors}");
        assert!(
            report["notes"][0].as_str().unwrap().starts_with(problem),
            "{report}"
        );
    }
    let output = project.output(&["run", "--once", "--now", "2026-03-01T00:02:10Z"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains(problem));
    assert_eq!(output.status.code(), Some(0));
    let status = project.json(&["status"]);
    let failing = &status["cohorts"][0]["failing"];
    assert_eq!(
        (&failing["failed"], &failing["too_large"]),
        (&0.into(), &1.into())
    );
    assert_eq!(failing["too_large_users"][0], "user-1");
    let text = String::from_utf8(project.output(&["status"]).stdout).unwrap();
    assert!(
        text.contains("wide: 1 user not evaluated at present, membership kept (user-1): too large"),
        "{text}"
    );
}

/// Uses the most texts that a list may have, in more cohorts than fit one module. All of them run,
/// except one that is too large by itself.
#[test]
fn cohorts_with_long_lists_of_texts_run_beside_one_that_is_too_large() {
    let project = TestProject::new();
    project.write("muster.yaml", "sources: [{files: events.json}]\n");
    let list = |cohort: usize| {
        let texts = (0..10_000).map(|text| format!("c{cohort:02}-{text:0>88}"));
        texts.collect::<Vec<_>>().join(", ")
    };
    for cohort in 0..24 {
        project.write(
            &format!("cohorts/c{cohort}.yaml"),
            &format!("where: {{user: {{city: [{}]}}}}\n", list(cohort)),
        );
    }
    let city = format!("c07-{:0>88}", 41);
    project.write(
        "events.json",
        &format!(r#"{{"event_type":"View","user_id":"user-1","event_time":"2026-02-01 00:00:00","user_properties":{{"city":"{city}"}}}}"#),
    );
    let report = project.json(&["run", "--once"]);
    for cohort in report["cohorts"].as_array().unwrap() {
        let expected = u64::from(cohort["id"] == "c7");
        assert_eq!(cohort["members"], expected, "{}", cohort["id"]);
    }
    assert_eq!(report["cohorts"].as_array().unwrap().len(), 24);
}

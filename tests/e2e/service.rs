//! The running service: cadences, sources, reload, guard, requests, its end.

pub(crate) mod running;

use serde_json::{Value, json};

use crate::consumer::Consumer;
use crate::project::TestProject;
use running::{RunningMuster, free_port, until};

const KEY: &str = "key-of-the-tests";

/// Makes a project whose cohorts receive events over HTTP.
fn project(more: &str, cohorts: &[(&str, &str)]) -> (TestProject, u16) {
    let project = TestProject::new();
    let port = free_port();
    project.write(
        "muster.yaml",
        &format!(
            "sources: [{{http: {{listen: \"127.0.0.1:{port}\", api_keys: [\"${{MUSTER_TEST_KEY:-{KEY}}}\"]}}}}]\n\
             destinations:\n  out: {{file: {{path: out.ndjson}}}}\n{more}"
        ),
    );
    for (id, text) in cohorts {
        project.write(&format!("cohorts/{id}.yaml"), text);
    }
    (project, port)
}

/// Sends events, which must be acknowledged.
fn send(port: u16, events: &[Value]) {
    let body = json!({ "api_key": KEY, "events": events }).to_string();
    let (status, answer) = running::post(port, "/2/httpapi", &body);
    assert_eq!(status, 200, "{answer}");
}

fn purchase(user: &str, time: i64) -> Value {
    json!({ "user_id": user, "event_type": "Purchase", "time": time, "event_properties": { "amount": 60 } })
}

fn members(project: &TestProject, cohort: &str) -> Vec<String> {
    let mut consumer = Consumer::default();
    if project.path().join("out.ndjson").exists() {
        consumer.take(&project.read("out.ndjson"));
    }
    let members = consumer.members().remove(cohort).unwrap_or_default();
    members.into_iter().collect()
}

/// 2026-03-01T00:00:00Z.
const MARCH: i64 = 1_772_323_200_000;
const START: &str = "2026-03-01T00:00:00Z";

#[test]
fn in_real_time_events_make_users_enter_and_time_makes_them_exit() {
    let (project, port) = project(
        "",
        &[(
            "lately",
            "cadence: real_time\nsync: [{to: out}]\nwhere: {did: Purchase, in_last: 10 minutes}\n",
        )],
    );
    // The service's clock runs a minute per second.
    let mut service = RunningMuster::start(&project, &["--now", START, "--speed", "60"]);
    send(
        port,
        &[purchase("ann", MARCH), purchase("bob", MARCH + 60_000)],
    );
    until("both are in", || {
        members(&project, "lately") == ["ann", "bob"]
    });
    until("time has made them exit", || {
        members(&project, "lately").is_empty()
    });
    service.stop();
    let runs = project.json(&["history", "lately"]);
    let exits: u64 = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["exited"].as_u64().unwrap())
        .sum();
    assert_eq!(exits, 2);
    // They exited within two runs of their expiry: a minute of this clock is a second.
    let mut lines: Vec<Value> = project
        .read("out.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.retain(|message| message["in_cohort"] == false);
    let second: i64 = lines[0]["computed_time"].as_str().unwrap().parse().unwrap();
    assert!(second >= MARCH / 1000 + 600, "{second}");
}

#[test]
fn scheduled_cohorts_run_at_their_times_and_once_for_all_missed_runs() {
    let cohort = |cadence: &str| {
        format!(
            "cadence: {cadence}\ntime_zone: America/Los_Angeles\nsync: [{{to: out}}]\nwhere: {{did: Purchase, in_last: 30 days}}\n"
        )
    };
    let (project, port) = project(
        "",
        &[
            ("daily", &cohort("{daily: {at: \"06:00\"}}")),
            ("hourly", &cohort("{hourly: {at: 15}}")),
        ],
    );
    // The clock runs six hours per second: 8 March, on which clocks go forward, is over within some
    // seconds.
    let speed = ["--now", "2026-03-07T00:00:00Z", "--speed", "21600"];
    let mut service = RunningMuster::start(&project, &speed);
    send(port, &[purchase("ann", MARCH)]);
    let runs = |cohort: &str| {
        let history = project.json(&["history", cohort, "--limit", "1000"]);
        let mut runs: Vec<(String, String)> = history["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| {
                (
                    run["at"].as_str().unwrap().to_owned(),
                    run["reason"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        runs.reverse();
        runs
    };
    until("three days have passed", || runs("daily").len() >= 4);
    service.stop();
    let daily = runs("daily");
    assert_eq!(daily[0].1, "first");
    // 06:00 in Los Angeles is 14:00 UTC, and 13:00 from 8 March on. The clock jumps, so a run
    // begins some minutes later.
    for (run, hour) in daily[1..]
        .iter()
        .zip(["2026-03-07T14:", "2026-03-08T13:", "2026-03-09T13:"])
    {
        assert!(run.0.starts_with(hour) && run.1 == "scheduled", "{daily:?}");
    }
    let hourly = runs("hourly");
    assert!(hourly.len() > 20, "{hourly:?}");
    assert_eq!(members(&project, "daily"), ["ann"]);
    assert_eq!(members(&project, "hourly"), ["ann"]);

    // Ten days later: one run replaces all missed runs.
    let mut service = RunningMuster::start(&project, &["--now", "2026-03-20T00:00:00Z"]);
    until("the missed run has happened", || {
        runs("daily").last().unwrap().1 == "missed"
    });
    service.stop();
    assert_eq!(runs("daily").len(), daily.len() + 1);
    assert_eq!(runs("daily").last().unwrap().0[..10], *"2026-03-20");
}

#[test]
fn changed_definitions_are_activated_and_wrong_ones_are_not() {
    let cohort = |least: u32| {
        format!(
            "name: Buyers\ncadence: real_time\nsync: [{{to: out}}]\nwhere: {{did: Purchase, times: {{at_least: {least}}}, in_last: 30 days}}\n"
        )
    };
    let operations = free_port();
    let (project, port) = project(
        &format!("operations: {{listen: \"127.0.0.1:{operations}\"}}\n"),
        &[("buyers", &cohort(1))],
    );
    let mut service = RunningMuster::start(&project, &["--now", START]);
    send(
        port,
        &[
            purchase("ann", MARCH - 1),
            purchase("bob", MARCH - 2),
            purchase("bob", MARCH - 1),
        ],
    );
    until("both are in", || {
        members(&project, "buyers") == ["ann", "bob"]
    });

    project.write(
        "cohorts/buyers.yaml",
        "name: Buyers\ncadence: real_time\nwhere: {did: Purchase, timse: 2}\n",
    );
    let wrong = || {
        project.json(&["status"])["definitions"]
            .as_str()
            .map(str::to_owned)
    };
    project.write(
        "cohorts/others.yaml",
        "cadence: real_time\nwhere: {did: Purchase, in_last: 7 days}\n",
    );
    until("the fault is reported", || wrong().is_some());
    // The health check names the file with the fault, and the service goes on.
    let (status, ready) = running::get(operations, "/readyz");
    assert_eq!(status, 200, "{ready}");
    assert!(ready.contains("cohorts/buyers.yaml:3:"), "{ready}");
    // Commands answer for the definitions that are active or right, and show the fault too.
    let status = project.json(&["status"]);
    assert_eq!(status["cohorts"][0]["id"], "buyers");
    assert_eq!(status["cohorts"][0]["members"], 2);
    assert_eq!(
        project.json(&["members", "buyers"])["members"],
        json!(["ann", "bob"])
    );
    assert_eq!(project.json(&["sync", "buyers"])["run"]["members"], 2);
    let history = project.json(&["history", "buyers"]);
    assert_eq!(history["runs"].as_array().unwrap().len(), 2);
    let plan = project.json(&["plan", "others"]);
    assert_eq!(plan["cohorts"][0]["entered"], 2);
    let explain = project.json(&["explain", "others", "ann"]);
    assert_eq!(explain["is"], "in");
    for document in [&status, &history, &plan, &explain] {
        let fault = &document["faults"][0];
        assert!(
            fault["file"].as_str().unwrap().ends_with("buyers.yaml"),
            "{document}"
        );
        assert_eq!(fault["line"], 3, "{document}");
    }
    for command in [&["members", "buyers"][..], &["plan", "others"]] {
        let output = project.output(command);
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("timse"), "{said}");
    }
    // A plan of all cohorts is incomplete.
    assert_eq!(project.output(&["plan"]).status.code(), Some(1));
    // A definition that is wrong on disk is explained by its active version.
    let explained = project.output(&["explain", "buyers", "ann"]);
    let said = String::from_utf8_lossy(&explained.stderr);
    assert!(explained.status.success(), "{said}");
    assert!(
        said.contains("timse") && said.contains("active definition"),
        "{said}"
    );
    let unknown = project.output(&["explain", "byers", "ann"]);
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(
        !unknown.status.success() && said.contains("buyers.yaml:3:"),
        "{said}"
    );
    std::fs::remove_file(project.path().join("cohorts/others.yaml")).unwrap();
    send(port, &[purchase("cid", MARCH - 1)]);
    until("the old definition is active", || {
        members(&project, "buyers") == ["ann", "bob", "cid"]
    });

    project.write("cohorts/buyers.yaml", &cohort(2));
    until("the new definition is active", || {
        members(&project, "buyers") == ["bob"]
    });
    assert_eq!(wrong(), None);
    let history = project.json(&["history", "buyers"]);
    let changed = &history["runs"][0];
    assert_eq!(
        (&changed["reason"], &changed["exited"], &changed["entered"]),
        (&json!("definition_changed"), &json!(2), &json!(0))
    );

    // Another name of the file with the same id: the same cohort.
    let text = format!("id: buyers\n{}", cohort(2));
    std::fs::remove_file(project.path().join("cohorts/buyers.yaml")).unwrap();
    let reads = |service: &RunningMuster| service.log().matches("definitions read again").count();
    let before = reads(&service);
    project.write("cohorts/renamed.yaml", &text);
    until("it is read", || reads(&service) > before);
    send(
        port,
        &[purchase("dan", MARCH - 2), purchase("dan", MARCH - 1)],
    );
    until("dan is in", || {
        members(&project, "buyers") == ["bob", "dan"]
    });

    // `on_remove` now says that the members exit once the file is removed.
    project.write("cohorts/renamed.yaml", &format!("on_remove: exit\n{text}"));
    project.write(
        "cohorts/other.yaml",
        "cadence: real_time\nwhere: {did: Refund, in_last: 1 day}\n",
    );
    // The service may see the change of either file first. The store has `exit` when the other
    // file's definition is active.
    until("both are read", || {
        project.json(&["status"])["cohorts"]
            .as_array()
            .unwrap()
            .len()
            == 2
    });
    std::fs::remove_file(project.path().join("cohorts/renamed.yaml")).unwrap();
    until("all have exited", || members(&project, "buyers").is_empty());
    service.stop();
}

#[test]
fn a_hangup_during_the_start_reaches_the_service() {
    let (project, _) = project(
        "",
        &[(
            "vip",
            "cadence: real_time\nsync: [{to: out}]\nmembers: ./vip.csv\n",
        )],
    );
    let list = project.path().join("cohorts/vip.csv");
    let made = std::process::Command::new("mkfifo").arg(&list).status();
    assert!(made.unwrap().success());
    let mut service = RunningMuster::begin(&project, &["--now", START]);
    // The pipe can be opened for writing once the service reads its files; the service was started
    // long before.
    let mut pipe = std::fs::File::options().write(true).open(&list).unwrap();
    service.signal("HUP");
    std::io::Write::write_all(&mut pipe, b"ann\n").unwrap();
    project.write("other.csv", "ann\nbob\n");
    std::fs::rename(project.path().join("other.csv"), &list).unwrap();
    drop(pipe);
    service.answers(&project);
    until("definitions were read again", || {
        service.log().contains("definitions read again")
    });
    service.stop();
}

#[test]
fn a_faster_clock_needs_a_start_instant() {
    let (project, _) = project("", &[]);
    let output = project.output(&["run", "--speed", "60"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("add `--now INSTANT`, or `clock:`"), "{said}");
    assert!(!project.path().join(".muster").exists());
}

#[test]
fn a_plan_beside_the_service_uses_its_clock_and_waits_for_files() {
    let project = TestProject::new();
    project.write("muster.yaml", "sources: [{files: \"events/*.json\"}]\n");
    project.write(
        "cohorts/buyers.yaml",
        "where: {did: Purchase, in_last: 30 days}\n",
    );
    let mut service = RunningMuster::start(&project, &["--now", START]);
    let plan = project.json(&["plan"]);
    assert!(
        plan["now"].as_str().unwrap().starts_with("2026-03-01T00:0"),
        "{plan}"
    );
    assert_eq!(plan["problems"], json!([]));
    let line = r#"{"user_id":"ann","event_type":"Purchase","event_time":"2026-02-27 10:00:00"}"#;
    project.write("events/1.json", line);
    until("the file is imported", || {
        project.json(&["status"])["store"]["users"] == 1
    });
    let explain = project.json(&["explain", "buyers", "ann"]);
    assert!(
        explain["at"]
            .as_str()
            .unwrap()
            .starts_with("2026-03-01T00:0"),
        "{explain}"
    );
    service.stop();
}

#[test]
fn held_runs_are_shown_and_approved_or_rejected() {
    let cohort = |days: u32| {
        format!(
            "cadence: real_time\nsync: [{{to: out}}]\nwhere: {{did: Purchase, in_last: {days} days}}\n"
        )
    };
    let (project, port) = project(
        "guard: {percent: 20, members: 10}\n",
        &[("buyers", &cohort(30))],
    );
    let mut service = RunningMuster::start(&project, &["--now", START]);
    let day = 86_400_000;
    let users: Vec<_> = (0..50)
        .map(|user| {
            purchase(
                &format!("user-{user:02}"),
                MARCH - 1 - i64::from(user % 25) * day,
            )
        })
        .collect();
    send(port, &users);
    until("all are in", || members(&project, "buyers").len() == 50);

    project.write("cohorts/buyers.yaml", &cohort(3));
    let held = || project.json(&["status"])["cohorts"][0]["held"].clone();
    until("it is held", || !held().is_null());
    assert_eq!(
        (&held()["exited"], &held()["members"]),
        (&json!(44), &json!(50))
    );
    assert_eq!(members(&project, "buyers").len(), 50);
    let plan = project.json(&["plan", "buyers", "--now", START]);
    assert_eq!(
        (&plan["cohorts"][0]["exited"], &plan["cohorts"][0]["held"]),
        (&json!(44), &json!(true))
    );
    let sync = project.output(&["sync", "buyers"]);
    assert!(
        String::from_utf8_lossy(&sync.stderr).contains("muster approve buyers"),
        "{sync:?}"
    );

    project.json(&["reject", "buyers"]);
    assert!(held().is_null());
    send(port, &[purchase("user-00", MARCH - 1)]);
    until("it is held again, since nothing has changed", || {
        !held().is_null()
    });
    let approved = project.json(&["approve", "buyers"]);
    assert_eq!(approved["run"]["exited"], 44);
    until("users who are no longer members have exited", || {
        members(&project, "buyers").len() == 6
    });
    assert!(held().is_null());
    let again = project.output(&["approve", "buyers"]);
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("no run of `buyers` is held"),
        "{again:?}"
    );
    service.stop();
    let history = project.json(&["history", "buyers"]);
    let reasons: Vec<_> = history["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["reason"].as_str().unwrap())
        .collect();
    assert!(
        reasons.contains(&"approved") && reasons.contains(&"rejected"),
        "{reasons:?}"
    );
}

#[test]
fn a_running_service_runs_lists_members_and_forgets_on_request() {
    let (project, port) = project(
        "clock: 2026-03-01T12:00:00Z\n",
        &[
            (
                "buyers",
                "cadence: daily\nsync: [{to: out}]\nwhere: {did: Purchase, in_last: 30 days}\n",
            ),
            (
                "others",
                "cadence: daily\nsync: [{to: out}]\nwhere: {did: Purchase, in_last: 7 days}\n",
            ),
        ],
    );
    let mut service = RunningMuster::start(&project, &[]);
    until("the first runs are over", || {
        let history = project.json(&["history", "buyers"]);
        !history["runs"].as_array().unwrap().is_empty()
    });
    send(
        port,
        &[purchase("ann", MARCH - 1), purchase("bob", MARCH - 1)],
    );
    assert_eq!(
        project.json(&["members", "buyers"])["members"],
        json!([]),
        "it is not midnight"
    );
    let synced = project.json(&["sync", "buyers"]);
    assert_eq!(
        (&synced["run"]["entered"], &synced["run"]["reason"]),
        (&json!(2), &json!("requested"))
    );
    assert_eq!(
        project.json(&["members", "buyers"])["members"],
        json!(["ann", "bob"])
    );
    until("they have arrived", || {
        members(&project, "buyers").len() == 2
    });
    assert!(
        members(&project, "others").is_empty(),
        "no command requested it"
    );
    let again = project.json(&["sync", "buyers"]);
    assert_eq!(again["run"]["messages"], 0);
    let whole = project.json(&["sync", "buyers", "--full"]);
    assert_eq!(
        (&whole["run"]["messages"], &whole["run"]["entered"]),
        (&json!(1), &json!(0))
    );

    let status = project.json(&["status"]);
    assert_eq!(status["cohorts"][0]["next_run_at"], "2026-03-02T00:00:00Z");
    assert_eq!(status["sources"][0]["counts"]["events"], 2);
    let unknown = project.output(&["forget", "stranger"]);
    assert!(!unknown.status.success());
    let forgotten = project.json(&["forget", "ann"]);
    assert_eq!(forgotten["forgotten"]["exited"], json!(["buyers"]));
    assert_eq!(
        project.json(&["members", "buyers"])["members"],
        json!(["bob"])
    );
    until("the exit has arrived", || {
        project
            .read("out.ndjson")
            .lines()
            .last()
            .unwrap()
            .contains("\"in_cohort\":false")
    });
    let explain = project.output(&["explain", "buyers", "ann"]);
    assert!(!explain.status.success(), "ann is not known any more");

    // No other process may have the store meanwhile, and the error says why.
    let second = project.output(&["run", "--once"]);
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another process uses the store"),
        "{second:?}"
    );
    let import = project.output(&["import", "muster.yaml"]);
    assert!(
        String::from_utf8_lossy(&import.stderr).contains("the running service owns the store"),
        "{import:?}"
    );
    service.stop();
    // Without the service the same commands do the work themselves.
    assert_eq!(project.json(&["sync", "others"])["run"]["entered"], 1);
    assert_eq!(
        project.json(&["forget", "bob"])["forgotten"]["exited"],
        json!(["buyers", "others"])
    );
}

#[test]
fn metrics_and_health_report_the_state_of_the_service() {
    let operations = free_port();
    let (project, port) = project(
        &format!("operations: {{listen: \"127.0.0.1:{operations}\"}}\n"),
        &[(
            "buyers",
            "cadence: real_time\nsync: [{to: out}]\nwhere: {did: Purchase, in_last: 30 days}\n",
        )],
    );
    let mut service = RunningMuster::start(&project, &["--now", START]);
    assert_eq!(running::get(operations, "/healthz").0, 200);
    until("it is ready", || {
        running::get(operations, "/readyz").0 == 200
    });
    send(port, &[purchase("ann", MARCH - 1)]);
    until("the entry is counted", || {
        let (_, text) = running::get(operations, "/metrics");
        [
            "muster_cohort_entered_total{cohort=\"buyers\"} 1",
            "muster_cohort_members{cohort=\"buyers\"} 1",
            "muster_destination_messages_total{destination=\"out\"} 1",
            "muster_destination_backlog_messages{destination=\"out\"} 0",
            "muster_store_events 1",
            // An alert on an increase needs a series before the first failure.
            "muster_cohort_failures_total{cohort=\"buyers\"} 0",
        ]
        .iter()
        .all(|line| text.contains(line))
            && text.contains("muster_source_events_total{source=\"http:")
            && text.ends_with("# EOF\n")
    });
    let (status, answer) =
        running::post(port, "/2/httpapi", r#"{"api_key": "wrong", "events": []}"#);
    assert_eq!(status, 400, "{answer}");
    service.stop();
}

#[test]
fn the_end_waits_for_the_outbox_if_set_and_a_second_signal_ends_at_once() {
    let (project, port) = project(
        "",
        &[(
            "buyers",
            "cadence: real_time\nsync: [{to: out}]\nwhere: {did: Purchase, in_last: 30 days}\n",
        )],
    );
    let mut service = RunningMuster::start(&project, &["--now", START, "--drain"]);
    let users: Vec<_> = (0..1_000)
        .map(|user| purchase(&format!("user-{user}"), MARCH - 1))
        .collect();
    send(port, &users);
    until("the run has begun", || {
        project.json(&["members", "buyers"])["members"]
            .as_array()
            .unwrap()
            .len()
            == 1_000
    });
    service.stop();
    assert_eq!(members(&project, "buyers").len(), 1_000);

    // A destination that accepts nothing: a full disk fails at once, and the backlog is kept.
    project.write(
        "muster.yaml",
        &project
            .read("muster.yaml")
            .replace("path: out.ndjson", "path: /dev/full"),
    );
    let mut service = RunningMuster::start(
        &project,
        &["--now", START, "--drain", "--stop-timeout", "600"],
    );
    send(port, &[purchase("one-more", MARCH - 1)]);
    until("the destination's fault is reported", || {
        let status = project.json(&["status"]);
        status["destinations"][0]["waiting_messages"] == 1
            && !status["destinations"][0]["error"].is_null()
    });
    service.signal("TERM");
    until("it waits for the outbox", || {
        service
            .log()
            .contains("waiting until all messages are delivered")
    });
    assert!(service.is_running());
    service.signal("TERM");
    assert!(!service.wait().success(), "a second signal");
}

#[test]
fn logs_can_be_json() {
    let cohort = "where: {did: Purchase, in_last: 1 day}\n";
    let (project, _) = project("retention: 1 hour\n", &[("a", cohort)]);
    let mut service = RunningMuster::start(&project, &["--log-format", "json"]);
    // Warnings and errors of files are logged too, at the start and later.
    project.write("cohorts/b.yaml", &cohort.replace("1 day", "2 days"));
    until("it is read", || {
        service.log().contains("the window of 2 days")
    });
    project.write("cohorts/c.yaml", "where: {nonsense: 1}\n");
    until("it is refused", || service.log().contains("nonsense"));
    let log = service.stop();
    assert!(log.contains("the window of 1 day"), "{log}");
    for line in log.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    assert!(log.contains("\"cohort\":\"a\""), "{log}");
}

/// Returns lines of a file: events of a user so many days ago.
fn lines(user: &str, days: impl Iterator<Item = u64>) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let line = |day: u64| {
        let time = now - day * 86_400_000;
        format!("{{\"user_id\":\"{user}\",\"event_type\":\"Purchase\",\"event_time\":{time}}}\n")
    };
    days.map(line).collect()
}

fn events(project: &TestProject) -> Value {
    project.json(&["status"])["store"]["events"].clone()
}

#[test]
fn events_older_than_the_retention_are_dropped_and_long_windows_warned_of() {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        "retention: 10 days\nsources: [{files: \"*.json\"}]\n",
    );
    project.write(
        "cohorts/buyers.yaml",
        "cadence: real_time\nwhere: {did: Purchase, in_last: 30 days}\n",
    );
    project.write("new.json", &lines("ann", [1].into_iter()));
    project.write(
        "old.json",
        &(lines("bob", [26].into_iter()) + &lines("ann", [25].into_iter())),
    );
    let check = project.output(&["check"]);
    let warned = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(warned.contains("longer than the retention"), "{warned}");
    let mut service = RunningMuster::start(&project, &[]);
    // The events of the first import are no exception.
    until(
        "both files were read, and the old events are dropped",
        || {
            let store = &project.json(&["status"])["store"];
            // The users are still known.
            store["users"] == 2 && store["events"] == 1
        },
    );
    let log = service.stop();
    assert!(log.contains("longer than the retention"), "{log}");
}

/// Makes a project whose events are older than its retention, except one.
fn old(more: &str) -> TestProject {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        &format!("retention: 10 days\nsources: [{{files: \"*.json\"}}]\n{more}"),
    );
    project.write(
        "cohorts/buyers.yaml",
        "cadence: real_time\nwhere: {did: Purchase}\n",
    );
    project.write("new.json", &lines("ann", [1].into_iter()));
    project.write("old.json", &lines("bob", (0..1500).map(|_| 30)));
    project
}

#[test]
fn retention_drops_nothing_unless_the_clock_is_the_systems() {
    for (arguments, config) in [
        (&["--now", "2036-01-01T00:00:00Z"][..], ""),
        (&["--now", "2036-01-01T00:00:00Z", "--speed", "10"], ""),
        (&[], "clock: 2036-01-01T00:00:00Z\n"),
    ] {
        let project = old(config);
        let mut service = RunningMuster::start(&project, arguments);
        until("all cohorts have run", || {
            project.json(&["status"])["cohorts"][0]["last_run_at"].is_string()
        });
        let refused = project.output(&["prune", "--anyway"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains("only by the system's clock"),
            "{said}"
        );
        let log = service.stop();
        assert!(log.contains("does not use the system's clock"), "{log}");
        assert_eq!(events(&project), 1501);
    }
    // The same holds on request while no service runs.
    let project = old("clock: 2036-01-01T00:00:00Z\n");
    project.json(&["run", "--once"]);
    let refused = project.output(&["prune", "--anyway"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("only by the system's clock"),
        "{said}"
    );
    assert_eq!(events(&project), 1501);
}

#[test]
fn a_large_share_is_dropped_on_request_and_files_can_be_imported_again() {
    let project = old("");
    let mut service = RunningMuster::start(&project, &[]);
    let refusal = || project.json(&["status"])["store"]["retention_refused"].clone();
    until("the retention refuses", || !refusal().is_null());
    assert_eq!(
        (&refusal()["events"], &refusal()["of"]),
        (&json!(1500), &json!(1501))
    );
    let status = project.output(&["status"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(said.contains("1,500 of 1,501 events"), "{said}");
    let refused = project.output(&["prune"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("muster prune --anyway"),
        "{said}"
    );
    assert_eq!(events(&project), 1501);
    assert_eq!(project.json(&["prune", "--anyway"])["dropped"], 1500);
    assert_eq!(events(&project), 1);
    assert_eq!(refusal(), Value::Null);
    let log = service.stop();
    assert!(log.contains("1,500 of 1,501 events"), "{log}");

    let file = project.path().join("old.json").display().to_string();
    let known = project.json(&["import", &file]);
    assert_eq!(known["files"][0]["already_imported"], true);
    assert_eq!(events(&project), 1);
    let again = project.json(&["import", "--again", &file]);
    assert_eq!(again["files"][0]["already_imported"], false);
    assert_eq!(events(&project), 1501);
    // Without a service this process drops the events.
    assert_eq!(project.json(&["prune", "--anyway"])["dropped"], 1500);
    project.json(&["import", "--again", &file]);
    assert_eq!(events(&project), 1501);
}

/// `muster members | less` can run for hours.
#[test]
fn members_are_printed_without_keeping_pages_of_the_store() {
    use std::io::Read;
    use std::process::Stdio;
    let project = TestProject::new();
    project.write("muster.yaml", "sources: [{files: \"*.json\"}]\n");
    project.write("cohorts/buyers.yaml", "where: {did: Purchase}\n");
    // The output is far more than a pipe holds, 64 KiB.
    let users = (0..4000).map(|user| lines(&format!("{user:0>100}"), [1].into_iter()));
    project.write("events.json", &users.collect::<String>());
    project.json(&["run", "--once"]);
    for arguments in [&["members", "buyers"][..], &["members", "buyers", "--json"]] {
        let mut printing = crate::project::muster(arguments)
            .current_dir(project.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = printing.stdout.take().unwrap();
        let mut first = [0];
        out.read_exact(&mut first).unwrap();
        // The command now waits for its reader.
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", printing.id())).unwrap();
        assert!(!maps.contains("data.mdb"), "{arguments:?}");
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert!(printing.wait().unwrap().success());
        assert!(rest.contains(&format!("{:0>100}", 3999)));
    }
}

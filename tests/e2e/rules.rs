//! Rules written by hand: a good one, and hostile ones. Hostile rules change no membership and are
//! reported.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use muster_testkit::rule::{ALLOCATOR, core_module};
use serde_json::Value;

use crate::consumer::Consumer;
use crate::project::{TestProject, root};

/// Makes a project with six users, all of them members of `everyone`.
fn project() -> TestProject {
    let project = TestProject::new();
    project.write("muster.yaml", "clock: 2026-03-01T00:00:00Z\nsources: [{files: events.json}]\ndestinations: {out: {file: {path: out.ndjson}}}\n");
    let event = |user: usize, day: usize, name: &str| {
        format!(
            r#"{{"event_type":"{name}","user_id":"u{user}","event_time":"2026-02-{day:02} 12:00:00","event_properties":{{"amount":50}}}}"#
        )
    };
    let mut lines = Vec::new();
    for user in 0..6 {
        // User n bought on n + 1 days, a week apart.
        lines.extend((0..=user.min(3)).map(|week| event(user, 28 - week * 7, "Purchase")));
    }
    // The last user sent two items back in a row.
    lines.extend([event(5, 26, "Refund"), event(5, 27, "Refund")]);
    project.write("events.json", &lines.join("\n"));
    project.write("cohorts/vip.yaml", "sync: [out]\nwhere: {everyone: true}\n");
    project.write(
        "cohorts/buyers.yaml",
        "sync: [out]\nwhere: {did: Purchase, in_last: 1 day}\n",
    );
    project
}

/// Builds a component whose `describe` names the cohort `vip` and whose `classify` is the given
/// code.
pub(crate) fn guest(classify: &str) -> Vec<u8> {
    guest_with(classify, "")
}

/// Builds the same component with more items of the module.
pub(crate) fn guest_with(classify: &str, items: &str) -> Vec<u8> {
    muster_sandbox::componentize(&core(classify, items)).unwrap()
}

/// Builds the core module of the component.
pub(crate) fn core(classify: &str, items: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (memory (export "memory") 64)
          {ALLOCATOR}
          (data (i32.const 1024) "\4c\04\00\00\01\00\00\00")
          (data (i32.const 1100) "\b0\04\00\00\03\00\00\00")
          (data (i32.const 1200) "vip")
          (func (export "describe") (result i32) (i32.const 1024))
          (func (export "classify") (param i32) (result i32) {classify})
          {items})"#
    );
    core_module(&text)
}

#[test]
fn a_hostile_rule_changes_no_membership_and_is_reported() {
    let project = project();
    let first = project.json(&["run", "--once"]);
    let members = |report: &Value, cohort: &str| {
        let cohorts = report["cohorts"].as_array().unwrap();
        cohorts
            .iter()
            .find(|known| known["id"] == cohort)
            .map(|known| known["members"].clone())
    };
    assert_eq!(members(&first, "vip"), Some(6.into()));
    let sent = project.read("out.ndjson");

    project.write("cohorts/vip.yaml", "sync: [out]\nrule: ./vip.wasm\n");
    for (name, classify, says) in [
        ("it traps", "unreachable", "unreachable"),
        (
            "it loops for ever",
            "(loop $l (br $l)) unreachable",
            "it took too long",
        ),
        (
            "it grows its memory",
            "(loop $l (drop (memory.grow (i32.const 1000))) (br_if $l (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)))) unreachable",
            "",
        ),
        ("it points anywhere", "(i32.const -8)", ""),
        ("it answers for no user", "(i32.const 0)", ""),
    ] {
        std::fs::write(project.path().join("cohorts/vip.wasm"), guest(classify)).unwrap();
        let output = project.output(&["run", "--once", "--json"]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let report: Value =
            serde_json::from_slice(output.stdout.split(|byte| *byte == b'\n').next().unwrap())
                .unwrap();
        assert_eq!(members(&report, "vip"), Some(6.into()), "{name}");
        let problems = report["problems"].to_string();
        assert!(
            problems.contains("vip")
                && problems.contains("membership kept")
                && problems.contains(says),
            "{name}: {problems}"
        );
        // The other cohorts go on, and no message is sent.
        assert_eq!(
            members(&report, "buyers"),
            members(&first, "buyers"),
            "{name}"
        );
        assert_eq!(project.read("out.ndjson"), sent, "{name}");
    }
    // The file is not a rule at all.
    std::fs::write(project.path().join("cohorts/vip.wasm"), b"\0asm nonsense").unwrap();
    let output = project.output(&["run", "--once", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("membership kept"));
    assert_eq!(
        project.json(&["status"])["cohorts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|cohort| cohort["id"] == "vip")
            .unwrap()["members"],
        6
    );
}

#[test]
fn two_definitions_may_name_one_rule() {
    let project = project();
    let all_users = r#"
        ;; An answer in which the bit of each of up to 64 users is set, for ever.
        (i32.store (i32.const 3004) (i32.const 3104))
        (i32.store (i32.const 3008) (i32.const 1))
        (i32.store (i32.const 3012) (i32.const 3200))
        (i32.store (i32.const 3016) (i32.load offset=8 (local.get 0)))
        (i64.store (i32.const 3104) (i64.sub
          (i64.shl (i64.const 1) (i64.extend_i32_u (i32.load offset=8 (local.get 0)))) (i64.const 1)))
        (memory.fill (i32.const 3200) (i32.const 0x7f) (i32.const 512))
        (i32.const 3000)"#;
    let rule = guest(all_users);
    std::fs::write(project.path().join("cohorts/vip.wasm"), &rule).unwrap();
    std::fs::write(project.path().join("cohorts/copy.wasm"), &rule).unwrap();
    project.write("cohorts/vip.yaml", "sync: [out]\nrule: ./vip.wasm\n");
    let mut consumer = Consumer::default();
    let run = |consumer: &mut Consumer| {
        let report = project.json(&["run", "--once"]);
        consumer.take(&project.read("out.ndjson"));
        report["cohorts"].clone()
    };
    run(&mut consumer);
    assert_eq!(consumer.members()["vip"].len(), 6);
    // This cohort comes long after the rule's first run, and each run evaluates both.
    project.write("cohorts/late.yaml", "sync: [out]\nrule: ./vip.wasm\n");
    project.write("cohorts/later.yaml", "rule: ./copy.wasm\n");
    let cohorts = run(&mut consumer);
    assert_eq!(consumer.members()["late"].len(), 6);
    for (id, reason) in [("late", "first"), ("later", "first"), ("vip", "full")] {
        let cohort = cohorts
            .as_array()
            .unwrap()
            .iter()
            .find(|known| known["id"] == id);
        let cohort = cohort.unwrap();
        assert_eq!(
            (&cohort["members"], &cohort["reason"]),
            (&6.into(), &reason.into()),
            "{id}"
        );
    }
    let event = r#"{"event_type":"Purchase","user_id":"u6","event_time":"2026-02-28 13:00:00"}"#;
    project.write("events2.json", event);
    project.json(&["import", "events2.json"]);
    run(&mut consumer);
    for cohort in ["vip", "late"] {
        assert_eq!(consumer.members()[cohort].len(), 7, "{cohort}");
    }
}

/// Builds the rules of `guest-rules` once, as its README says. Returns the built file of one.
pub(crate) fn built(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root().join("target"), PathBuf::from);
        let target = std::path::absolute(target).unwrap().join("guest-rules");
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--release",
                "--target",
                "wasm32-unknown-unknown",
                "--manifest-path",
            ])
            .arg(root().join("guest-rules/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .unwrap();
        assert!(status.success());
        target.join("wasm32-unknown-unknown/release")
    });
    folder.join(format!("{name}.wasm"))
}

#[test]
fn a_rule_written_in_rust_runs() {
    let project = project();
    // The file is as rustc writes it: a core module. Muster makes a component of it when it loads
    // it.
    std::fs::copy(
        built("loyal_shopper"),
        project.path().join("cohorts/loyal.wasm"),
    )
    .unwrap();
    project.write(
        "cohorts/loyal.yaml",
        "name: Loyal shoppers\nsync: [out]\nrule: ./loyal.wasm\n",
    );
    project.json(&["run", "--once"]);
    let mut consumer = Consumer::default();
    consumer.take(&project.read("out.ndjson"));
    // Members have three purchases of 50 in three of the last four weeks, and no two refunds in a
    // row. The lookback of a rule counts for retention as that of clauses does.
    let config = project.read("muster.yaml");
    project.write("muster.yaml", &format!("{config}retention: 7 days\n"));
    let warnings = String::from_utf8(project.output(&["check"]).stderr).unwrap();
    assert!(
        warnings.contains("reads all events ever, but the retention is 7 days"),
        "{warnings}"
    );
    assert!(warnings.contains("cohorts/loyal.yaml:3:7"), "{warnings}");
    project.write("muster.yaml", &config);
    let loyal: Vec<_> = consumer.members()["loyal"].iter().cloned().collect();
    assert_eq!(loyal, ["u2", "u3", "u4"]);
    // Time alone ends the membership.
    project.json(&["run", "--once", "--now", "2026-04-30T00:00:00Z"]);
    consumer.take(&project.read("out.ndjson"));
    assert!(consumer.members()["loyal"].is_empty());
}

#[test]
fn the_cases_of_the_example_rules_hold() {
    // The files lie as in `guest-rules` after a build there.
    let examples = TestProject::new();
    let release = examples
        .path()
        .join("target/wasm32-unknown-unknown/release");
    std::fs::create_dir_all(&release).unwrap();
    let names = ["churn-risk", "overdrawn", "own-baseline"];
    for name in names {
        let file = format!("{name}/{name}.test.yaml");
        let cases = std::fs::read_to_string(root().join("guest-rules").join(&file)).unwrap();
        examples.write(&file, &cases);
        let rule = name.replace('-', "_");
        std::fs::copy(built(&rule), release.join(format!("{rule}.wasm"))).unwrap();
    }
    let tested = examples.json(&[&["test"][..], &names].concat());
    assert_eq!(
        (&tested["cases"], &tested["failed"]),
        (&6.into(), &0.into()),
        "{tested}"
    );
}

#[test]
fn a_locked_rule_is_refused_when_its_file_changes_until_it_is_locked_again() {
    let project = project();
    let member = |user: &str| {
        let report = project.json(&["members", "vip"]);
        let members = report["members"].as_array().unwrap();
        members.iter().any(|known| known == user)
    };
    let (rule, other) = (
        guest("(i32.const 0) unreachable"),
        guest("(i32.const 1) unreachable"),
    );
    std::fs::create_dir_all(project.path().join("cohorts")).unwrap();
    std::fs::write(project.path().join("cohorts/vip.wasm"), &rule).unwrap();
    project.json(&["run", "--once"]);
    assert!(member("u0"));
    project.write("cohorts/vip.yaml", "sync: [out]\nrule: ./vip.wasm\n");
    // Without a lock, every rule is accepted, except in CI.
    project.json(&["check"]);
    assert_eq!(
        project.output(&["check", "--locked"]).status.code(),
        Some(1)
    );
    let locked = project.json(&["lock"]);
    assert_eq!(locked["changes"][0]["change"], "added");
    assert_eq!(locked["changes"][0]["rule"], "cohorts/vip.wasm");
    project.json(&["check", "--locked"]);

    std::fs::write(project.path().join("cohorts/vip.wasm"), &other).unwrap();
    let refused = "cohorts/vip.wasm has changed: its SHA-256 is ";
    for command in [&["check"][..], &["run", "--once"]] {
        let output = project.output(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(refused), "{command:?}: {said}");
    }
    assert!(member("u0"), "the members stay");
    assert_eq!(project.json(&["lock"])["changes"][0]["change"], "changed");
    project.json(&["check", "--locked"]);
    // A lock of another form refuses all rules, and says how to mend it.
    project.write("muster.lock", "vip.wasm\n");
    let output = project.output(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("line 1 of muster.lock is not a SHA-256"),
        "{said}"
    );
    // A rule that is no longer used leaves the lock.
    project.json(&["lock"]);
    project.write("cohorts/vip.yaml", "where: {everyone: true}\n");
    assert_eq!(project.json(&["lock"])["changes"][0]["change"], "removed");
}

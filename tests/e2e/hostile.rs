//! Many attacks at once: idle connections, slow bodies, a user with very many events, garbage
//! rules, and folders that cannot be listed. A probe cohort goes on, and no other cohort's members
//! change.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cases::IN;
use crate::consumer::Consumer;
use crate::project::TestProject;
use crate::rules::guest;
use crate::service::running::{RunningMuster, free_port, post, until};

const KEY: &str = "key-of-the-tests";

/// The usual limit of open files.
const OPEN_FILES: usize = 1_024;

const PROBES: usize = 12;

/// The longest time that a probe may take from its acknowledgement to its entry.
const SOON: Duration = Duration::from_secs(3);

/// The number of probes that may take longer, on a machine that is busy for a moment.
const LATE: usize = 2;

fn cohort(event: &str) -> String {
    format!("cadence: real_time\nsync: [out]\non_remove: exit\nwhere: {{did: {event}}}\n")
}

fn project() -> (TestProject, u16) {
    let (project, port) = (TestProject::new(), free_port());
    project.write(
        "muster.yaml",
        &format!(
            "cohorts: [\"cohorts/*.yaml\", \"more/*.yaml\"]\n\
             sources: [{{http: {{listen: \"127.0.0.1:{port}\", api_keys: [{KEY}]}}}}]\n\
             destinations: {{out: {{file: {{path: out.ndjson}}}}}}\n"
        ),
    );
    project.write("cohorts/probe.yaml", &cohort("Probe"));
    project.write("cohorts/buyers.yaml", &cohort("Purchase"));
    project.write("cohorts/hot.yaml", &cohort("View"));
    project.write("more/others.yaml", &cohort("Purchase"));
    project.write(
        "cohorts/ruled.yaml",
        "cadence: real_time\nsync: [out]\non_remove: exit\nrule: ../rules/ruled.wasm\n",
    );
    std::fs::create_dir(project.path().join("rules")).unwrap();
    std::fs::write(project.path().join("rules/ruled.wasm"), guest(IN)).unwrap();
    (project, port)
}

fn send(port: u16, events: &[Value]) {
    let body = json!({ "api_key": KEY, "events": events }).to_string();
    // A refused sender tries again, as the vendor's SDKs do.
    until("the events are taken", || {
        post(port, "/2/httpapi", &body).0 == 200
    });
}

fn event(user: &str, name: &str) -> Value {
    json!({ "user_id": user, "event_type": name })
}

/// Returns a consumer that has taken all messages so far.
fn consumed(project: &TestProject) -> Consumer {
    let mut consumer = Consumer::default();
    if project.path().join("out.ndjson").exists() {
        consumer.take(&project.read("out.ndjson"));
    }
    consumer
}

/// Returns the consumer's members of the cohorts that the attacks should not change.
fn others(project: &TestProject) -> Vec<(String, Vec<String>)> {
    let members = consumed(project).members();
    let others = ["buyers", "others"].into_iter().map(|cohort| {
        let users = members.get(cohort).into_iter().flatten();
        (cohort.to_owned(), users.map(ToString::to_string).collect())
    });
    others.collect()
}

/// Waits for a while, unless the attack is over.
fn pause(over: &AtomicBool) {
    let until = Instant::now() + Duration::from_millis(1_500);
    while Instant::now() < until && !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends large bodies without a valid key, one byte at a time.
fn slow_bodies(port: u16, over: &AtomicBool) {
    let head = format!(
        "POST /batch HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        16 << 20
    );
    while !over.load(Ordering::Relaxed) {
        let mut streams: Vec<_> = (0..8)
            .filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok())
            .collect();
        for stream in &mut streams {
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&[b' '; 4096]);
        }
        pause(over);
    }
}

/// Sends very many events of one user and one millisecond.
fn hot_user(port: u16, over: &AtomicBool) {
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        let events: Vec<_> = (0..2_000)
            .map(|_| {
                number += 1;
                json!({
                    "user_id": "hot-user", "event_type": "View", "time": 1_772_323_200_000_i64,
                    "insert_id": number.to_string(),
                })
            })
            .collect();
        let body = json!({ "api_key": KEY, "events": events }).to_string();
        let _ = post(port, "/2/httpapi", &body);
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Replaces a rule by garbage from time to time.
fn garbage_rules(folder: &Path, over: &AtomicBool) {
    let path = folder.join("rules/ruled.wasm");
    while !over.load(Ordering::Relaxed) {
        std::fs::write(&path, b"\0asm\x0d\0\x01\0garbage").unwrap();
        pause(over);
        std::fs::write(&path, guest(IN)).unwrap();
        pause(over);
    }
}

/// Makes a folder of definitions unreadable from time to time, even for root: its name is a link to
/// itself.
fn unreadable_folders(folder: &Path, over: &AtomicBool) {
    let (place, away) = (folder.join("more"), folder.join("away"));
    while !over.load(Ordering::Relaxed) {
        std::os::unix::fs::symlink("more", folder.join("link")).unwrap();
        std::fs::rename(&place, &away).unwrap();
        std::fs::rename(folder.join("link"), &place).unwrap();
        pause(over);
        std::fs::remove_file(&place).unwrap();
        std::fs::rename(&away, &place).unwrap();
        pause(over);
    }
}

#[test]
fn under_attack_one_cohort_goes_on_and_no_other_changes() {
    let (project, port) = project();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {OPEN_FILES} && exec \"$0\" run")]);
    command.arg(env!("CARGO_BIN_EXE_muster"));
    let mut service = RunningMuster::spawn(&project, command);
    service.answers(&project);
    let users = (0..20).map(|number| format!("buyer-{number}"));
    let events: Vec<_> = users.map(|user| event(&user, "Purchase")).collect();
    send(port, &events);
    until("all buyers are in", || {
        others(&project).iter().all(|(_, users)| users.len() == 20)
    });
    let before = others(&project);

    let over = AtomicBool::new(false);
    let mut late = Vec::new();
    std::thread::scope(|scope| {
        let folder = project.path();
        scope.spawn(|| slow_bodies(port, &over));
        scope.spawn(|| hot_user(port, &over));
        scope.spawn(|| garbage_rules(folder, &over));
        scope.spawn(|| unreadable_folders(folder, &over));
        let connect = || TcpStream::connect(("127.0.0.1", port)).ok();
        let idle: Vec<_> = (0..1_000).filter_map(|_| connect()).collect();
        let probes = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for number in 0..PROBES {
                let user = format!("probe-{number}");
                send(port, &[event(&user, "Probe")]);
                let sent = Instant::now();
                until("the probe's entry arrives", || {
                    let members = consumed(&project).members();
                    let probed = members.get("probe");
                    probed.is_some_and(|users| users.iter().any(|id| *id == user))
                });
                late.extend(Some(sent.elapsed()).filter(|time| *time > SOON));
            }
        }));
        over.store(true, Ordering::Relaxed);
        drop(idle);
        probes.unwrap();
    });
    assert!(late.len() <= LATE, "probes took {late:?}");
    assert_eq!(others(&project), before);
    until("the definitions on disk are active", || {
        project.json(&["status"])["definitions"].is_null()
    });
    assert_eq!(others(&project), before);
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
    // No member has exited: an unreadable folder or a garbage rule does not end a membership.
    assert!(!project.read("out.ndjson").contains("\"in_cohort\":false"));
}

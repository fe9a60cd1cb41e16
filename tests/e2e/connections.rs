//! Connections from outside: with any number of them, the service has the files that it needs and
//! answers other clients.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::project::TestProject;
use crate::service::running::{RunningMuster, free_port, get, post, until};

const KEY: &str = "key-of-the-tests";

/// Starts a service with a limit of open files, which `ulimit` sets with these arguments.
fn service(project: &TestProject, ulimit: &str) -> RunningMuster {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {ulimit} && exec \"$0\" run")]);
    command.arg(env!("CARGO_BIN_EXE_muster"));
    let service = RunningMuster::spawn(project, command);
    service.answers(project);
    service
}

fn project() -> (TestProject, u16, u16) {
    let (project, port, operations) = (TestProject::new(), free_port(), free_port());
    project.write(
        "muster.yaml",
        &format!(
            "sources: [{{http: {{listen: \"127.0.0.1:{port}\", api_keys: [{KEY}]}}}}]\n\
             operations: {{listen: \"127.0.0.1:{operations}\"}}\n\
             destinations: {{out: {{file: {{path: out.ndjson}}}}}}\n"
        ),
    );
    project.write("cohorts/buyers.yaml", &cohort("Purchase"));
    (project, port, operations)
}

fn cohort(event: &str) -> String {
    format!("cadence: real_time\nsync: [{{to: out}}]\nwhere: {{did: {event}}}\n")
}

/// Opens connections that each send the same text; the service may have closed some already.
fn connections(port: u16, many: usize, sent: &str) -> Vec<TcpStream> {
    (0..many)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let _ = stream.write_all(sent.as_bytes());
            stream
        })
        .collect()
}

/// Returns the soft and the hard limit of open files of a process.
fn limits(id: u32) -> (String, String) {
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    let line = (limits.lines()).find(|line| line.starts_with("Max open files"));
    let mut words = line.unwrap().split_whitespace().skip(3);
    let mut next = || words.next().unwrap().to_owned();
    (next(), next())
}

fn open_files(id: u32) -> usize {
    std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
}

#[test]
fn idle_connections_leave_descriptors_for_files() {
    const LIMIT: usize = 400;
    let (project, port, operations) = project();
    let mut service = service(&project, &format!("-n {LIMIT}"));
    let mut idle = connections(port, LIMIT / 2, "");
    idle.extend(connections(port, LIMIT / 2, "POST /2/httpapi HTTP/1.1\r\n"));
    idle.extend(connections(operations, LIMIT / 4, "GET /metrics HT"));
    until("they are accepted", || open_files(service.id()) > LIMIT / 3);

    // Definitions are read, rules are loaded, and both continue to work.
    project.write("cohorts/viewers.yaml", &cohort("View"));
    until("the new definition is active", || {
        let status = project.json(&["status"]);
        let cohorts = status["cohorts"].as_array().unwrap();
        cohorts.len() == 2 && status["definitions"].is_null()
    });
    let event = |user: &str, name: &str| json!({"user_id": user, "event_type": name});
    for nth in 0..20 {
        let user = format!("user{nth}");
        let events = [event(&user, "Purchase"), event(&user, "View")];
        let body = json!({"api_key": KEY, "events": events}).to_string();
        let (status, answer) = post(port, "/2/httpapi", &body);
        assert_eq!(status, 200, "{answer}");
    }
    for cohort in ["buyers", "viewers"] {
        until("all are members", || {
            let members = project.json(&["members", cohort]);
            members["members"].as_array().unwrap().len() == 20
        });
    }
    until("it is ready", || get(operations, "/readyz").0 == 200);
    assert!(get(operations, "/metrics").1.ends_with("# EOF\n"));
    assert!(open_files(service.id()) < LIMIT);
    drop(idle);
    let log = service.stop();
    for trouble in ["cohorts=0", "oo many open files", "os error 24"] {
        assert!(!log.contains(trouble), "{log}");
    }
}

#[test]
fn the_limit_of_open_files_is_raised_as_far_as_it_goes() {
    let (project, _, _) = project();
    let mut service = service(&project, "-Sn 256");
    let (soft, hard) = limits(service.id());
    assert_eq!(soft, hard);
    assert_ne!(soft, "256");
    service.stop();
}

#[test]
fn a_limit_of_open_files_that_is_too_low_is_reported() {
    let (project, port, _) = project();
    let mut service = service(&project, "-n 128");
    let body = json!({"api_key": KEY, "events": [{"user_id": "ann", "event_type": "View"}]});
    assert_eq!(post(port, "/2/httpapi", &body.to_string()).0, 200);
    let log = service.stop();
    assert!(log.contains("the limit of open files is too low"), "{log}");
}

#[test]
fn silent_control_connections_are_bounded_and_exclude_no_command() {
    let (project, _, _) = project();
    let mut service = service(&project, "-n 1024");
    let before = open_files(service.id());
    let socket = project.path().join(".muster/control.sock");
    let silent: Vec<_> = (0..100)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    // Each connection has five seconds for its request, so `status` waits for the first of them.
    let status = project.json(&["status"]);
    assert!(status["running"].is_string(), "{status}");
    assert!(open_files(service.id()) < before + 80);
    drop(silent);
    service.stop();
}

#[test]
fn half_requests_to_the_operations_server_end_and_exclude_no_client() {
    let (project, _, operations) = project();
    let mut service = service(&project, "-n 1024");
    let began = Instant::now();
    let half = connections(operations, 200, "GET /healthz HTTP/1.1\r\nhost: x\r\n");
    assert_eq!(get(operations, "/healthz").0, 200);
    assert!(began.elapsed() < Duration::from_secs(8));
    // The server closes each connection after ten seconds at most.
    for mut stream in half {
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        let timed_out = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!timed_out, "a half request is still open");
    }
    assert!(began.elapsed() < Duration::from_secs(60));
    service.stop();
}

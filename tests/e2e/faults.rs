//! Faults of disks, folders and files: what users see, and that no data is lost.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::consumer::{Consumer, MembersByCohort};
use crate::project::{TestProject, muster};
use crate::service::running::{RunningMuster, free_port, get, post, until};

const KEY: &str = "key";

fn sent(project: &TestProject) -> BTreeSet<String> {
    let mut consumer = Consumer::default();
    if project.path().join("out.ndjson").exists() {
        consumer.take(&project.read("out.ndjson"));
    }
    consumer.members().remove("buyers").unwrap_or_default()
}

/// Returns events of a hundred users who buy, with so much data that the disk is full soon.
fn request(batch: usize) -> (Vec<String>, String) {
    let users: Vec<String> = (0..100)
        .map(|user| format!("user-{batch}-{user}"))
        .collect();
    let events: Vec<_> = users
        .iter()
        .map(|user| {
            json!({
                "user_id": user, "event_type": "Purchase", "time": 1_772_323_200_000_i64 + batch as i64,
                "event_properties": { "note": format!("{user} ").repeat(100) },
            })
        })
        .collect();
    (
        users,
        json!({ "api_key": KEY, "events": events }).to_string(),
    )
}

/// Limits the size of a file that the process may write. The store treats this limit like a full
/// disk.
fn limit(service: &RunningMuster, bytes: &str) {
    let limit = Command::new("prlimit")
        .args([
            &format!("--pid={}", service.id()),
            &format!("--fsize={bytes}:"),
        ])
        .status();
    assert!(limit.unwrap().success());
}

/// Returns true for the store's errors about a full disk, after a partial write or none.
fn is_full(said: &str) -> bool {
    said.contains("no space is left") || said.contains("it is full, or it is failing")
}

#[test]
fn work_goes_on_once_a_full_disk_has_space() {
    let (project, port, operations) = (TestProject::new(), free_port(), free_port());
    project.write(
        "muster.yaml",
        &format!(
            "guard: off\nsources: [{{http: {{listen: \"127.0.0.1:{port}\", api_keys: [{KEY}]}}}}]\n\
             operations: {{listen: \"127.0.0.1:{operations}\"}}\n\
             destinations: {{out: {{file: {{path: out.ndjson}}}}}}\n"
        ),
    );
    project.write(
        "cohorts/buyers.yaml",
        "cadence: real_time\nsync: [out]\nwhere: {did: Purchase}\n",
    );
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" run"]);
    command.arg(env!("CARGO_BIN_EXE_muster"));
    let mut service = RunningMuster::spawn(&project, command);
    service.answers(&project);

    let mut taken = BTreeSet::new();
    let mut batch = 0;
    let mut send = |taken: &mut BTreeSet<String>| {
        let (users, body) = request(batch);
        batch += 1;
        let (status, answer) = post(port, "/2/httpapi", &body);
        if status == 200 {
            taken.extend(users);
        }
        (status, answer)
    };
    assert_eq!(send(&mut taken).0, 200);
    until("the first are sent", || sent(&project) == taken);
    let length = std::fs::metadata(project.path().join(".muster/data.mdb"))
        .unwrap()
        .len();
    limit(&service, &(length + (1 << 20)).to_string());
    let refused = loop {
        let (status, answer) = send(&mut taken);
        if status != 200 {
            break (status, answer);
        }
    };
    assert_eq!(refused.0, 503, "{}", refused.1);
    assert!(is_full(&refused.1), "{}", refused.1);
    for _ in 0..3 {
        assert_eq!(send(&mut taken).0, 503);
    }
    assert!(service.is_running(), "{}", service.log());
    // The health check reports it.
    let (status, ready) = get(operations, "/readyz");
    assert_eq!(status, 503, "{ready}");
    assert!(ready.contains("source http:"), "{ready}");
    let status = project.json(&["status"]);
    assert!(is_full(&status.to_string()), "{status}");

    limit(&service, "unlimited");
    until("the disk has space", || send(&mut taken).0 == 200);
    until("all events that were taken are sent", || {
        sent(&project) == taken
    });
    until("it is ready", || get(operations, "/readyz").0 == 200);
    let log = service.stop();
    assert_eq!(log.matches("events cannot be stored").count(), 1, "{log}");
    assert!(log.contains("events over http are stored again"), "{log}");
    // The members are complete, for another process too.
    let members = project.json(&["members", "buyers"]);
    assert_eq!(members["members"].as_array().unwrap().len(), taken.len());
}

/// Makes the example project and runs it once.
fn project() -> TestProject {
    let project = TestProject::example("shop");
    project.json(&["run", "--once"]);
    project
}

#[test]
fn a_folder_that_cannot_be_written_is_reported_with_a_remedy() {
    let project = project();
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let store = project.path().join(".muster");
    let mut command = muster(&["run", "--once"]);
    let program = tempfile::tempdir().unwrap();
    // Root may write everywhere, so the test runs as another user, who owns the project and can
    // reach the program.
    if std::fs::metadata(&store).unwrap().uid() == 0 {
        let mut give = Command::new("chown");
        give.args(["-R", "65534"]).arg(project.path());
        assert!(give.status().unwrap().success());
        mode(program.path(), 0o755);
        let copy = program.path().join("muster");
        std::fs::copy(env!("CARGO_BIN_EXE_muster"), &copy).unwrap();
        command = Command::new(copy);
        command.args(["run", "--once"]).uid(65_534);
    }
    for entry in std::fs::read_dir(&store).unwrap() {
        let path = entry.unwrap().path();
        mode(&path, if path.is_dir() { 0o555 } else { 0o444 });
    }
    mode(&store, 0o555);
    let output = command.current_dir(project.path()).output().unwrap();
    mode(&store, 0o755);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("cannot be written: give the user of this process the right to write it"),
        "{said}"
    );
}

/// Returns the members that consumers of the example hold.
fn growth(project: &TestProject) -> MembersByCohort {
    let mut consumer = Consumer::default();
    consumer.take(&project.read("out/growth.ndjson"));
    consumer.members()
}

/// The number of places that are damaged, one at a time.
const DAMAGES: usize = 30;

#[test]
fn a_damaged_file_is_an_error_or_harmless() {
    let project = project();
    let data = project.path().join(".muster/data.mdb");
    let out = project.path().join("out/growth.ndjson");
    let whole = std::fs::read(&data).unwrap();
    let written = std::fs::read(&out).unwrap();
    let run = || project.output(&["run", "--once", "--now", "2026-03-08T00:00:00Z"]);
    assert!(run().status.success());
    let right = growth(&project);
    let mut found = 0;
    for damage in 0..DAMAGES {
        let mut bytes = whole.clone();
        let page = damage * (whole.len() / 4096) / DAMAGES;
        // A position in the structure of a page, or one in its values.
        let at = page * 4096 + if damage % 3 == 0 { 12 } else { 4000 };
        bytes[at..at + 8].fill(0xa5);
        std::fs::write(&data, &bytes).unwrap();
        std::fs::write(&out, &written).unwrap();
        let output = run();
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => assert_eq!(growth(&project), right, "page {page}"),
            Some(1) => {
                assert!(said.contains("damaged"), "page {page}: {said}");
                found += 1;
            }
            _ => panic!("page {page}: {}: {said}", output.status),
        }
    }
    assert!(found > DAMAGES / 4, "{found}");
    // A copy of the file in its place repairs the store.
    std::fs::write(&data, &whole).unwrap();
    std::fs::write(&out, &written).unwrap();
    assert!(run().status.success());
    assert_eq!(growth(&project), right);
}

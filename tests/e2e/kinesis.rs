//! A stream and a role in `moto_server`, an emulator of AWS, over HTTP; boto3 reads the records
//! back.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::consumer::{Consumer, without_identity};
use crate::example::oracle;
use crate::project::{TestProject, muster, python, root};
use crate::service::running::{RunningMuster, until};

/// A running emulator, which is killed at the end.
struct Moto {
    child: Child,
    port: u16,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new(
            std::env::var("MUSTER_TEST_MOTO").expect("`cargo xtask test` sets MUSTER_TEST_MOTO"),
        )
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
        let moto = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "moto_server did not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        moto
    }

    /// Runs `tests/oracle/stream.py`, which does not use Muster.
    fn stream(&self, command: &str) -> Vec<Value> {
        let output = Command::new(python())
            .arg(root().join("tests/oracle/stream.py"))
            .args([command, &format!("http://127.0.0.1:{}", self.port)])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Forwards bytes to the emulator and keeps the credentials with which requests to Kinesis were
/// signed.
fn recorder(port: u16) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let credentials = Arc::clone(&seen);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let credentials = Arc::clone(&credentials);
            std::thread::spawn(move || {
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let (mut client, mut server, mut buffer) = (client, server, [0; 65_536]);
                while let Ok(read @ 1..) = client.read(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                    if text.contains("Kinesis_20131202.PutRecords")
                        && let Some((_, rest)) = text.split_once("Credential=")
                    {
                        credentials
                            .lock()
                            .unwrap()
                            .push(rest.split('/').next().unwrap().to_owned());
                    }
                    if server.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    (own, seen)
}

#[test]
fn entries_and_exits_reach_the_stream_under_the_assumed_role() {
    let moto = Moto::start();
    moto.stream("create");
    let (port, credentials) = recorder(moto.port);
    let project = TestProject::example("shop");
    let config = project.read("muster.yaml");
    let (head, _) = config.split_once("destinations:").unwrap();
    let kinesis = format!(
        "kinesis: {{stream_name: cohorts, region: us-east-1, endpoint_url: \"http://127.0.0.1:{port}\", \
         sts_endpoint_url: \"http://127.0.0.1:{port}\", \
         role_arn: \"arn:aws:iam::123456789012:role/muster\", external_id: a-secret}}"
    );
    project.write(
        "muster.yaml",
        &format!("{head}destinations:\n  growth: {{{kinesis}}}\n  crm: {{file: {{path: out/crm.ndjson}}}}\n"),
    );
    let run = |arguments: &[&str]| {
        let output = muster(&[&["run", "--once", "--json"], arguments].concat())
            .current_dir(project.path())
            .envs([
                ("AWS_ACCESS_KEY_ID", "AKIABASE"),
                ("AWS_SECRET_ACCESS_KEY", "base"),
            ])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        );
    };

    run(&[]);
    run(&["--now", "2026-03-20T00:00:00Z"]);

    let mut consumer = Consumer::default();
    let records = moto.stream("read");
    for record in &records {
        // The record equals the message byte by byte. Its key is a hash of the id: 1 to 256
        // characters.
        let data = record["data"].as_str().unwrap();
        assert!(
            data.len() <= 24 * 1024 && data.starts_with(r#"{"cohort_name":""#),
            "{data}"
        );
        assert!((1..=256).contains(&record["partition_key"].as_str().unwrap().chars().count()));
        consumer.take_one(serde_json::from_str(data).unwrap());
    }
    assert_eq!(
        consumer.messages().count(),
        records.len(),
        "no record came twice"
    );
    let wanted = oracle(&project, "2026-03-20T00:00:00Z");
    let members = consumer.members();
    assert!(members.len() >= 3);
    for (cohort, users) in &members {
        assert_eq!(users, &wanted[cohort], "{cohort}");
    }
    assert!(
        consumer
            .messages()
            .any(|message| message["in_cohort"] == false),
        "someone left"
    );

    // The same project with a file destination writes the same bytes.
    let local = TestProject::example("shop");
    local.json(&["run", "--once"]);
    local.json(&["run", "--once", "--now", "2026-03-20T00:00:00Z"]);
    let mut written: Vec<_> = local
        .read("out/growth.ndjson")
        .lines()
        .map(without_identity)
        .collect();
    let mut sent: Vec<_> = records
        .iter()
        .map(|record| without_identity(record["data"].as_str().unwrap()))
        .collect();
    written.sort();
    sent.sort();
    assert_eq!(sent, written);

    // Temporary credentials of the role, not those of the base user, signed every call.
    let credentials = credentials.lock().unwrap();
    assert!(!credentials.is_empty());
    assert!(
        credentials.iter().all(|key| key.starts_with("ASIA")),
        "{credentials:?}"
    );
}

#[test]
fn events_of_one_stream_become_entries_in_another() {
    let moto = Moto::start();
    moto.stream("create");
    moto.stream("events");
    let project = TestProject::new();
    let stream = |name: &str| {
        format!(
            "kinesis: {{stream_name: {name}, region: us-east-1, endpoint_url: \"http://127.0.0.1:{}\"}}",
            moto.port
        )
    };
    project.write(
        "muster.yaml",
        &format!(
            "sources: [{{{}}}]\ndestinations: {{growth: {{{}}}}}\n",
            stream("events"),
            stream("cohorts")
        ),
    );
    project.write(
        "cohorts/buyers.yaml",
        "cadence: real_time\nsync: [{to: growth}]\nwhere: {did: Purchase, times: {exactly: 3}, in_last: 30 days}\n",
    );
    let start = ["--now", "2026-03-01T00:00:00Z"];
    let mut service = RunningMuster::start(&project, &start);
    let members = || {
        let mut consumer = Consumer::default();
        for record in moto.stream("read") {
            consumer.take(record["data"].as_str().unwrap());
        }
        consumer
            .members()
            .remove("buyers")
            .unwrap_or_default()
            .len()
    };
    until("all are sent", || members() == 10);
    service.stop();
    // No record is read a second time: `exactly: 3` would count it.
    let mut service = RunningMuster::start(&project, &start);
    let events = || project.json(&["status"])["store"]["events"].clone();
    moto.stream("more");
    until("the later events are read", || events() == 40);
    assert_eq!(
        project.json(&["status"])["sources"][0]["error"],
        Value::Null
    );
    service.stop();
    assert_eq!(
        project.json(&["members", "buyers"])["members"]
            .as_array()
            .unwrap()
            .len(),
        10
    );
    assert_eq!(events(), 40);
}

//! A store with a backlog, a process with a known environment, and an HTTP server that records its
//! requests.
#![allow(dead_code, reason = "each test file uses a part")]

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat};
use muster_publish::{
    Destination, EndpointUrl, ExternalId, KinesisSettings, RegionName, Role, RoleArn, StreamName,
};
use muster_store::{Message, RunCommit, Store, StoreOptions};

/// A store and its directory.
pub struct TestOutbox {
    pub store: Arc<Store>,
    _directory: tempfile::TempDir,
}

impl TestOutbox {
    /// Creates a store with these messages for `growth`, with ids `run:1`, `run:2`, …
    pub fn of(bodies: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(directory.path(), &StoreOptions::default()).unwrap());
        let backlog = Self {
            store,
            _directory: directory,
        };
        backlog.add("growth", bodies);
        backlog
    }

    pub fn add(&self, destination: &str, bodies: impl IntoIterator<Item = Vec<u8>>) {
        let message = |(index, body)| Message {
            destination: destination.to_owned(),
            id: format!("run:{}", index + 1),
            body,
        };
        let messages = bodies.into_iter().enumerate().map(message).collect();
        let run = RunCommit {
            messages,
            ..RunCommit::default()
        };
        self.store.commit_run(&run).unwrap();
    }

    pub fn left(&self, destination: &str) -> Vec<Vec<u8>> {
        let messages = self
            .store
            .outbox(destination, 0, 100_000, usize::MAX)
            .unwrap();
        messages.into_iter().map(|message| message.body).collect()
    }
}

pub fn bodies(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|index| format!("{{\"message\":{index}}}").into_bytes())
        .collect()
}

/// Returns the stream `cohorts` at `endpoint`, under a role.
pub fn kinesis(endpoint: &str) -> KinesisSettings {
    KinesisSettings {
        region: Some(RegionName::new("eu-west-1").unwrap()),
        role: Some(Role {
            arn: RoleArn::new("arn:aws:iam::123456789012:role/muster").unwrap(),
            external_id: Some(ExternalId::new("a-secret").unwrap()),
        }),
        endpoint_url: Some(EndpointUrl::new(endpoint).unwrap()),
        sts_endpoint_url: Some(EndpointUrl::new(endpoint).unwrap()),
        ..KinesisSettings::new(StreamName::new("cohorts").unwrap())
    }
}

pub fn destination(endpoint: &str) -> Destination {
    Destination::Kinesis(kinesis(endpoint))
}

/// The access key of the process itself in [`in_clean_environment`].
pub const BASE_KEY: &str = "AKIABASEBASEBASEBASE";

/// The credentials of the process itself.
#[derive(Clone, Copy)]
pub enum Base {
    Key,
    Nothing,
    /// An AWS profile's file with this content.
    Profile(&'static str),
}

/// Runs a test in a process of its own with known AWS settings: an access key and nothing else. The
/// settings come from the environment, which a process cannot change safely for itself.
pub fn in_clean_environment(test: &str, base: Base, body: impl Future<Output = ()>) {
    const MARK: &str = "MUSTER_TEST_CLEAN";
    if env::var_os(MARK).is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(body);
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env(MARK, "1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let directory = tempfile::tempdir().unwrap();
    match base {
        Base::Nothing => {}
        Base::Key => {
            command
                .env("AWS_ACCESS_KEY_ID", BASE_KEY)
                .env("AWS_SECRET_ACCESS_KEY", "secret");
        }
        Base::Profile(text) => {
            let path = directory.path().join("config");
            std::fs::write(&path, text).unwrap();
            command.env("AWS_CONFIG_FILE", path);
        }
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("1 passed"),
        "no test is called `{test}`: {text}"
    );
}

/// A request as the server received it.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// The whole request, as received.
    pub raw: Vec<u8>,
    /// `PutRecords`, `AssumeRole`, …
    pub action: String,
    /// The access key with which the request was signed.
    pub key: String,
    pub body: String,
}

impl ReceivedRequest {
    /// Returns a field of a form (STS).
    pub fn field(&self, name: &str) -> Option<String> {
        let value = self
            .body
            .split('&')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))?;
        let mut bytes = Vec::new();
        let mut rest = value.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                b'+' => b' ',
                other => other,
            });
        }
        Some(String::from_utf8(bytes).unwrap())
    }

    /// Returns the records of a PutRecords call, in base64, with their keys.
    pub fn records(&self) -> Vec<(String, String)> {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        let text =
            |record: &serde_json::Value, name: &str| record[name].as_str().unwrap().to_owned();
        let records = body["Records"].as_array().unwrap();
        records
            .iter()
            .map(|record| (text(record, "Data"), text(record, "PartitionKey")))
            .collect()
    }
}

/// The reaction of the server to a request.
pub enum ServerReply {
    Answer {
        status: u16,
        body: String,
    },
    /// Closes the connection without an answer.
    Hangup,
    /// Forwards the request to a port of this machine, and returns the answer.
    Forward(u16),
}

/// A scripted HTTP server.
pub struct ScriptedServer {
    pub endpoint: String,
    received: Arc<Mutex<Vec<ReceivedRequest>>>,
}

impl ScriptedServer {
    /// Starts a server that answers by `answer`, whose second argument is the number of earlier
    /// requests of the same action.
    pub fn start(
        answer: impl Fn(&ReceivedRequest, usize) -> ServerReply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (answer, own) = (Arc::new(answer), Arc::clone(&received));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, received) = (Arc::clone(&answer), Arc::clone(&own));
                std::thread::spawn(move || serve(stream, &received, &*answer));
            }
        });
        Self { endpoint, received }
    }

    pub fn received(&self, action: &str) -> Vec<ReceivedRequest> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .filter(|request| request.action == action)
            .cloned()
            .collect()
    }
}

/// Serves one request per connection.
fn serve(
    mut stream: TcpStream,
    received: &Mutex<Vec<ReceivedRequest>>,
    answer: &dyn Fn(&ReceivedRequest, usize) -> ServerReply,
) {
    let Some(request) = read_request(&stream) else {
        return;
    };
    let before = {
        let mut received = received.lock().unwrap();
        received.push(request.clone());
        received
            .iter()
            .filter(|other| other.action == request.action)
            .count()
            - 1
    };
    let bytes = match answer(&request, before) {
        ServerReply::Hangup => return,
        ServerReply::Forward(port) => {
            let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            server.write_all(&request.raw).unwrap();
            let mut bytes = Vec::new();
            server.read_to_end(&mut bytes).unwrap();
            bytes
        }
        ServerReply::Answer { status, body } => format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    };
    let _ = stream.write_all(&bytes);
}

fn read_request(stream: &TcpStream) -> Option<ReceivedRequest> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length, mut action, mut key) =
        (String::new(), 0, String::new(), String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "x-amz-target" => action = value.split_once('.').unwrap().1.to_owned(),
            "authorization" => {
                let (_, credential) = value.split_once("Credential=").unwrap();
                key = credential.split('/').next().unwrap().to_owned();
            }
            "connection" => continue,
            _ => {}
        }
        head += &line;
    }
    head += "Connection: close\r\n\r\n";
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let raw = [head.as_bytes(), &body].concat();
    let mut request = ReceivedRequest {
        raw,
        action,
        key,
        body: String::from_utf8(body).unwrap(),
    };
    if let Some(action) = request.field("Action") {
        request.action = action;
    }
    Some(request)
}

/// Returns STS's answer to AssumeRole: a session with this access key, for an hour.
pub fn session(key: &str) -> ServerReply {
    session_for(key, Duration::from_secs(3_600))
}

/// Returns STS's answer to AssumeRole: a session with this access key.
pub fn session_for(key: &str, length: Duration) -> ServerReply {
    let end = DateTime::from(SystemTime::now() + length)
        .fmt(DateTimeFormat::DateTime)
        .unwrap();
    ServerReply::Answer {
        status: 200,
        body: format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
             <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/muster/muster-growth</Arn>\
             <AssumedRoleId>AROA:muster-growth</AssumedRoleId></AssumedRoleUser>\
             <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
             <SessionToken>token</SessionToken><Expiration>{end}</Expiration></Credentials>\
             </AssumeRoleResult></AssumeRoleResponse>"
        ),
    }
}

/// Returns STS's answer when it refuses.
pub fn sts_error(status: u16, code: &str) -> ServerReply {
    ServerReply::Answer {
        status,
        body: format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>why not</Message></Error></ErrorResponse>"
        ),
    }
}

/// Returns Kinesis's answer when it refuses a whole call.
pub fn kinesis_error(code: &str) -> ServerReply {
    ServerReply::Answer {
        status: 400,
        body: format!("{{\"__type\":\"{code}\",\"message\":\"why not\"}}"),
    }
}

/// Returns Kinesis's answer to PutRecords: an entry per letter, `.` stored, `t` throttled, `f`
/// failed; further records are stored.
pub fn put_records(request: &ReceivedRequest, letters: &str) -> ServerReply {
    let letters = letters.chars().chain(std::iter::repeat('.'));
    let entries: Vec<_> = request
        .records()
        .iter()
        .zip(letters)
        .map(|(_, letter)| match letter {
            't' => "{\"ErrorCode\":\"ProvisionedThroughputExceededException\",\"ErrorMessage\":\"slow down\"}",
            'f' => "{\"ErrorCode\":\"InternalFailure\",\"ErrorMessage\":\"Internal Service Failure\"}",
            _ => "{\"SequenceNumber\":\"49\",\"ShardId\":\"shardId-000000000000\"}",
        })
        .collect();
    ServerReply::Answer {
        status: 200,
        body: format!(
            "{{\"FailedRecordCount\":0,\"Records\":[{}]}}",
            entries.join(",")
        ),
    }
}

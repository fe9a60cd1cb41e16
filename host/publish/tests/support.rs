//! A store with a backlog, a process with a known environment, and the answers of AWS.

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat};
use muster_publish::{
    Destination, EndpointUrl, ExternalId, KinesisSettings, RegionName, Role, RoleArn, StreamName,
};
use muster_store::{Message, RunCommit, Store};
use muster_testkit::process::alone;
use muster_testkit::server::{ReceivedRequest, ServerReply, session_until};
use muster_testkit::store::TestStore;

/// A store with messages.
pub struct TestOutbox {
    pub store: Arc<Store>,
    _opened: TestStore,
}

impl TestOutbox {
    /// Creates a store with these messages for `growth`, with ids `run:1`, `run:2`, …
    pub fn of(bodies: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let opened = TestStore::new();
        let backlog = Self {
            store: Arc::new(opened.clone()),
            _opened: opened,
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

/// Runs a test in a process of its own with known AWS settings: these credentials and nothing else.
pub fn in_clean_environment(test: &str, base: Base, body: impl Future<Output = ()>) {
    let directory = tempfile::tempdir().unwrap();
    let prepare = |command: &mut Command| {
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
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
    };
    alone(test, prepare, || {
        tokio::runtime::Runtime::new().unwrap().block_on(body);
    });
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
    session_until(key, &end)
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

//! Secrets appear nowhere: not in logs, errors, run records, `--json`, metrics or the store. And
//! TLS certificates are always verified.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::aws::{EXTERNAL_ID, FakeAws};
use crate::project::{TestProject, muster, python, root};
use crate::service::running::{RunningMuster, free_port, get, post, until};

/// A part of every secret of the test.
const SECRET: &str = "kept-secret";

const API_KEY: &str = "kept-secret-api-key";

/// The process's own credentials.
const OWN: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIAOWN"),
    ("AWS_SECRET_ACCESS_KEY", "kept-secret-of-the-process"),
    ("AWS_SESSION_TOKEN", "kept-secret-token-of-the-process"),
];

/// Fails if a text holds a secret.
fn assert_none(place: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    if let Some(at) = text.find(SECRET) {
        let from = text.floor_char_boundary(at.saturating_sub(300));
        panic!("a secret is in {place}: {}", &text[from..at + SECRET.len()]);
    }
}

fn assert_none_in_output(place: &str, output: &Output) {
    assert_none(place, &output.stdout);
    assert_none(place, &output.stderr);
}

/// Fails if a file below a folder holds a secret.
fn assert_none_in_files(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_none_in_files(&path);
        } else if path.is_file() {
            assert_none(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn secrets_appear_nowhere() {
    assert!(EXTERNAL_ID.contains(SECRET));
    let fake = FakeAws::start();
    let project = TestProject::new();
    let (events, operations) = (free_port(), free_port());
    // One destination takes messages, and each of the others is refused in another way.
    let stream = |role: &str, url: &str| {
        format!(
            "{{kinesis: {{stream_name: cohorts, region: eu-west-1, role_arn: \"arn:aws:iam::123456789012:role/{role}\", \
             external_id: \"${{THE_ID}}{}\", endpoint_url: \"{url}\", sts_endpoint_url: \"{url}\"}}}}",
            if role == "refused" { "-wrong" } else { "" }
        )
    };
    let url = &fake.endpoint;
    project.write(
        "muster.yaml",
        &format!(
            "operations: {{listen: \"127.0.0.1:{operations}\"}}\n\
             sources: [{{http: {{listen: \"127.0.0.1:{events}\", api_keys: [\"${{THE_KEY}}\"]}}}}]\n\
             destinations:\n  good: {}\n  refused: {}\n  gone: {}\n",
            stream("muster", url),
            stream("refused", url),
            stream("gone", "http://127.0.0.1:1"),
        ),
    );
    project.write(
        "cohorts/viewers.yaml",
        "cadence: real_time\nsync: [{to: good}, {to: refused}, {to: gone}]\nwhere: {did: View}\n",
    );
    let secrets = [("THE_ID", EXTERNAL_ID), ("THE_KEY", API_KEY)];
    let command = |arguments: &[&str]| {
        let mut command = muster(arguments);
        command.current_dir(project.path()).envs(OWN).envs(secrets);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    };
    for format in ["text", "json"] {
        let service = command(&["run", "--log-level", "trace", "--log-format", format]);
        let mut service = RunningMuster::spawn_as_is(&project, service);
        service.answers(&project);
        for (key, path) in [
            (API_KEY, "/2/httpapi"),
            ("kept-secret-wrong-key", "/2/httpapi"),
            (
                "kept-secret-wrong-key",
                "/batch?api_key=kept-secret-wrong-key",
            ),
            (
                "kept-secret-wrong-key",
                "/unknown?api_key=kept-secret-wrong-key",
            ),
        ] {
            let body = format!(
                r#"{{"api_key": "{key}", "events": [{{"user_id": "user-{format}", "event_type": "View"}}]}}"#
            );
            let (_, answer) = post(events, path, &body);
            assert_none("an answer over HTTP", answer.as_bytes());
        }
        until("a destination has failed", || {
            let status = command(&["status", "--json"]).output().unwrap();
            let text = String::from_utf8_lossy(&status.stdout);
            text.contains("AccessDenied")
        });
        until("messages are written", || {
            let puts = fake.requests();
            puts.iter()
                .any(|request| request.contains("20131202.PutRecords"))
        });
        for arguments in [
            &["status"][..],
            &["status", "--json"],
            &["history", "viewers", "--json"],
            &["members", "viewers", "--json"],
            &["explain", "viewers", "user-text", "--json"],
            &["check", "--connect"],
            &["check", "--connect", "--json"],
            &["destination", "check", "good", "--send-test", "--json"],
            &["destination", "check", "refused"],
            &["destination", "policy", "nothing"],
            &["run", "--once"],
        ] {
            let output = command(arguments).output().unwrap();
            assert_none_in_output(&arguments.join(" "), &output);
        }
        for path in ["/metrics", "/readyz", "/healthz"] {
            assert_none(path, get(operations, path).1.as_bytes());
        }
        assert_none("the log", service.stop().as_bytes());
    }
    let once = command(&["run", "--once", "--json"]).output().unwrap();
    assert_none_in_output("run --once", &once);
    assert_none_in_files(project.path());

    // A wrong value of a secret is not quoted. The file has only the variable.
    for (name, wrong) in [
        ("THE_ID", "kept-secret with a space"),
        ("THE_KEY", "kept-secret\nline"),
    ] {
        let output = command(&["run", "--once"])
            .env(name, wrong)
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert_none_in_output(name, &output);
    }
}

#[test]
fn certificates_are_always_verified() {
    if std::env::var_os("MUSTER_TEST_MOTO").is_none() {
        return muster_testkit::emulator::skipped("TLS with a certificate of no authority");
    }
    let project = TestProject::new();
    let mut server = Command::new(python())
        .arg(root().join("tests/oracle/tls.py"))
        .arg(project.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let stdout = server.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut port).unwrap();
    let url = format!("https://127.0.0.1:{}", port.trim());
    project.write(
        "muster.yaml",
        &format!(
            "destinations: {{growth: {{kinesis: {{stream_name: cohorts, region: eu-west-1, endpoint_url: \"{url}\", \
             sts_endpoint_url: \"{url}\", role_arn: \"arn:aws:iam::123456789012:role/muster\"}}}}}}\n"
        ),
    );
    let check = |settings: &[(&str, &str)]| {
        let output = muster(&["destination", "check", "growth"])
            .current_dir(project.path())
            .envs(OWN)
            .envs(settings.iter().copied())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // What switches the verification off in other programs.
    let text = check(&[
        ("AWS_NO_VERIFY_SSL", "true"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ("PYTHONHTTPSVERIFY", "0"),
        ("GIT_SSL_NO_VERIFY", "1"),
    ]);
    assert!(text.contains("certificate"), "{text}");
    let requests = project.path().join("requests");
    assert!(!requests.exists(), "a request was sent");
    // The same server is reached once the system trusts its certificate.
    let certificate = project.path().join("certificate.pem");
    let text = check(&[("SSL_CERT_FILE", certificate.to_str().unwrap())]);
    assert!(
        requests.exists() && text.contains("sts answered HTTP 404"),
        "{text}"
    );
    server.kill().unwrap();
    server.wait().unwrap();

    // No key of muster.yaml speaks of it either.
    let schema = std::fs::read_to_string(root().join("docs/muster.schema.json")).unwrap();
    for word in ["verify", "insecure", "tls", "certificate"] {
        assert!(
            !schema.to_lowercase().contains(&format!("\"{word}")),
            "{word}"
        );
    }
}

//! `muster destination` and `muster source`: the role and policies that AWS needs, as tools of AWS
//! and of Terraform read them, and the check with every kind of credentials.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use muster_testkit::server::{ScriptedServer, ServerReply};
use serde_json::{Value, json};

use crate::aws::{EXTERNAL_ID, FakeAws};
use crate::project::{TestProject, muster, python, root};
use crate::service::running::{RunningMuster, until};

const ROLE: &str = "arn:aws:iam::123456789012:role/data/muster";
const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Makes a project with the destinations `growth`, with a role, and `plain`, without one; and a
/// source.
fn project(endpoint: &str) -> TestProject {
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        &format!(
            "destinations:\n  growth: {{kinesis: {{stream_name: cohorts, region: eu-west-1, role_arn: \"{ROLE}\", \
             external_id: {EXTERNAL_ID}, endpoint_url: \"{endpoint}\", sts_endpoint_url: \"{endpoint}\"}}}}\n  \
             plain: {{kinesis: {{stream_name: cohorts, region: eu-west-1}}}}\n  \
             lines: {{file: {{path: out/lines.ndjson}}}}\n\
             sources: [{{kinesis: {{stream_name: events}}}}]\n"
        ),
    );
    project
}

/// Runs a command with these AWS settings and no others.
fn with_aws(project: &TestProject, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    aws_command(project, arguments, settings).output().unwrap()
}

/// Prepares a command with these AWS settings and no others.
fn aws_command(project: &TestProject, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = muster(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(project.path())
        .envs([
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ])
        .env("HOME", project.path())
        .envs(settings.iter().copied());
    command
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn the_policies_of_a_destination_are_one_object() {
    let project = project("http://127.0.0.1:1");
    let policies = project.json(&["destination", "policy", "growth", "--kms-key", KEY]);
    let keys: Vec<_> = policies.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["external_id", "permission_policy", "trust_policy"]);
    assert_eq!(policies["external_id"], EXTERNAL_ID);
    let trust = &policies["trust_policy"]["Statement"][0];
    assert_eq!(
        trust["Condition"],
        json!({"StringEquals": {"sts:ExternalId": EXTERNAL_ID}})
    );
    assert_eq!(trust["Principal"]["AWS"], "arn:aws:iam::123456789012:root");
    let statements = policies["permission_policy"]["Statement"]
        .as_array()
        .unwrap();
    let allowed: Vec<_> = statements
        .iter()
        .map(|statement| (&statement["Action"], &statement["Resource"]))
        .collect();
    assert_eq!(
        allowed,
        [
            (
                &json!(["kinesis:PutRecord", "kinesis:PutRecords"]),
                &json!("arn:aws:kinesis:eu-west-1:123456789012:stream/cohorts")
            ),
            (&json!(["kms:GenerateDataKey"]), &json!(KEY)),
            (&json!(["iam:SimulatePrincipalPolicy"]), &json!(ROLE)),
        ]
    );
    // Without `--json` it is the same object.
    let text = project.output(&["destination", "policy", "growth", "--kms-key", KEY]);
    assert_eq!(document(&text), policies);
}

#[test]
fn a_destination_without_an_external_id_gets_a_new_one_each_time() {
    let project = project("http://127.0.0.1:1");
    let policy = || {
        let output = project.output(&[
            "destination",
            "policy",
            "plain",
            "--principal",
            "210987654321",
        ]);
        assert!(output.status.success(), "{output:?}");
        let note = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            note.contains("set `external_id` to it in muster.yaml"),
            "{note}"
        );
        document(&output)
    };
    let (one, other) = (policy(), policy());
    let id = one["external_id"].as_str().unwrap();
    assert!(id.len() >= 32, "{id}");
    assert_ne!(one["external_id"], other["external_id"]);
    let trust = &one["trust_policy"]["Statement"][0];
    assert_eq!(trust["Condition"]["StringEquals"]["sts:ExternalId"], id);
    assert_eq!(trust["Principal"]["AWS"], "arn:aws:iam::210987654321:root");
}

#[test]
fn a_source_needs_to_read() {
    let project = project("http://127.0.0.1:1");
    for name in ["events", "kinesis:events"] {
        let policies = project.json(&["source", "policy", name, "--kms-key", KEY]);
        let statements = &policies["permission_policy"]["Statement"];
        assert_eq!(
            statements[0]["Action"],
            json!([
                "kinesis:ListShards",
                "kinesis:GetShardIterator",
                "kinesis:GetRecords"
            ])
        );
        assert_eq!(statements[1]["Action"], json!(["kms:Decrypt"]));
    }
}

#[test]
fn names_that_do_not_exist_are_corrected() {
    let project = project("http://127.0.0.1:1");
    for (arguments, wanted) in [
        (
            &["destination", "policy", "grwth"][..],
            "muster.yaml has no destination `grwth`; did you mean `growth`?",
        ),
        (
            &["destination", "policy", "lines"],
            "destination `lines` is no Kinesis stream, so it needs no role",
        ),
        (
            &["source", "policy", "cohorts"],
            "muster.yaml has no source with the stream `cohorts`; its `kinesis` sources are events",
        ),
        (
            &["destination", "policy", "growth", "--principal", "me"],
            "write it as in `123456789012` or",
        ),
        (
            &["destination", "policy", "growth", "--kms-key", "alias/x"],
            "with the key's id and not an alias",
        ),
    ] {
        let output = project.output(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && stderr.contains(wanted),
            "{stderr}"
        );
    }
}

/// Returns what `tests/oracle/templates.py` reads in a template.
fn read_by_others(kind: &str, file: &Path) -> Value {
    let output = Command::new(python())
        .arg(root().join("tests/oracle/templates.py"))
        .arg(kind)
        .arg(file)
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{kind}: {stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn templates_are_valid_for_the_tools_that_read_them() {
    if std::env::var_os("MUSTER_TEST_PYTHON").is_none() {
        return muster_testkit::emulator::skipped("the templates for CloudFormation and Terraform");
    }
    let project = project("http://127.0.0.1:1");
    let principal = ["--principal", "arn:aws:iam::210987654321:role/muster"];
    let commands: [&[&str]; 4] = [
        &["destination", "policy", "growth"],
        &["destination", "policy", "plain"],
        &[
            "destination",
            "policy",
            "growth",
            "--kms-key",
            KEY,
            principal[0],
            principal[1],
        ],
        &["source", "policy", "events", "--kms-key", KEY],
    ];
    for command in commands {
        for kind in ["cloudformation", "terraform"] {
            let output = project.output(&[command, &["--format", kind]].concat());
            assert!(output.status.success(), "{output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            let ends = if kind == "terraform" { "tf" } else { "yaml" };
            project.write(&format!("template.{ends}"), &text);
            let read = read_by_others(kind, &project.path().join(format!("template.{ends}")));
            let kms = command.contains(&KEY);
            assert_eq!(
                read["resources"],
                json!(["policy", "role", "stream"]),
                "{text}"
            );
            assert_eq!(read["encrypted"], kms, "{text}");
            let actions = match (command[0], kms) {
                ("source", _) => json!([
                    "iam:SimulatePrincipalPolicy",
                    "kinesis:GetRecords",
                    "kinesis:GetShardIterator",
                    "kinesis:ListShards",
                    "kms:Decrypt"
                ]),
                (_, true) => json!([
                    "iam:SimulatePrincipalPolicy",
                    "kinesis:PutRecord",
                    "kinesis:PutRecords",
                    "kms:GenerateDataKey"
                ]),
                (_, false) => json!([
                    "iam:SimulatePrincipalPolicy",
                    "kinesis:PutRecord",
                    "kinesis:PutRecords"
                ]),
            };
            assert_eq!(read["actions"], actions, "{text}");
            let known = command.contains(&"growth") && !kms;
            if known {
                assert_eq!(read["external_id"], EXTERNAL_ID);
                assert_eq!(read["principal"], "arn:aws:iam::123456789012:root");
            }
        }
    }
}

#[test]
fn a_check_shows_each_step() {
    let fake = FakeAws::start();
    let project = project(&fake.endpoint);
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIAOWN"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let check = |arguments: &[&str]| {
        with_aws(
            &project,
            &[&["destination", "check"], arguments].concat(),
            &keys,
        )
    };
    let output = check(&["growth"]);
    assert!(output.status.success(), "{output:?}");
    insta::assert_snapshot!("all_right", String::from_utf8_lossy(&output.stdout));
    let puts = |fake: &FakeAws| {
        let requests = fake.requests();
        let puts = requests
            .iter()
            .filter(|request| request.contains("20131202.PutRecords"));
        puts.count()
    };
    assert_eq!(puts(&fake), 0, "nothing is written");

    let output = check(&["growth", "--send-test", "--json"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(puts(&fake), 1);
    let document = document(&output);
    assert_eq!(document["ok"], true);
    let states: Vec<_> = document["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (
                step["step"].as_str().unwrap(),
                step["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            ("region", "ok"),
            ("credentials", "ok"),
            ("role", "ok"),
            ("external_id", "ok"),
            ("permissions", "ok"),
            ("dry_run", "skipped"),
            ("test_message", "ok"),
        ]
    );

    // A role that refuses Muster.
    let config = project.read("muster.yaml");
    project.write("muster.yaml", &config.replace(EXTERNAL_ID, "another-id"));
    let output = check(&["growth"]);
    assert!(!output.status.success());
    insta::assert_snapshot!("refused", String::from_utf8_lossy(&output.stdout));

    // `check --connect` runs the check for all destinations.
    project.write(
        "muster.yaml",
        &config.replace(
            "  plain: {kinesis: {stream_name: cohorts, region: eu-west-1}}\n",
            "",
        ),
    );
    let output = with_aws(&project, &["check", "--connect", "--json"], &keys);
    assert!(output.status.success(), "{output:?}");
    let all = self::document(&output);
    let names: Vec<_> = all["destinations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|checked| (&checked["destination"], &checked["ok"]))
        .collect();
    assert_eq!(
        names,
        [
            (&json!("growth"), &json!(true)),
            (&json!("lines"), &json!(true))
        ]
    );
}

/// Each kind of credentials that users have, with the access key that it gives.
#[test]
fn all_kinds_of_credentials_are_found() {
    let fake = FakeAws::start();
    let project = project(&fake.endpoint);
    let at = |path: &str| format!("{}{path}", fake.endpoint);
    let file = |name: &str, text: &str| {
        project.write(name, text);
        project.path().join(name).to_str().unwrap().to_owned()
    };
    let process = file(
        "process.sh",
        "#!/bin/sh\necho '{\"Version\": 1, \"AccessKeyId\": \"ASIAPROCESS\", \"SecretAccessKey\": \"secret\", \
         \"SessionToken\": \"token\", \"Expiration\": \"2099-01-01T00:00:00Z\"}'\n",
    );
    let profiles = file(
        "config",
        &format!(
            "[profile keys]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret\n\
             [profile chain]\nrole_arn = arn:aws:iam::123456789012:role/open\nsource_profile = keys\n\
             [profile process]\ncredential_process = sh {process}\n\
             [profile sso]\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = muster\n\
             [sso-session work]\nsso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n"
        ),
    );
    // The file's name is the SHA-1 of the session's name (AWS SDKs, "SSO token provider").
    file(
        ".aws/sso/cache/e274eeff768c6396088ec6eb091f4bf4d47ab1e0.json",
        r#"{"accessToken": "token", "expiresAt": "2099-01-01T00:00:00Z", "region": "eu-west-1",
            "startUrl": "https://example.awsapps.com/start"}"#,
    );
    let token = file("token", "a-web-identity");
    let sts = at("");
    let task = at("/task");
    let kinds: [(&str, Vec<(&str, &str)>); 8] = [
        (
            "AKIAENVIRONMENT",
            vec![
                ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
            ],
        ),
        (
            "AKIAPROFILE",
            vec![("AWS_CONFIG_FILE", &profiles), ("AWS_PROFILE", "keys")],
        ),
        (
            "ASIAROLE",
            vec![
                ("AWS_CONFIG_FILE", &profiles),
                ("AWS_PROFILE", "chain"),
                ("AWS_ENDPOINT_URL_STS", &sts),
            ],
        ),
        (
            "ASIAPROCESS",
            vec![("AWS_CONFIG_FILE", &profiles), ("AWS_PROFILE", "process")],
        ),
        (
            "ASIASSO",
            vec![
                ("AWS_CONFIG_FILE", &profiles),
                ("AWS_PROFILE", "sso"),
                ("AWS_ENDPOINT_URL_SSO", &sts),
            ],
        ),
        (
            "ASIAWEB",
            vec![
                ("AWS_WEB_IDENTITY_TOKEN_FILE", &token),
                ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod"),
                ("AWS_ENDPOINT_URL_STS", &sts),
            ],
        ),
        (
            "ASIATASK",
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", &task)],
        ),
        (
            "ASIAINSTANCE",
            vec![
                ("AWS_EC2_METADATA_DISABLED", "false"),
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &sts),
            ],
        ),
    ];
    for (key, settings) in kinds {
        let output = with_aws(
            &project,
            &["destination", "check", "growth", "--json"],
            &settings,
        );
        let checked = document(&output);
        assert_eq!(
            checked["steps"][1]["text"],
            format!("those of arn:aws:iam::123456789012:user/{key}"),
            "{checked:#}"
        );
        assert_eq!(checked["ok"], true, "{checked:#}");
    }
}

#[test]
fn an_expired_sign_on_says_how_to_sign_in() {
    let project = project("http://127.0.0.1:1");
    project.write(
        "config",
        "[profile sso]\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = muster\n\
         [sso-session work]\nsso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n",
    );
    let profiles = project.path().join("config");
    let output = with_aws(
        &project,
        &["destination", "check", "growth"],
        &[
            ("AWS_CONFIG_FILE", profiles.to_str().unwrap()),
            ("AWS_PROFILE", "sso"),
        ],
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(
        text.contains("sign in again with `aws sso login`"),
        "{text}"
    );
}

/// A machine outside AWS has a metadata server that never answers, or one that refuses.
#[test]
fn without_credentials_the_answer_comes_soon() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let metadata = format!("http://{}", silent.local_addr().unwrap());
    let refusing = ScriptedServer::start(|_, _| ServerReply::Answer {
        status: 403,
        body: String::new(),
    });
    let at = |metadata| {
        [
            ("AWS_EC2_METADATA_DISABLED", "false"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata),
        ]
    };
    let project = project("http://127.0.0.1:1");
    for metadata in [
        metadata.as_str(),
        refusing.endpoint.as_str(),
        "http://127.0.0.1:1",
    ] {
        let began = Instant::now();
        let output = with_aws(&project, &["destination", "check", "growth"], &at(metadata));
        let took = began.elapsed();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success());
        assert!(
            text.contains("no AWS credentials") && text.contains("set AWS_ACCESS_KEY_ID"),
            "{text}"
        );
        assert!(took < Duration::from_secs(3), "{took:?}");
    }

    // A run says the same about its messages.
    let shop = TestProject::example("shop");
    let config = shop.read("muster.yaml");
    let (head, _) = config.split_once("destinations:").unwrap();
    let stream = |region: &str| {
        format!(
            "{head}destinations:\n  growth: {{kinesis: {{stream_name: cohorts{region}, endpoint_url: \"http://127.0.0.1:1\"}}}}\n  \
             crm: {{file: {{path: out/crm.ndjson}}}}\n"
        )
    };
    for (region, wanted, metadata) in [
        (", region: eu-west-1", "set AWS_ACCESS_KEY_ID", &metadata),
        (
            ", region: eu-west-1",
            "set AWS_ACCESS_KEY_ID",
            &refusing.endpoint,
        ),
        (
            "",
            "set the destination's `region`, or AWS_REGION",
            &metadata,
        ),
    ] {
        shop.write("muster.yaml", &stream(region));
        let began = Instant::now();
        let output = with_aws(&shop, &["run", "--once"], &at(metadata));
        let took = began.elapsed();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(wanted), "{text}");
        // The time of the run itself is added.
        assert!(took < Duration::from_secs(8), "{took:?}");
    }

    // So does a source.
    let readers = TestProject::new();
    readers.write(
        "muster.yaml",
        "sources: [{kinesis: {stream_name: events, region: eu-west-1}}]\n",
    );
    let command = aws_command(&readers, &["run"], &at(&metadata));
    let mut service = RunningMuster::spawn_as_is(&readers, command);
    until("the source says what to set", || {
        let status = readers.output(&["status", "--json"]);
        String::from_utf8_lossy(&status.stdout).contains("set AWS_ACCESS_KEY_ID")
    });
    service.stop();
}

#[test]
fn the_service_warns_of_a_role_that_others_can_use() {
    let fake = FakeAws::start();
    let project = TestProject::new();
    let url = &fake.endpoint;
    project.write(
        "muster.yaml",
        &format!(
            "sources: [{{files: events.json}}]\n\
             destinations:\n  growth: {{kinesis: {{stream_name: cohorts, region: eu-west-1, endpoint_url: \"{url}\", \
             sts_endpoint_url: \"{url}\", role_arn: \"arn:aws:iam::123456789012:role/open\"}}}}\n"
        ),
    );
    project.write(
        "events.json",
        "{\"user_id\": \"user-1\", \"event_type\": \"View\", \"event_time\": \"2026-03-01\"}\n",
    );
    project.write(
        "cohorts/viewers.yaml",
        "cadence: real_time\nsync: [{to: growth}]\nwhere: {did: View}\n",
    );
    let mut service = RunningMuster::start(&project, &[]);
    until("the log has the warning", || {
        service
            .log()
            .contains("others could make Muster use this role")
    });
    until("the message is sent", || {
        let requests = fake.requests();
        requests
            .iter()
            .any(|request| request.contains("20131202.PutRecords"))
    });
    service.stop();
}

//! Tests the `kinesis` destination over HTTP with a scripted server: the requests, their
//! credentials and their number, and the reactions to the answers.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_publish::{
    Destination, DrainOptions, DrainReport, EndpointUrl, KinesisSettings, PublishError, RegionName,
    drain,
};
use muster_testkit::server::{ReceivedRequest, ScriptedServer, ServerReply};

use crate::support::{
    BASE_KEY, Base, TestOutbox, bodies, destination, in_clean_environment, kinesis, kinesis_error,
    put_records, session, session_for, sts_error,
};

async fn run(backlog: &TestOutbox, destination: &Destination) -> Result<DrainReport, PublishError> {
    let options = DrainOptions {
        give_up_after: Duration::from_secs(2),
        ..DrainOptions::default()
    };
    drain(&backlog.store, "growth", destination, &options, |_| {}).await
}

/// Starts a server whose STS gives sessions `ASIA1`, `ASIA2`, … and whose Kinesis answers by `put`.
fn aws(
    put: impl Fn(&ReceivedRequest, usize) -> ServerReply + Send + Sync + 'static,
) -> ScriptedServer {
    ScriptedServer::start(move |request, before| match request.action.as_str() {
        "AssumeRole" => session(&format!("ASIA{}", before + 1)),
        "PutRecords" => put(request, before),
        other => panic!("an unexpected call: {other}"),
    })
}

#[test]
fn the_session_is_cut_to_the_stream_and_shared_by_all_calls() {
    in_clean_environment(
        "kinesis::the_session_is_cut_to_the_stream_and_shared_by_all_calls",
        Base::Key,
        async {
            let server = aws(|request, _| put_records(request, ""));
            let backlog = TestOutbox::of(bodies(1_200));
            let report = run(&backlog, &destination(&server.endpoint)).await.unwrap();
            assert_eq!(
                (report.messages, report.attempts, report.complete),
                (1_200, 3, true)
            );
            assert!(backlog.left("growth").is_empty());

            let [assume] = &server.received("AssumeRole")[..] else {
                panic!("one session");
            };
            assert_eq!(assume.key, BASE_KEY);
            let field = |name| assume.field(name).unwrap();
            assert_eq!(field("RoleArn"), "arn:aws:iam::123456789012:role/muster");
            assert_eq!(field("ExternalId"), "a-secret");
            assert_eq!(field("DurationSeconds"), "3600");
            assert_eq!(field("RoleSessionName"), "muster-growth");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&field("Policy")).unwrap(),
                serde_json::json!({"Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow",
                    "Action": ["kinesis:PutRecord", "kinesis:PutRecords"],
                    "Resource": "arn:aws:kinesis:eu-west-1:123456789012:stream/cohorts",
                }]})
            );

            let puts = server.received("PutRecords");
            assert!(puts.iter().all(|put| put.key == "ASIA1"));
            let mut counts: Vec<_> = puts.iter().map(|put| put.records().len()).collect();
            counts.sort_unstable();
            assert_eq!(counts, [200, 500, 500]);
        },
    );
}

#[test]
fn sts_has_an_endpoint_of_its_own() {
    in_clean_environment(
        "kinesis::sts_has_an_endpoint_of_its_own",
        Base::Key,
        async {
            let stream = aws(|request, _| put_records(request, ""));
            let sts = aws(|_, _| panic!("a record for STS"));
            let settings = |sts_endpoint_url| KinesisSettings {
                sts_endpoint_url,
                // AWS has no address for this region.
                region: Some(RegionName::new("nowhere-1").unwrap()),
                ..kinesis(&stream.endpoint)
            };
            let own = EndpointUrl::new(&sts.endpoint).unwrap();
            let backlog = TestOutbox::of(bodies(1));
            let destination = Destination::Kinesis(settings(Some(own)));
            run(&backlog, &destination).await.unwrap();
            assert_eq!(sts.received("AssumeRole").len(), 1);
            assert_eq!(stream.received("PutRecords").len(), 1);

            // `endpoint_url` alone does not apply to STS, which would get the process's own key.
            backlog.add("growth", bodies(1));
            let destination = Destination::Kinesis(settings(None));
            run(&backlog, &destination).await.unwrap_err();
            assert_eq!(stream.received("AssumeRole").len(), 0);
            assert_eq!(stream.received("PutRecords").len(), 1);
        },
    );
}

#[test]
fn without_a_role_the_process_writes_as_itself() {
    in_clean_environment(
        "kinesis::without_a_role_the_process_writes_as_itself",
        Base::Key,
        async {
            let server = aws(|request, _| put_records(request, ""));
            let mut settings = kinesis(&server.endpoint);
            settings.role = None;
            run(&TestOutbox::of(bodies(1)), &Destination::Kinesis(settings))
                .await
                .unwrap();
            assert!(server.received("AssumeRole").is_empty());
            assert_eq!(server.received("PutRecords")[0].key, BASE_KEY);
        },
    );
}

#[test]
fn calls_and_records_keep_the_limits() {
    in_clean_environment(
        "kinesis::calls_and_records_keep_the_limits",
        Base::Key,
        async {
            let server = aws(|request, _| put_records(request, ""));
            // The key has 32 bytes: the second record is as large as allowed, the last one byte
            // larger.
            let mut bodies = vec![vec![b'x'; 24 << 10]; 100];
            bodies.insert(1, vec![b'y'; (1 << 20) - 32]);
            bodies.push(vec![b'z'; (1 << 20) - 31]);
            let backlog = TestOutbox::of(bodies);
            let report = run(&backlog, &destination(&server.endpoint)).await.unwrap();
            assert_eq!((report.messages, report.dead), (101, 1));
            assert!(backlog.left("growth").is_empty());
            let dead = backlog.store.snapshot().unwrap().dead_letters(9).unwrap();
            assert_eq!(
                (dead[0].id.as_str(), dead[0].bytes),
                ("run:102", (1 << 20) - 31)
            );
            assert_eq!(
                dead[0].reason,
                "it has 1048577 bytes with its key, and Kinesis takes 1048576 a record"
            );
            for put in server.received("PutRecords") {
                let records = put.records();
                let bytes: usize = records
                    .iter()
                    .map(|(data, key)| data.len() / 4 * 3 + key.len())
                    .sum();
                assert!(bytes <= 1_000_000 || records.len() == 1, "{bytes} bytes");
            }
        },
    );
}

#[test]
fn only_failed_entries_are_sent_again_with_the_same_keys() {
    in_clean_environment(
        "kinesis::only_failed_entries_are_sent_again_with_the_same_keys",
        Base::Key,
        async {
            let server =
                aws(|request, before| put_records(request, if before == 0 { ".tf." } else { "" }));
            let backlog = TestOutbox::of(bodies(4));
            let report = run(&backlog, &destination(&server.endpoint)).await.unwrap();
            assert_eq!(
                (report.messages, report.retried, report.throttled),
                (4, 2, 1)
            );
            let puts = server.received("PutRecords");
            assert_eq!(puts.len(), 2);
            assert_eq!(puts[1].records(), puts[0].records()[1..3]);
        },
    );
}

#[test]
fn a_lost_answer_sends_the_call_again_once() {
    in_clean_environment(
        "kinesis::a_lost_answer_sends_the_call_again_once",
        Base::Key,
        async {
            let server = aws(|request, before| match before {
                0 => ServerReply::Hangup,
                _ => put_records(request, ""),
            });
            let report = run(&TestOutbox::of(bodies(3)), &destination(&server.endpoint))
                .await
                .unwrap();
            assert_eq!((report.attempts, report.retried), (2, 3));
            // The SDK does not retry in addition.
            assert_eq!(server.received("PutRecords").len(), 2);
        },
    );
}

#[test]
fn an_answer_with_too_few_entries_acknowledges_nothing() {
    in_clean_environment(
        "kinesis::an_answer_with_too_few_entries_acknowledges_nothing",
        Base::Key,
        async {
            let server = aws(|_, _| {
                ServerReply::Answer {
            status: 200,
            body: "{\"FailedRecordCount\":0,\"Records\":[{\"SequenceNumber\":\"1\",\"ShardId\":\"s\"}]}".to_owned(),
        }
            });
            let backlog = TestOutbox::of(bodies(2));
            let error = run(&backlog, &destination(&server.endpoint))
                .await
                .unwrap_err();
            assert_eq!(error.cause.kind(), "unavailable");
            assert!(
                error
                    .to_string()
                    .ends_with("kinesis answered 1 entries for 2 records"),
                "{error}"
            );
            assert_eq!(backlog.left("growth"), bodies(2));
        },
    );
}

#[test]
fn expired_credentials_are_renewed_once() {
    in_clean_environment(
        "kinesis::expired_credentials_are_renewed_once",
        Base::Key,
        async {
            let server = aws(|request, _| match request.key.as_str() {
                "ASIA1" => kinesis_error("ExpiredTokenException"),
                _ => put_records(request, ""),
            });
            run(&TestOutbox::of(bodies(1)), &destination(&server.endpoint))
                .await
                .unwrap();
            assert_eq!(server.received("AssumeRole").len(), 2);

            let server = aws(|_, _| kinesis_error("ExpiredTokenException"));
            let backlog = TestOutbox::of(bodies(1));
            let error = run(&backlog, &destination(&server.endpoint))
                .await
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                "destination `growth`: kinesis answered ExpiredTokenException: why not"
            );
            assert_eq!(error.cause.kind(), "denied");
            assert!(error.cause.hint().unwrap().contains("have expired"));
            assert_eq!(
                (
                    server.received("AssumeRole").len(),
                    server.received("PutRecords").len()
                ),
                (2, 2)
            );
            assert_eq!(backlog.left("growth").len(), 1);
        },
    );
}

#[test]
fn a_session_is_replaced_well_before_its_end() {
    in_clean_environment(
        "kinesis::a_session_is_replaced_well_before_its_end",
        Base::Key,
        async {
            let server = ScriptedServer::start(|request, before| match request.action.as_str() {
                "AssumeRole" => {
                    session_for(&format!("ASIA{}", before + 1), Duration::from_secs(290))
                }
                _ => put_records(request, ""),
            });
            run(
                &TestOutbox::of(bodies(1_500)),
                &destination(&server.endpoint),
            )
            .await
            .unwrap();
            let keys: BTreeSet<_> = server
                .received("PutRecords")
                .into_iter()
                .map(|put| put.key)
                .collect();
            assert!(keys.len() > 1, "a new session for calls that begin later");
        },
    );
}

#[test]
fn refusals_stop_with_a_reason_and_a_hint() {
    in_clean_environment(
        "kinesis::refusals_stop_with_a_reason_and_a_hint",
        Base::Key,
        async {
            for (code, count, kind, hint) in [
                ("AccessDeniedException", 2, "denied", "`kinesis:PutRecords`"),
                (
                    "UnrecognizedClientException",
                    2,
                    "denied",
                    "AWS_ACCESS_KEY_ID",
                ),
                (
                    "KMSAccessDeniedException",
                    2,
                    "denied",
                    "encrypted with a key of your own",
                ),
                (
                    "ResourceNotFoundException",
                    2,
                    "misconfigured",
                    "`stream_name` and `region`",
                ),
                ("ValidationException", 2, "poison", "stay in the backlog"),
                ("ValidationException", 1, "poison", "stay in the backlog"),
            ] {
                let server = aws(move |_, _| kinesis_error(code));
                let backlog = TestOutbox::of(bodies(count));
                let error = run(&backlog, &destination(&server.endpoint))
                    .await
                    .unwrap_err();
                assert_eq!(error.cause.kind(), kind, "{error}");
                assert!(
                    error
                        .to_string()
                        .contains(&format!("kinesis answered {code}: why not")),
                    "{error}"
                );
                assert!(
                    error.cause.hint().unwrap().contains(hint),
                    "{:?}",
                    error.cause.hint()
                );
                // A call that is refused as a whole is halved.
                let calls = if kind == "poison" { 2 * count - 1 } else { 1 };
                assert_eq!(server.received("PutRecords").len(), calls);
                assert_eq!(backlog.left("growth"), bodies(count));
            }
        },
    );
}

#[test]
fn a_denied_role_is_distinguished_from_a_denied_stream() {
    in_clean_environment(
        "kinesis::a_denied_role_is_distinguished_from_a_denied_stream",
        Base::Key,
        async {
            for (status, code, kind, hint) in [
                (403, "AccessDenied", "denied", "the role's trust policy"),
                (403, "InvalidClientTokenId", "denied", "AWS_ACCESS_KEY_ID"),
                (400, "ValidationError", "misconfigured", "`role_arn`"),
                (403, "ExpiredToken", "denied", "have expired"),
            ] {
                let server = ScriptedServer::start(move |_, _| sts_error(status, code));
                let backlog = TestOutbox::of(bodies(2));
                let error = run(&backlog, &destination(&server.endpoint))
                    .await
                    .unwrap_err();
                assert_eq!(
                    error.to_string(),
                    format!("destination `growth`: sts answered {code}: why not")
                );
                assert_eq!(error.cause.kind(), kind);
                assert!(
                    error.cause.hint().unwrap().contains(hint),
                    "{:?}",
                    error.cause.hint()
                );
                assert!(server.received("PutRecords").is_empty());
                assert_eq!(backlog.left("growth"), bodies(2));
            }
            // An error that passes by itself is retried.
            let server =
                ScriptedServer::start(|request, before| match (request.action.as_str(), before) {
                    ("AssumeRole", 0) => sts_error(503, "ServiceUnavailable"),
                    ("AssumeRole", _) => session("ASIA1"),
                    _ => put_records(request, ""),
                });
            assert!(
                run(&TestOutbox::of(bodies(1)), &destination(&server.endpoint))
                    .await
                    .unwrap()
                    .complete
            );
        },
    );
}

#[test]
fn an_address_without_a_listener_is_unavailable() {
    in_clean_environment(
        "kinesis::an_address_without_a_listener_is_unavailable",
        Base::Key,
        async {
            // No program listens on the discard port.
            let mut settings = kinesis("http://127.0.0.1:9");
            for service in ["sts", "kinesis"] {
                let backlog = TestOutbox::of(bodies(1));
                let error = run(&backlog, &Destination::Kinesis(settings.clone()))
                    .await
                    .unwrap_err();
                assert_eq!(error.cause.kind(), "unavailable");
                let text = error.to_string();
                assert!(
                    text.contains(&format!("the last error: {service} did not answer: ")),
                    "{text}"
                );
                assert!(
                    text.contains("Connection refused") && !text.contains("ConnectorError"),
                    "{text}"
                );
                assert_eq!(backlog.left("growth").len(), 1);
                settings.role = None;
            }
        },
    );
}

#[test]
fn a_missing_region_or_missing_credentials_have_a_hint() {
    in_clean_environment(
        "kinesis::a_missing_region_or_missing_credentials_have_a_hint",
        Base::Nothing,
        async {
            let backlog = TestOutbox::of(bodies(1));
            let server = aws(|request, _| put_records(request, ""));
            for role in [true, false] {
                let mut settings = kinesis(&server.endpoint);
                if !role {
                    settings.role = None;
                }
                let error = run(&backlog, &Destination::Kinesis(settings))
                    .await
                    .unwrap_err();
                assert_eq!(error.cause.kind(), "denied", "{error}");
                assert!(error.to_string().contains("no AWS credentials"), "{error}");
                assert!(error.cause.hint().unwrap().contains("AWS_ACCESS_KEY_ID"));
            }
            let mut settings = kinesis(&server.endpoint);
            settings.region = None;
            let error = run(&backlog, &Destination::Kinesis(settings))
                .await
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                "destination `growth`: no region is known for stream `cohorts`"
            );
            assert_eq!(
                error.cause.hint(),
                Some("set the destination's `region`, or AWS_REGION")
            );
        },
    );
}

/// A profile with region and credentials; a program gives the credentials.
const PROFILE: &str = "[default]\nregion = eu-west-1\n\
    credential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"AKIAPROFILE\", \"SecretAccessKey\": \"secret\"}'\n";

#[test]
fn a_profile_gives_region_and_credentials() {
    in_clean_environment(
        "kinesis::a_profile_gives_region_and_credentials",
        Base::Profile(PROFILE),
        async {
            let server = aws(|request, _| put_records(request, ""));
            let mut settings = kinesis(&server.endpoint);
            settings.region = None;
            run(&TestOutbox::of(bodies(1)), &Destination::Kinesis(settings))
                .await
                .unwrap();
            let assume = &server.received("AssumeRole")[0];
            assert_eq!(assume.key, "AKIAPROFILE");
            assert!(
                assume
                    .field("Policy")
                    .unwrap()
                    .contains("arn:aws:kinesis:eu-west-1:")
            );
        },
    );
}

/// A profile with single sign-on of the older form, without a session.
const SINGLE_SIGN_ON: &str = "[default]\nsso_start_url = https://example.com\nsso_region = eu-west-1\n\
    sso_account_id = 123456789012\nsso_role_name = admin\n";

#[test]
fn a_profile_that_needs_a_sign_on_says_so() {
    in_clean_environment(
        "kinesis::a_profile_that_needs_a_sign_on_says_so",
        Base::Profile(SINGLE_SIGN_ON),
        async {
            let backlog = TestOutbox::of(bodies(1));
            let error = run(&backlog, &destination("http://127.0.0.1:9"))
                .await
                .unwrap_err();
            assert_eq!(error.cause.kind(), "denied", "{error}");
            assert!(
                error.cause.hint().unwrap().contains("aws sso login"),
                "{error}"
            );
        },
    );
}

/// The SDK alone gives a program 10 s, which a vault or a device may need.
#[test]
fn a_slow_credential_process_is_waited_for() {
    const CONFIG: &str = "[default]\ncredential_process = sh -c 'sleep 11; echo \"{\\\"Version\\\": 1, \\\"AccessKeyId\\\": \\\"AKIASLOW\\\", \\\"SecretAccessKey\\\": \\\"secret\\\"}\"'\n";
    in_clean_environment(
        "kinesis::a_slow_credential_process_is_waited_for",
        Base::Profile(CONFIG),
        async {
            let server = aws(|request, _| put_records(request, ""));
            let backlog = TestOutbox::of(bodies(1));
            let report = run(&backlog, &destination(&server.endpoint)).await.unwrap();
            assert!(report.complete);
            assert_eq!(server.received("AssumeRole")[0].key, "AKIASLOW");
        },
    );
}

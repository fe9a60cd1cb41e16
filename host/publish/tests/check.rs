//! Tests the check of a Kinesis destination against a scripted server, which refuses as AWS does.

use muster_publish::{CheckOptions, CheckState, CheckStep, Destination, KeyArn, check};
use muster_testkit::server::{ReceivedRequest, ScriptedServer, ServerReply};

use crate::support::{
    Base, destination, in_clean_environment, kinesis, kinesis_error, put_records, session,
    sts_error,
};

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn caller() -> ServerReply {
    ServerReply::Answer {
        status: 200,
        body: "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
               <Arn>arn:aws:iam::123456789012:user/muster</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"
            .to_owned(),
    }
}

fn simulated(request: &ReceivedRequest, decision: &str) -> ServerReply {
    let names = (1..=2).filter_map(|index| request.field(&format!("ActionNames.member.{index}")));
    let members: String = names
        .map(|name| {
            format!(
                "<member><EvalActionName>{name}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>"
            )
        })
        .collect();
    ServerReply::Answer {
        status: 200,
        body: format!(
            "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults>{members}\
             </EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        ),
    }
}

/// The difference from a set-up that is right.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// The credentials are not valid.
    Identity,
    /// The trust policy refuses Muster.
    Trust,
    /// The trust policy asks for no external id.
    AnyId,
    /// The role's policies allow nothing.
    Policy,
    /// The role may not simulate.
    Simulation,
    /// The role's policies allow nothing, but the stream's do.
    StreamPolicy,
    /// There is no such stream.
    Stream,
    /// The endpoint ignores dry runs.
    Written,
}

fn aws(flaw: Flaw) -> ScriptedServer {
    ScriptedServer::start(move |request, _| match request.action.as_str() {
        "GetCallerIdentity" if flaw == Flaw::Identity => sts_error(403, "InvalidClientTokenId"),
        "GetCallerIdentity" => caller(),
        "AssumeRole" if flaw == Flaw::Trust => sts_error(403, "AccessDenied"),
        "AssumeRole" => match request.field("ExternalId").as_deref() {
            Some("a-secret") => session("ASIA1"),
            _ if flaw == Flaw::AnyId => session("ASIA2"),
            _ => sts_error(403, "AccessDenied"),
        },
        "SimulatePrincipalPolicy" => match flaw {
            Flaw::Simulation => sts_error(403, "AccessDenied"),
            Flaw::Policy | Flaw::StreamPolicy => simulated(request, "implicitDeny"),
            _ => simulated(request, "allowed"),
        },
        "PutRecords" => match flaw {
            Flaw::Policy => kinesis_error("AccessDeniedException"),
            Flaw::Stream => kinesis_error("ResourceNotFoundException"),
            Flaw::Written => put_records(request, ""),
            _ if request.body.contains("\"DryRun\":true") => {
                kinesis_error("DryRunOperationException")
            }
            _ => put_records(request, ""),
        },
        other => panic!("an unexpected call: {other}"),
    })
}

async fn steps(destination: &Destination, send_test: bool) -> Vec<CheckStep> {
    let options = CheckOptions {
        send_test,
        dry_run_here: true,
    };
    check("growth", destination, &options).await
}

/// Returns the steps that are not all right.
fn findings(steps: &[CheckStep]) -> Vec<(&str, CheckState)> {
    let findings = steps.iter().filter(|step| step.state != CheckState::Ok);
    findings.map(|step| (step.step, step.state)).collect()
}

#[test]
fn each_flaw_is_found_at_its_step() {
    use CheckState::{Failed, Warning};
    in_clean_environment("check::each_flaw_is_found_at_its_step", Base::Key, async {
        for (flaw, wanted, hint) in [
            (Flaw::None, &[][..], ""),
            (
                Flaw::Identity,
                &[("credentials", Failed)],
                "AWS_ACCESS_KEY_ID",
            ),
            (
                Flaw::Trust,
                &[("role", Failed)],
                "trust policy allow `sts:AssumeRole`",
            ),
            (
                Flaw::AnyId,
                &[("external_id", Warning)],
                "muster destination policy growth",
            ),
            (
                Flaw::Policy,
                &[("permissions", Failed), ("dry_run", Failed)],
                "permission policy allow",
            ),
            (
                Flaw::Simulation,
                &[("permissions", Warning)],
                "iam:SimulatePrincipalPolicy",
            ),
            (
                Flaw::StreamPolicy,
                &[("permissions", Warning)],
                "permission policy allow",
            ),
            (
                Flaw::Stream,
                &[("dry_run", Failed)],
                "`stream_name` and `region`",
            ),
            (Flaw::Written, &[("dry_run", Warning)], "no users"),
        ] {
            let server = aws(flaw);
            let steps = steps(&destination(&server.endpoint), false).await;
            assert_eq!(findings(&steps), wanted, "{steps:#?}");
            let hints: String = steps.iter().filter_map(|step| step.hint.clone()).collect();
            assert!(hints.contains(hint), "{hints}");
        }
    });
}

#[test]
fn a_test_message_changes_no_consumer() {
    in_clean_environment(
        "check::a_test_message_changes_no_consumer",
        Base::Key,
        async {
            let server = aws(Flaw::None);
            let steps = steps(&destination(&server.endpoint), true).await;
            assert_eq!(findings(&steps), []);
            let puts = server.received("PutRecords");
            let [dry, sent] = &puts[..] else {
                panic!("{puts:?}");
            };
            assert!(dry.body.contains("\"DryRun\":true"));
            assert!(!sent.body.contains("\"DryRun\":true"));
            assert!(sent.key == "ASIA1", "the role's session writes");
            let text = steps.last().unwrap().text.clone();
            assert!(text.starts_with("message `muster-test-"), "{text}");
        },
    );
}

/// An emulator writes the record of a dry run. Then that record is the test message.
#[test]
fn one_test_message_is_written_if_dry_runs_are_ignored() {
    in_clean_environment(
        "check::one_test_message_is_written_if_dry_runs_are_ignored",
        Base::Key,
        async {
            let server = aws(Flaw::Written);
            let steps = steps(&destination(&server.endpoint), true).await;
            assert_eq!(findings(&steps), [("dry_run", CheckState::Skipped)]);
            assert_eq!(server.received("PutRecords").len(), 1);
            assert_eq!(steps.last().unwrap().step, "test_message");
        },
    );
}

#[test]
fn the_key_is_part_of_the_session_and_of_the_simulation() {
    in_clean_environment(
        "check::the_key_is_part_of_the_session_and_of_the_simulation",
        Base::Key,
        async {
            let server = aws(Flaw::None);
            let destination = Destination::Kinesis(muster_publish::KinesisSettings {
                kms_key: Some(KeyArn::new(KEY).unwrap()),
                ..kinesis(&server.endpoint)
            });
            let steps = steps(&destination, false).await;
            assert_eq!(findings(&steps), []);
            let [assume, ..] = &server.received("AssumeRole")[..] else {
                panic!("no session");
            };
            let policy = assume.field("Policy").unwrap();
            assert!(
                policy.contains("kms:GenerateDataKey") && policy.contains(KEY),
                "{policy}"
            );
            let simulations = server.received("SimulatePrincipalPolicy");
            let of = |index: usize, name| simulations[index].field(name).unwrap();
            assert_eq!(simulations.len(), 2);
            assert_eq!(of(1, "ActionNames.member.1"), "kms:GenerateDataKey");
            assert_eq!(of(1, "ResourceArns.member.1"), KEY);
            assert_eq!(
                of(0, "PolicySourceArn"),
                "arn:aws:iam::123456789012:role/muster"
            );
            assert_eq!(simulations[0].key, "ASIA1");
        },
    );
}

#[test]
fn without_a_role_or_credentials_the_rest_is_left_out() {
    in_clean_environment(
        "check::without_a_role_or_credentials_the_rest_is_left_out",
        Base::Nothing,
        async {
            let server = aws(Flaw::None);
            let steps = steps(&destination(&server.endpoint), true).await;
            assert_eq!(findings(&steps), [("credentials", CheckState::Failed)]);
            assert_eq!(steps.len(), 2);
            assert!(server.received("PutRecords").is_empty());
        },
    );
}

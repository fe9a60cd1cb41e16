//! The check of a stream: its region, the credentials, the role and its permissions.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::operation::put_records::PutRecordsOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use muster_aws::{ExternalId, IamError, Probe, Role};
use serde_json::json;

use super::fault::Fault;
use super::key::PartitionKey;
use super::response;
use crate::check::{CheckOptions, CheckState, CheckSteps};
use crate::destination::KinesisSettings;
use crate::sink::Verdict;

/// The names of the steps, in their order.
const REGION: &str = "region";
const CREDENTIALS: &str = "credentials";
const ROLE: &str = "role";
const EXTERNAL_ID: &str = "external_id";
const PERMISSIONS: &str = "permissions";
const DRY_RUN: &str = "dry_run";
const TEST_MESSAGE: &str = "test_message";

/// Checks a stream, and adds a step for each finding.
pub(crate) async fn check(
    name: &str,
    settings: &KinesisSettings,
    options: &CheckOptions,
    steps: &mut CheckSteps,
) {
    let probe = match Probe::open(name, settings).await {
        Ok(probe) => probe,
        Err(error) => {
            let hint = "set the destination's `region`, or AWS_REGION";
            return steps.failed(REGION, error.to_string(), hint);
        }
    };
    steps.ok(REGION, probe.region());
    let mut check = StreamCheck {
        name,
        settings,
        probe,
        steps,
    };
    let Some(own) = check.credentials().await else {
        return;
    };
    let credentials = match &settings.role {
        Some(role) => check.role(role).await,
        None => {
            check.steps.skipped(
                ROLE,
                "there is no `role_arn`: the credentials are used directly",
            );
            Some(own)
        }
    };
    let Some(credentials) = credentials else {
        return;
    };
    let client = check.probe.client(credentials);
    let here = settings.endpoint_url.as_ref();
    let may_write = options.send_test || options.dry_run_here;
    if here.is_some_and(|url| url.is_emulator()) && !may_write {
        check.steps.skipped(
            DRY_RUN,
            "an emulator would write the record: `--send-test` sends a marked message",
        );
        return;
    }
    let is_written = check.dry_run(&client, options.send_test).await;
    if options.send_test && !is_written {
        check.send(&client).await;
    }
}

/// A check under way.
struct StreamCheck<'a> {
    name: &'a str,
    settings: &'a KinesisSettings,
    probe: Probe,
    steps: &'a mut CheckSteps,
}

impl StreamCheck<'_> {
    /// Finds credentials, and asks STS whose they are.
    async fn credentials(&mut self) -> Option<Credentials> {
        let own = match self.probe.credentials().await {
            Ok(own) => own,
            Err(error) => {
                self.failed(CREDENTIALS, &Fault::of_credentials(&error));
                return None;
            }
        };
        let emulator = |url: &Option<muster_aws::EndpointUrl>| {
            url.as_ref()
                .is_some_and(muster_aws::EndpointUrl::is_emulator)
        };
        if emulator(&self.settings.endpoint_url) && self.settings.sts_endpoint_url.is_none() {
            let text = "found; STS is not called, because the stream is an emulator's";
            self.steps.ok(CREDENTIALS, text);
            return Some(own);
        }
        match self.probe.caller().await {
            Ok(caller) => self
                .steps
                .ok(CREDENTIALS, format!("those of {}", caller.arn)),
            Err(error) => {
                let fault = Fault::of_sts(&error);
                // Without a role, only a stream is needed. A private network may have no STS.
                if !fault.is_answered() && self.settings.role.is_none() {
                    let text = format!("found, but {}", fault.reason);
                    self.steps.warning(CREDENTIALS, text, fault.hint(false));
                    return Some(own);
                }
                self.failed(CREDENTIALS, &fault);
                return None;
            }
        }
        Some(own)
    }

    /// Assumes the role, and checks that it cannot be assumed by others and may do what is needed.
    async fn role(&mut self, role: &Role) -> Option<Credentials> {
        let session = match self.probe.assume(role, role.external_id.as_ref()).await {
            Ok(Some(session)) => session,
            Ok(None) => {
                let hint = "see `sts_endpoint_url`";
                self.steps.failed(ROLE, "sts answered no credentials", hint);
                return None;
            }
            Err(error) => {
                self.failed(ROLE, &Fault::of_sts(&error));
                return None;
            }
        };
        self.steps.ok(ROLE, format!("{} can be assumed", role.arn));
        self.external_id(role).await;
        self.permissions(role, &session).await;
        Some(session)
    }

    /// Tries the role with a wrong external id, which its trust policy has to refuse. Else any
    /// other customer of a service that runs Muster could name this role (IAM, "The confused
    /// deputy problem").
    async fn external_id(&mut self, role: &Role) {
        let policy = format!(
            "`muster destination policy {}` prints a trust policy with an external id",
            self.name
        );
        if role.external_id.is_none() {
            let text = "there is no `external_id`: others could make Muster use this role";
            return self.steps.warning(EXTERNAL_ID, text, policy);
        }
        let wrong = match ExternalId::mint() {
            Ok(wrong) => wrong,
            Err(error) => return self.steps.skipped(EXTERNAL_ID, error.to_string()),
        };
        match self.probe.assume(role, Some(&wrong)).await {
            Ok(_) => self.steps.warning(
                EXTERNAL_ID,
                "the role can be assumed with a wrong external id: others could make Muster use it",
                format!("let the role's trust policy require `sts:ExternalId`: {policy}"),
            ),
            Err(error) => {
                let fault = Fault::of_sts(&error);
                if fault.is_access_denied() {
                    let text = "a wrong external id is refused";
                    self.steps.ok(EXTERNAL_ID, text);
                } else {
                    let text = format!("a wrong external id could not be tried: {}", fault.reason);
                    self.steps.warning(EXTERNAL_ID, text, "try again");
                }
            }
        }
    }

    /// Asks IAM whether the role's policies allow what is needed.
    async fn permissions(&mut self, role: &Role, session: &Credentials) {
        let emulator = self.settings.endpoint_url.as_ref();
        let emulator = emulator.is_some_and(muster_aws::EndpointUrl::is_emulator);
        if emulator && self.settings.sts_endpoint_url.is_none() {
            let text = "IAM is not called, because the stream is an emulator's";
            return self.steps.skipped(PERMISSIONS, text);
        }
        let answers = match self.probe.simulate(role, session).await {
            Ok(answers) => answers,
            Err(error) => {
                let hint = match &error {
                    IamError::Refused { code, .. } if code.starts_with("AccessDenied") => format!(
                        "allow the role `iam:SimulatePrincipalPolicy` on itself, as `muster destination policy {}` prints",
                        self.name
                    ),
                    _ => "the next step shows whether the role may write".to_owned(),
                };
                return self.steps.warning(PERMISSIONS, error.to_string(), hint);
            }
        };
        let of = |allowed| {
            let actions = answers.iter().filter(|answer| answer.allowed == allowed);
            let actions: Vec<_> = actions.map(|answer| answer.action.as_str()).collect();
            actions.join(", ")
        };
        let denied = of(false);
        if denied.is_empty() {
            let text = format!("the role's policies allow {}", of(true));
            return self.steps.ok(PERMISSIONS, text);
        }
        let hint = format!(
            "let the role's permission policy allow it on this stream, as `muster destination policy {}` prints",
            self.name
        );
        let text = format!("the role's policies do not allow {denied}");
        self.steps.failed(PERMISSIONS, text, hint);
    }

    /// Makes a call that writes nothing (Kinesis, PutRecords, `DryRun`). Its success is an error of
    /// that name. An endpoint that ignores dry runs writes the message, which then counts as the
    /// test message if one is `wanted`. Returns true if the message was written.
    async fn dry_run(&mut self, client: &Client, wanted: bool) -> bool {
        let (id, entry) = match test_entry() {
            Ok(entry) => entry,
            Err(fault) => {
                self.failed(DRY_RUN, &fault);
                return false;
            }
        };
        let call = self.put(client).records(entry).dry_run(true);
        match call.send().await {
            Ok(answer) if wanted => {
                let text = "the endpoint ignores dry runs, and wrote the message";
                self.steps.skipped(DRY_RUN, text);
                self.sent(&id, &answer);
                return true;
            }
            Ok(_) => {
                let text = "the endpoint ignores dry runs, and wrote a marked message";
                let hint = "the message has no users, so that consumers change nothing";
                self.steps.warning(DRY_RUN, text, hint);
                self.written();
                return true;
            }
            Err(error) if error.code() == Some("DryRunOperationException") => {
                self.steps.ok(DRY_RUN, "Kinesis would take a message");
                self.written();
            }
            Err(error) => self.failed(DRY_RUN, &Fault::of(&error)),
        }
        false
    }

    /// Writes a marked message.
    async fn send(&mut self, client: &Client) {
        let (id, entry) = match test_entry() {
            Ok(entry) => entry,
            Err(fault) => return self.failed(TEST_MESSAGE, &fault),
        };
        match self.put(client).records(entry).send().await {
            Ok(answer) => self.sent(&id, &answer),
            Err(error) => self.failed(TEST_MESSAGE, &Fault::of(&error)),
        }
    }

    /// Reads the answer to the test message.
    fn sent(&mut self, id: &str, answer: &PutRecordsOutput) {
        match response::verdicts(1, answer.records()).as_slice() {
            [Verdict::Sent] => {
                let text = format!("message `{id}` is in {}", shard(answer));
                self.steps.ok(TEST_MESSAGE, text);
                self.written();
            }
            [
                Verdict::Throttled(why) | Verdict::Failed(why) | Verdict::Poison(why),
                ..,
            ] => {
                self.steps.failed(TEST_MESSAGE, why, "try again");
            }
            _ => {
                let text = "kinesis answered nothing";
                self.steps.failed(TEST_MESSAGE, text, "try again");
            }
        }
    }

    fn put(
        &self,
        client: &Client,
    ) -> aws_sdk_kinesis::operation::put_records::builders::PutRecordsFluentBuilder {
        client
            .put_records()
            .stream_name(self.settings.stream_name.as_str())
    }

    /// Corrects the finding that the role's policies allow nothing: a policy of the stream does.
    fn written(&mut self) {
        for step in &mut self.steps.0 {
            if step.step == PERMISSIONS && step.state == CheckState::Failed {
                step.state = CheckState::Warning;
            }
        }
    }

    fn failed(&mut self, step: &'static str, fault: &Fault) {
        let hint = fault.hint(self.settings.role.is_some());
        self.steps.failed(step, fault.reason.clone(), hint);
    }
}

/// Returns the id and the record of a marked message. It is a message of the documented form with
/// no users, so that a consumer that does not know the mark changes nothing.
fn test_entry() -> Result<(String, PutRecordsRequestEntry), Fault> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let second = now.map_or(0, |since| since.as_secs());
    let id = format!("muster-test-{second}-{:08x}:1", fastrand::u32(..));
    let body = json!({
        "cohort_name": "Muster test message",
        "cohort_id": "muster-test",
        "in_cohort": true,
        "computed_time": second.to_string(),
        "message_id": id,
        "users": [],
    });
    let entry = PutRecordsRequestEntry::builder()
        .data(Blob::new(body.to_string()))
        .partition_key(PartitionKey::of(&id).to_string())
        .build()
        .map_err(|error| Fault::bug(&error))?;
    Ok((id, entry))
}

fn shard(answer: &PutRecordsOutput) -> &str {
    let entry = answer.records().first();
    entry
        .and_then(|entry| entry.shard_id())
        .unwrap_or("the stream")
}

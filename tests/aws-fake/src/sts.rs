//! STS: sessions of roles.

use std::time::Duration;

use jiff::{Timestamp, Unit};

use crate::account::{ACCOUNT, Account, CHAINED_SECONDS};
use crate::answer::{FakeAnswer, FakeRefusal, escape, xml};
use crate::call::{Api, ReceivedCall};
use crate::policy::Policy;

/// The shortest session. STS: 900 s.
const SHORTEST_SECONDS: i64 = 900;

/// The longest session policy. STS: 2,048 characters.
const POLICY_CHARACTERS: usize = 2_048;

pub(crate) fn answer(
    account: &mut Account,
    call: &ReceivedCall,
) -> Result<FakeAnswer, FakeRefusal> {
    match call.action.as_str() {
        "AssumeRole" => assume_role(account, call),
        "GetCallerIdentity" => identity(account, call),
        other => Err(FakeRefusal::new(
            400,
            "InvalidAction",
            format!("Could not find operation {other}"),
        )),
    }
}

fn invalid(message: &str) -> FakeRefusal {
    FakeRefusal::new(400, "ValidationError", message)
}

fn assume_role(account: &mut Account, call: &ReceivedCall) -> Result<FakeAnswer, FakeRefusal> {
    let field = |name: &str| call.field(name);
    let arn = field("RoleArn").ok_or_else(|| invalid("RoleArn is missing"))?;
    let name = field("RoleSessionName").unwrap_or_default();
    let named =
        |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    if !(2..=64).contains(&name.len()) || !name.chars().all(named) {
        return Err(invalid("RoleSessionName is not valid"));
    }
    let caller = account.allow(call, "sts:AssumeRole", &arn)?;
    let role = account
        .roles
        .get(&arn)
        .filter(|role| Account::trusts(role, &caller.arn, field("ExternalId").as_deref()));
    // STS answers the same for a role that does not exist as for one that does not trust.
    let Some(role) = role.cloned() else {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            caller.arn
        );
        return Err(FakeRefusal::new(403, "AccessDenied", message));
    };
    let seconds = field("DurationSeconds").map_or(Ok(3_600), |text| text.parse::<i64>());
    let seconds = seconds.map_err(|_| invalid("DurationSeconds is not a number"))?;
    let longest = match caller.session {
        Some(_) => CHAINED_SECONDS,
        None => i64::try_from(role.longest_session.as_secs()).unwrap(),
    };
    if !(SHORTEST_SECONDS..=longest).contains(&seconds) {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let mut policies = vec![role.policy];
    if let Some(text) = field("Policy") {
        if text.len() > POLICY_CHARACTERS {
            return Err(FakeRefusal::new(
                400,
                "PackedPolicyTooLarge",
                "the policy is too large",
            ));
        }
        let malformed =
            || FakeRefusal::new(400, "MalformedPolicyDocument", "This policy is malformed");
        policies.push(Policy::parse(&text).ok_or_else(malformed)?);
    }
    let end = account.now() + Duration::from_secs(seconds.unsigned_abs());
    let role_name = arn.rsplit('/').next().unwrap_or_default();
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role_name}/{name}");
    let (key, token) = account.add_session(session.clone(), policies, end);
    let result = format!(
        "<AssumedRoleUser><Arn>{session}</Arn><AssumedRoleId>AROAFAKE:{name}</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret-{key}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{}</Expiration></Credentials>",
        iso(end)
    );
    Ok(xml(Api::Sts, "AssumeRole", &result))
}

fn identity(account: &Account, call: &ReceivedCall) -> Result<FakeAnswer, FakeRefusal> {
    let caller = account.caller(call)?;
    let arn = escape(&caller.arn);
    let result = format!("<Arn>{arn}</Arn><UserId>AIDAFAKE</UserId><Account>{ACCOUNT}</Account>");
    Ok(xml(Api::Sts, "GetCallerIdentity", &result))
}

/// Writes an instant in whole seconds, as STS does.
fn iso(instant: Timestamp) -> String {
    let whole = instant.round(Unit::Second).unwrap_or(instant);
    whole.to_string()
}

//! The account: users, roles, sessions, streams, and the state of the fake.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use crate::answer::FakeRefusal;
use crate::call::{Api, ReceivedCall};
use crate::faults::Faults;
use crate::policy::{Decision, Policy, Statement, matches};
use crate::stream::{FakeStream, Stream};

/// The number of the account.
pub const ACCOUNT: &str = "123456789012";

/// The access key of the user that each fake has.
pub const USER_KEY: &str = "AKIABASEBASEBASEBASE";

/// The ARN of the user that each fake has.
pub const USER_ARN: &str = "arn:aws:iam::123456789012:user/muster";

/// The longest session of a role that another role assumes. STS: an hour.
pub(crate) const CHAINED_SECONDS: i64 = 3_600;

/// A role.
#[derive(Clone, Debug)]
pub struct FakeRole {
    /// Its ARN.
    pub arn: String,
    /// The trust policy.
    pub trust: Trust,
    /// The permission policy.
    pub policy: Policy,
    /// The longest session. IAM: an hour, if it is not set, and 12 at most.
    pub longest_session: Duration,
}

/// The trust policy of a role.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The ARNs of who may assume the role, with `*` for any text.
    pub principals: Vec<String>,
    /// The ExternalId that it asks for, if any.
    pub external_id: Option<String>,
}

impl FakeRole {
    /// Makes the role `muster`, as Muster's pages describe it, for the stream `cohorts`.
    pub fn muster() -> Self {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/muster");
        let stream = format!("arn:aws:kinesis:*:{ACCOUNT}:stream/cohorts");
        Self {
            trust: Trust {
                principals: vec![USER_ARN.to_owned()],
                external_id: Some("a-secret".to_owned()),
            },
            policy: Policy(vec![
                Statement::allow(&["kinesis:PutRecord", "kinesis:PutRecords"], &stream),
                Statement::allow(&["iam:SimulatePrincipalPolicy"], &arn),
            ]),
            longest_session: Duration::from_secs(3_600),
            arn,
        }
    }
}

/// The owner of an access key.
#[derive(Clone, Debug)]
pub(crate) struct FakeCaller {
    pub(crate) arn: String,
    /// The policies that must all allow an action.
    pub(crate) policies: Vec<Policy>,
    /// The token and the end, if the caller is a session.
    pub(crate) session: Option<(String, Timestamp)>,
}

/// The state of the fake.
pub(crate) struct Account {
    callers: HashMap<String, FakeCaller>,
    pub(crate) roles: BTreeMap<String, FakeRole>,
    pub(crate) streams: BTreeMap<String, Stream>,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<ReceivedCall>,
    ahead: Duration,
    sessions: u64,
}

impl Account {
    pub(crate) fn new() -> Self {
        let mut account = Self {
            callers: HashMap::new(),
            roles: BTreeMap::new(),
            streams: BTreeMap::new(),
            faults: Faults::default(),
            calls: Vec::new(),
            ahead: Duration::ZERO,
            sessions: 0,
        };
        account.add_user(USER_KEY, USER_ARN, Policy::everything());
        account
    }

    pub(crate) fn add_user(&mut self, key: &str, arn: &str, policy: Policy) {
        let caller = FakeCaller {
            arn: arn.to_owned(),
            policies: vec![policy],
            session: None,
        };
        self.callers.insert(key.to_owned(), caller);
    }

    pub(crate) fn add_role(&mut self, role: FakeRole) {
        self.roles.insert(role.arn.clone(), role);
    }

    pub(crate) fn add_stream(&mut self, name: &str, settings: FakeStream) {
        self.streams.insert(name.to_owned(), Stream::new(settings));
    }

    pub(crate) fn stream(&mut self, name: &str) -> &mut Stream {
        let stream = self.streams.get_mut(name);
        stream.unwrap_or_else(|| panic!("no stream `{name}`"))
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        self.ahead += time;
    }

    /// Returns the clock of sessions.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + self.ahead
    }

    /// Adds a session, and returns its key and token.
    pub(crate) fn add_session(
        &mut self,
        arn: String,
        policies: Vec<Policy>,
        end: Timestamp,
    ) -> (String, String) {
        self.sessions += 1;
        let (key, token) = (
            format!("ASIA{:016}", self.sessions),
            format!("token-{}", self.sessions),
        );
        let caller = FakeCaller {
            arn,
            policies,
            session: Some((token.clone(), end)),
        };
        self.callers.insert(key.clone(), caller);
        (key, token)
    }

    /// Returns who signed a call.
    pub(crate) fn caller(&self, call: &ReceivedCall) -> Result<FakeCaller, FakeRefusal> {
        let json = call.api == Api::Kinesis;
        let invalid = || {
            let message = "The security token included in the request is invalid.";
            match json {
                true => FakeRefusal::new(400, "UnrecognizedClientException", message),
                false => FakeRefusal::new(403, "InvalidClientTokenId", message),
            }
        };
        let caller = self.callers.get(&call.key).ok_or_else(invalid)?;
        if let Some((token, end)) = &caller.session {
            if call.token.as_ref() != Some(token) {
                return Err(invalid());
            }
            if self.now() >= *end {
                let message = "The security token included in the request is expired";
                return Err(match json {
                    true => FakeRefusal::new(400, "ExpiredTokenException", message),
                    false => FakeRefusal::new(403, "ExpiredToken", message),
                });
            }
        }
        Ok(caller.clone())
    }

    /// Refuses a caller that may not act on a resource.
    pub(crate) fn allow(
        &self,
        call: &ReceivedCall,
        action: &str,
        resource: &str,
    ) -> Result<FakeCaller, FakeRefusal> {
        let caller = self.caller(call)?;
        let denied = caller
            .policies
            .iter()
            .map(|policy| policy.decide(action, resource))
            .position(|decision| decision != Decision::Allowed);
        let why = match denied {
            None => return Ok(caller),
            Some(0) => "no identity-based policy",
            Some(_) => "no session policy",
        };
        let message = format!(
            "User: {} is not authorized to perform: {action} on resource: {resource} because {why} allows the {action} action",
            caller.arn
        );
        Err(match call.api {
            Api::Kinesis => FakeRefusal::new(400, "AccessDeniedException", message),
            Api::Sts | Api::Iam => FakeRefusal::new(403, "AccessDenied", message),
        })
    }

    /// Returns true if a role trusts a caller with this ExternalId.
    pub(crate) fn trusts(role: &FakeRole, caller: &str, external_id: Option<&str>) -> bool {
        let root = format!("arn:aws:iam::{ACCOUNT}:root");
        let mut principals = role.trust.principals.iter();
        let named = principals.any(|pattern| matches(pattern, caller) || *pattern == root);
        let wanted = role.trust.external_id.as_deref();
        named && (wanted.is_none() || wanted == external_id)
    }
}

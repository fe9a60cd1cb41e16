//! A fake of AWS for tests: Kinesis, STS and IAM over real HTTP, with the limits, permissions and
//! faults that emulators lack.
//!
//! The fake runs on threads of its own, so that any client in any process may use it. It checks
//! which access key signed a request, and the key's permissions. It does not check signatures.
//!
//! | file | contents |
//! |---|---|
//! | `server.rs` | connections, and the faults that end them |
//! | `faults.rs` | faults on demand: which calls, when, how |
//! | `account.rs` | users, roles, sessions and streams of one account |
//! | `call.rs`, `answer.rs` | a request, and the forms of answers |
//! | `sts.rs` | AssumeRole, GetCallerIdentity |
//! | `iam.rs`, `policy.rs` | SimulatePrincipalPolicy, and the evaluation of policies |
//! | `kinesis.rs`, `put.rs`, `read.rs` | the operations on streams |
//! | `stream.rs`, `limits.rs` | shards, and what they take in a second |
//!
//! | operation | rules |
//! |---|---|
//! | AssumeRole | trust, ExternalId, durations, session policy, chained sessions, expiry |
//! | PutRecord, PutRecords | 1 to 500 entries, 10 MiB a call, 1 MiB a record, keys counted; rates |
//! | ListShards, GetShardIterator, GetRecords, DescribeStreamSummary, CreateStream | reading back |
//! | SimulatePrincipalPolicy | the decisions of the role's own policy |
//! | GetCallerIdentity | the user or session of the access key |

mod account;
mod answer;
mod call;
mod faults;
mod iam;
mod kinesis;
mod limits;
mod policy;
mod put;
mod read;
mod server;
mod stream;
mod sts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use account::Account;
pub use account::{ACCOUNT, FakeRole, Trust, USER_ARN, USER_KEY};
pub use call::ReceivedCall;
pub use faults::{FakeFault, FaultKind, FaultMoment, MalformedAnswer};
pub use limits::ShardLimits;
pub use policy::{Policy, Statement};
pub use stream::{EncryptionKey, FakeStream, StoredRecord};

/// A running fake. It ends when the value is dropped.
pub struct AwsFake {
    address: SocketAddr,
    account: Arc<Mutex<Account>>,
    listening: watch::Sender<bool>,
    _end: oneshot::Sender<()>,
}

impl AwsFake {
    /// Starts a fake with one user, [`USER_KEY`], who may do everything, and no stream or role.
    #[expect(clippy::new_without_default, reason = "a default starts no thread")]
    pub fn new() -> Self {
        let account = Arc::new(Mutex::new(Account::new()));
        let (listening, wanted) = watch::channel(true);
        let (end, ended) = oneshot::channel();
        let address = server::start(Arc::clone(&account), wanted, ended);
        Self {
            address,
            account,
            listening,
            _end: end,
        }
    }

    /// Starts a fake with the stream `cohorts` in `eu-west-1` and the role `muster`, which the user
    /// may assume with the ExternalId `a-secret`, and which may do what Muster's page asks for.
    pub fn with_stream(settings: FakeStream) -> Self {
        let fake = Self::new();
        fake.add_role(FakeRole::muster());
        fake.add_stream("cohorts", settings);
        fake
    }

    /// Returns the address of all services.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a user with an access key, an ARN and permissions.
    pub fn add_user(&self, key: &str, arn: &str, policy: Policy) {
        self.account.lock().add_user(key, arn, policy);
    }

    /// Adds a role, or replaces the role of the same ARN.
    pub fn add_role(&self, role: FakeRole) {
        self.account.lock().add_role(role);
    }

    /// Adds a stream.
    pub fn add_stream(&self, name: &str, settings: FakeStream) {
        self.account.lock().add_stream(name, settings);
    }

    /// Deletes a stream with its records.
    pub fn delete_stream(&self, name: &str) {
        self.account.lock().streams.remove(name);
    }

    /// Replaces the limits of a shard of a stream, as if other producers took the rest.
    pub fn limit_shard(&self, stream: &str, shard: usize, limits: ShardLimits) {
        self.account
            .lock()
            .stream(stream)
            .limit_shard(shard, limits);
    }

    /// Adds a fault. Of several faults for one call, the first added applies.
    pub fn add_fault(&self, fault: FakeFault) {
        self.account.lock().faults.add(fault);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.account.lock().faults.clear();
    }

    /// Refuses connections and resets open ones, until [`Self::listen_again`].
    pub fn refuse_connections(&self) {
        self.listening.send_replace(false);
    }

    /// Accepts connections again, at the same address.
    pub fn listen_again(&self) {
        self.listening.send_replace(true);
    }

    /// Moves the clock of sessions on, so that they expire earlier.
    pub fn advance(&self, time: Duration) {
        self.account.lock().advance(time);
    }

    /// Returns the records of a stream in the order in which they were stored.
    pub fn records(&self, stream: &str) -> Vec<StoredRecord> {
        self.account.lock().stream(stream).records()
    }

    /// Returns the shard of a partition key.
    pub fn shard_of(&self, stream: &str, partition_key: &str) -> usize {
        let mut account = self.account.lock();
        account
            .stream(stream)
            .shard_of(partition_key, None)
            .unwrap()
    }

    /// Returns the number of entries of a stream that its shards refused because of their rate.
    pub fn throttled(&self, stream: &str) -> u64 {
        self.account.lock().stream(stream).throttled
    }

    /// Returns the calls of an action so far, `PutRecords` or `AssumeRole`, also those with faults.
    pub fn calls(&self, action: &str) -> Vec<ReceivedCall> {
        let account = self.account.lock();
        let calls = account.calls.iter();
        calls
            .filter(|call| call.action == action)
            .cloned()
            .collect()
    }
}

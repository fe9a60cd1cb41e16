//! Sends messages to a Kinesis stream.
//!
//! | file | contents |
//! |---|---|
//! | `key.rs` | the partition key of a message |
//! | `response.rs` | the failed entries of an answer |
//! | `fault.rs` | the errors of whole calls |
//! | `check.rs` | the check of a stream, step by step |

pub(crate) mod check;
mod fault;
mod key;
mod response;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use muster_aws::Access;
use muster_store::Outgoing;
use tokio::sync::Mutex;

use crate::batch::CallLimits;
use crate::destination::KinesisSettings;
use crate::error::Cause;
use crate::sink::{CallAnswer, CallFailure, Sink};
use fault::{Class, Fault};
use key::PartitionKey;

/// Kinesis: PutRecords takes at most 500 entries.
const CALL_RECORDS: usize = 500;

/// Kinesis: PutRecords takes at most 10 MiB, keys counted.
const CALL_BYTES: usize = 10 << 20;

/// Kinesis: a record takes at most 1 MiB of data and key, unless the stream's owner raised the
/// limit (up to 10 MiB). The engine packs messages of 24 KiB, so the usual limit is ample.
pub const MAX_RECORD: usize = 1 << 20;

/// The part of [`CALL_BYTES`] that a call uses: 1 MB, which one shard takes in a second. A larger
/// call would be throttled by the smallest stream. A call of 1 MB takes only tens of milliseconds,
/// so larger streams are kept busy too.
const CALL_SHARE: usize = 1_000_000;

/// The most calls under way. A call of 1 MB takes some 100 ms, so that 16 of them are 160 MB/s.
const CALLS: usize = 16;

const _: () = assert!(
    CALL_SHARE <= CALL_BYTES && MAX_RECORD <= CALL_BYTES,
    "a call of one record or of many keeps the limit"
);

/// An open stream.
pub(crate) struct KinesisSink {
    /// The destination's name.
    name: String,
    settings: KinesisSettings,
    connection: Mutex<StreamConnection>,
}

/// The client that all calls share.
#[derive(Clone)]
struct StreamConnection {
    client: Client,
    /// The number of clients so far.
    number: u64,
    /// Set if the credentials were built anew and nothing was delivered since.
    renewed: bool,
}

impl KinesisSink {
    /// Determines region and credentials. Makes no call to the stream or to STS yet.
    pub(crate) async fn open(name: &str, settings: &KinesisSettings) -> Result<Self, Cause> {
        Ok(Self {
            name: name.to_owned(),
            settings: settings.clone(),
            connection: Mutex::new(StreamConnection {
                client: client(name, settings).await?,
                number: 0,
                renewed: false,
            }),
        })
    }

    async fn put(&self, client: &Client, messages: &[Outgoing]) -> Result<CallAnswer, Fault> {
        let entries = messages
            .iter()
            .map(|message| {
                PutRecordsRequestEntry::builder()
                    .data(Blob::new(message.body.clone()))
                    .partition_key(PartitionKey::of(&message.id).to_string())
                    .build()
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Fault::bug(&error))?;
        let answer = client
            .put_records()
            .stream_name(self.settings.stream_name.as_str())
            .set_records(Some(entries))
            .send()
            .await
            .map_err(|error| Fault::of(&error))?;
        Ok(CallAnswer {
            verdicts: response::verdicts(messages.len(), answer.records()),
            shards: response::shards(answer.records()),
        })
    }

    /// Returns a connection with new credentials after those of `used` have expired; `None` if they
    /// were renewed already. Of several calls under way, one renews them.
    async fn renew(
        &self,
        used: &StreamConnection,
    ) -> Result<Option<StreamConnection>, CallFailure> {
        let mut connection = self.connection.lock().await;
        if connection.number == used.number {
            if connection.renewed {
                return Ok(None);
            }
            connection.renewed = true;
            connection.client = client(&self.name, &self.settings)
                .await
                .map_err(CallFailure::Stop)?;
            connection.number += 1;
        }
        Ok(Some(connection.clone()))
    }

    /// Converts the error of a whole call into the drain's terms.
    fn failure(&self, fault: Fault) -> CallFailure {
        match fault.class() {
            Class::Throttled => CallFailure::Throttled(fault.reason),
            Class::Transient => CallFailure::Transient(fault.reason),
            Class::Expired | Class::Denied => CallFailure::Stop(Cause::Denied {
                hint: fault.hint(self.settings.role.is_some()),
                reason: fault.reason,
            }),
            Class::Misconfigured => CallFailure::Stop(Cause::Misconfigured {
                hint: fault.hint(self.settings.role.is_some()),
                reason: fault.reason,
            }),
            Class::Poison => CallFailure::Refused(fault.reason),
        }
    }
}

/// Returns a client that may write to the stream.
async fn client(name: &str, settings: &KinesisSettings) -> Result<Client, Cause> {
    match muster_aws::connect(name, settings, Access::Write).await {
        Ok((client, _)) => Ok(client),
        Err(error) => Err(Cause::Misconfigured {
            reason: error.to_string(),
            hint: "set the destination's `region`, or AWS_REGION",
        }),
    }
}

impl Sink for KinesisSink {
    fn limits(&self) -> CallLimits {
        CallLimits {
            messages: CALL_RECORDS,
            bytes: CALL_SHARE,
            overhead: PartitionKey::LENGTH,
            calls: CALLS,
        }
    }

    fn takes_turns(&self) -> bool {
        true
    }

    fn refuses(&self, message: &Outgoing) -> Option<String> {
        let size = message.body.len() + PartitionKey::LENGTH;
        (size > MAX_RECORD).then(|| {
            format!("it has {size} bytes with its key, and Kinesis takes {MAX_RECORD} a record")
        })
    }

    async fn send(&self, messages: &[Outgoing]) -> Result<CallAnswer, CallFailure> {
        let mut connection = self.connection.lock().await.clone();
        let mut result = self.put(&connection.client, messages).await;
        // The SDK neither retries nor refreshes on ExpiredToken; a new client has new credentials.
        if let Err(fault) = &result
            && fault.class() == Class::Expired
            && let Some(renewed) = self.renew(&connection).await?
        {
            connection = renewed;
            result = self.put(&connection.client, messages).await;
        }
        let answer = result.map_err(|fault| self.failure(fault))?;
        let mut current = self.connection.lock().await;
        if current.number == connection.number {
            current.renewed = false;
        }
        Ok(answer)
    }
}

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

use crate::batch::CallLimits;
use crate::destination::KinesisSettings;
use crate::error::Cause;
use crate::sink::{CallFailure, Sink, Verdict};
use fault::{Class, Fault};
use key::PartitionKey;

/// Kinesis: PutRecords takes at most 500 entries.
const CALL_RECORDS: usize = 500;

/// Kinesis: PutRecords takes at most 10 MiB, keys counted.
const CALL_BYTES: usize = 10 << 20;

/// Kinesis: a record takes at most 1 MiB of data and key, unless the stream's owner raised the
/// limit (up to 10 MiB). The engine packs messages of 24 KiB, so the usual limit is ample.
const RECORD_BYTES: usize = 1 << 20;

/// The part of [`CALL_BYTES`] that a call uses: 1 MB, which one shard takes in a second. A larger
/// call would be throttled by the smallest stream. A call of 1 MB takes only tens of milliseconds,
/// so larger streams are kept busy too.
const CALL_SHARE: usize = 1_000_000;

const _: () = assert!(
    CALL_SHARE <= CALL_BYTES && RECORD_BYTES <= CALL_BYTES,
    "a call of one record or of many keeps the limit"
);

/// An open stream.
pub(crate) struct KinesisSink {
    /// The destination's name.
    name: String,
    settings: KinesisSettings,
    client: Client,
    /// Set if the credentials were built anew and nothing was delivered since.
    renewed: bool,
}

impl KinesisSink {
    /// Determines region and credentials. Makes no call to the stream or to STS yet.
    pub(crate) async fn open(name: &str, settings: &KinesisSettings) -> Result<Self, Cause> {
        Ok(Self {
            name: name.to_owned(),
            settings: settings.clone(),
            client: client(name, settings).await?,
            renewed: false,
        })
    }

    async fn put(&self, messages: &[Outgoing]) -> Result<Vec<Verdict>, Fault> {
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
        let answer = self
            .client
            .put_records()
            .stream_name(self.settings.stream_name.as_str())
            .set_records(Some(entries))
            .send()
            .await
            .map_err(|error| Fault::of(&error))?;
        Ok(response::verdicts(messages.len(), answer.records()))
    }

    /// Converts the error of a whole call into the drain's terms.
    fn failure(&self, fault: Fault, messages: &[Outgoing]) -> Result<Vec<Verdict>, CallFailure> {
        match fault.class() {
            Class::Throttled => Err(CallFailure::Throttled(fault.reason)),
            Class::Transient => Err(CallFailure::Transient(fault.reason)),
            Class::Expired | Class::Denied => Err(CallFailure::Stop(Cause::Denied {
                hint: fault.hint(self.settings.role.is_some()),
                reason: fault.reason,
            })),
            Class::Misconfigured => Err(CallFailure::Stop(Cause::Misconfigured {
                hint: fault.hint(self.settings.role.is_some()),
                reason: fault.reason,
            })),
            // A call of one message leaves no doubt which message is at fault.
            Class::Poison if messages.len() == 1 => Ok(vec![Verdict::Poison(fault.reason)]),
            Class::Poison => Err(CallFailure::Stop(Cause::Misconfigured {
                reason: format!(
                    "{} (in a call of {} messages, `{}` and on)",
                    fault.reason,
                    messages.len(),
                    messages.first().map_or("", |message| message.id.as_str()),
                ),
                hint: "Kinesis refuses one of these messages, or the call itself; the backlog is kept",
            })),
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
        }
    }

    fn refuses(&self, message: &Outgoing) -> Option<String> {
        let size = message.body.len() + PartitionKey::LENGTH;
        (size > RECORD_BYTES).then(|| {
            format!("it has {size} bytes with its key, and Kinesis takes {RECORD_BYTES} a record")
        })
    }

    async fn send(&mut self, messages: &[Outgoing]) -> Result<Vec<Verdict>, CallFailure> {
        let mut result = self.put(messages).await;
        if let Err(fault) = &result
            && fault.class() == Class::Expired
            && !self.renewed
        {
            // The SDK neither retries nor refreshes on ExpiredToken; a new client has new
            // credentials.
            self.renewed = true;
            self.client = client(&self.name, &self.settings)
                .await
                .map_err(CallFailure::Stop)?;
            result = self.put(messages).await;
        }
        match result {
            Ok(verdicts) => {
                self.renewed = false;
                Ok(verdicts)
            }
            Err(fault) => self.failure(fault, messages),
        }
    }
}

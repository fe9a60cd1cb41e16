//! A client of the stream, made anew when its credentials have expired, and the three calls that
//! reading takes.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Shard, ShardIteratorType};
use muster_aws::{Access, NoRegion, StreamSettings};
use tokio::sync::RwLock;

use super::position::ShardPosition;

/// Kinesis: GetRecords gives at most 10,000 records.
pub(super) const CALL_RECORDS: i32 = 10_000;

/// Kinesis: a shard takes 5 GetRecords a second, from all its readers.
pub(super) const APART: Duration = Duration::from_millis(250);

pub(super) struct KinesisConnection {
    stream: StreamSettings,
    client: RwLock<Client>,
}

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// The iterator is older than five minutes.
    Expired,
    /// The shard is asked too often, or for too much.
    Throttled,
    /// The position is none of the shard's: most likely its records are older than the stream
    /// keeps.
    NoSuchPosition(String),
    /// Anything else.
    Other(String),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Expired => f.write_str("the iterator has expired"),
            Self::Throttled => f.write_str("throttled"),
            Self::NoSuchPosition(why) | Self::Other(why) => f.write_str(why),
        }
    }
}

impl KinesisConnection {
    /// Connects, and tells what of the stream's place belongs to its name.
    pub(super) async fn new(stream: StreamSettings) -> Result<(Self, String), NoRegion> {
        let (client, region) = connect(&stream).await?;
        let endpoint = stream.endpoint_url.as_ref().map(ToString::to_string);
        let place = endpoint.unwrap_or_else(|| region.to_string());
        let client = RwLock::new(client);
        Ok((Self { stream, client }, place))
    }

    /// All shards that the stream still has records of.
    pub(super) async fn list(&self) -> Result<Vec<Shard>, ReadError> {
        let mut shards = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let call = self.client.read().await.list_shards();
            let call = match &next {
                Some(token) => call.next_token(token),
                None => call.stream_name(self.stream.stream_name.as_str()),
            };
            let answer = match call.send().await {
                Ok(answer) => answer,
                Err(error) => return Err(self.fault(&error).await),
            };
            shards.extend(answer.shards.unwrap_or_default());
            next = answer.next_token;
            if next.is_none() {
                return Ok(shards);
            }
        }
    }

    /// An iterator from a position on.
    pub(super) async fn iterator(
        &self,
        shard: &str,
        position: &ShardPosition,
    ) -> Result<Option<String>, ReadError> {
        let call = self.client.read().await.get_shard_iterator();
        let call = call
            .stream_name(self.stream.stream_name.as_str())
            .shard_id(shard);
        let call = match position {
            ShardPosition::Horizon | ShardPosition::Ended => {
                call.shard_iterator_type(ShardIteratorType::TrimHorizon)
            }
            ShardPosition::At(instant) => call
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(instant.0)),
            ShardPosition::After(sequence) => call
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(sequence),
        };
        match call.send().await {
            Ok(answer) => Ok(answer.shard_iterator),
            // Of another position it means something else: an instant that has not come yet by
            // Kinesis's clock, for one.
            Err(error)
                if matches!(position, ShardPosition::After(_))
                    && code(&error) == Some("InvalidArgumentException") =>
            {
                Err(ReadError::NoSuchPosition(describe(&error)))
            }
            Err(error) => Err(self.fault(&error).await),
        }
    }

    pub(super) async fn records(&self, iterator: &str) -> Result<GetRecordsOutput, ReadError> {
        let call = self.client.read().await.get_records();
        let call = call.shard_iterator(iterator).limit(CALL_RECORDS);
        match call.send().await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.fault(&error).await),
        }
    }

    /// Tells the faults apart by their codes. Expired credentials are neither retried nor refreshed
    /// by the SDK: a fresh client has fresh ones.
    async fn fault<E, R>(&self, error: &SdkError<E, R>) -> ReadError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug,
    {
        match code(error) {
            Some("ExpiredIteratorException") => ReadError::Expired,
            Some(
                "ProvisionedThroughputExceededException"
                | "LimitExceededException"
                | "ThrottlingException",
            ) => ReadError::Throttled,
            Some("ExpiredTokenException" | "ExpiredToken") => {
                if let Ok((client, _)) = connect(&self.stream).await {
                    *self.client.write().await = client;
                }
                ReadError::Other(describe(error))
            }
            _ => ReadError::Other(describe(error)),
        }
    }
}

async fn connect(
    stream: &StreamSettings,
) -> Result<(Client, impl std::fmt::Display + use<>), NoRegion> {
    muster_aws::connect(stream.stream_name.as_str(), stream, Access::Read).await
}

/// What the service said, without the request's id: what is the same trouble as before is to read
/// the same.
fn describe<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let message = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::message);
    match code(error) {
        Some(code) => format!("{code}: {}", message.unwrap_or("no reason given")),
        None => DisplayErrorContext(error).to_string(),
    }
}

/// What the service calls the error.
fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

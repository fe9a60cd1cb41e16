//! A client of the stream that is replaced when its credentials have expired, and the three calls
//! that reading needs.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Shard, ShardIteratorType};
use muster_aws::{
    Access, NO_CREDENTIALS, NoRegion, SET_CREDENTIALS, StreamSettings, lacks_credentials,
};
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

/// The reason why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// The iterator is older than five minutes.
    Expired,
    /// The shard gets too many calls, or calls for too much data.
    Throttled,
    /// The shard does not have the position: most likely its records are older than the stream's
    /// retention.
    NoSuchPosition(String),
    /// Any other error.
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
    /// Connects, and returns the part of the stream's address that belongs to its name in the
    /// store.
    pub(super) async fn new(stream: StreamSettings) -> Result<(Self, String), NoRegion> {
        let (client, region) = connect(&stream).await?;
        let endpoint = stream.endpoint_url.as_ref().map(ToString::to_string);
        let place = endpoint.unwrap_or_else(|| region.to_string());
        let client = RwLock::new(client);
        Ok((Self { stream, client }, place))
    }

    /// Returns all shards that the stream still has records of.
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

    /// Returns an iterator that begins at a position.
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
            // For other positions the code has other reasons, such as an instant that lies in the
            // future by Kinesis's clock.
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

    /// Classifies a failed call by its code. The SDK neither retries nor refreshes expired
    /// credentials, so the connection gets a new client.
    async fn fault<E, R>(&self, error: &SdkError<E, R>) -> ReadError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
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

/// Returns the error text of the service without the request's id, so that the same error always
/// reads the same.
fn describe<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let message = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::message);
    match code(error) {
        Some(code) => format!("{code}: {}", message.unwrap_or("no reason given")),
        None if lacks_credentials(error) => format!("{NO_CREDENTIALS}: {SET_CREDENTIALS}"),
        None => DisplayErrorContext(error).to_string(),
    }
}

/// Returns the error code of the service.
fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

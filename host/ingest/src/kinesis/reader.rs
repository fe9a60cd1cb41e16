//! Reads one shard from its position on.

use std::sync::Arc;

use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::types::Shard;
use muster_model::Millis;
use muster_store::{SourceKey, StoreError};
use muster_tasks::blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::{APART, ReadError};
use super::position::ShardPosition;
use super::records::decode;
use super::{ShardReport, StreamState, backoff};
use crate::DecodeContext;
use crate::error::with_causes;

/// The way in which reading a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShardEnd {
    /// The shard is read to its end and will get no more records.
    ToTheEnd,
    /// The reader was cancelled.
    Stopped,
}

pub(super) struct ShardReader {
    shared: Arc<StreamState>,
    shard: String,
    key: SourceKey,
    position: ShardPosition,
    iterator: Option<String>,
    failures: u32,
}

impl ShardReader {
    pub(super) fn new(shared: Arc<StreamState>, shard: &Shard) -> Result<Self, StoreError> {
        let key = shared.key(&shard.shard_id)?;
        let position = match shared.position(&shard.shard_id)? {
            Some(position) => position,
            None => shared.beginning(shard)?,
        };
        Ok(Self {
            position,
            iterator: None,
            failures: 0,
            shared,
            shard: shard.shard_id.clone(),
            key,
        })
    }

    pub(super) async fn run(mut self) -> (String, ShardEnd) {
        let cancel = self.shared.cancel.clone();
        while !cancel.is_cancelled() {
            let begun = Instant::now();
            let next = match self.step(&cancel).await {
                _ if cancel.is_cancelled() => break,
                Ok(true) => return (self.shard, ShardEnd::ToTheEnd),
                Ok(false) => begun + APART,
                Err(fault) => {
                    self.failed(&fault);
                    Instant::now() + backoff(self.failures)
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = cancel.cancelled() => {}
            }
        }
        (self.shard, ShardEnd::Stopped)
    }

    /// Makes one call and one commit. Returns true if the shard has ended. On cancellation a call
    /// under way is dropped, because its records are not stored yet and can be read again; a commit
    /// under way is completed.
    async fn step(&mut self, cancel: &CancellationToken) -> Result<bool, ReadError> {
        let shared = Arc::clone(&self.shared);
        let iterator = match self.iterator.take() {
            Some(iterator) => Some(iterator),
            None => {
                let call = shared.connection.iterator(&self.shard, &self.position);
                match cancel.run_until_cancelled(call).await {
                    Some(iterator) => iterator?,
                    None => return Ok(false),
                }
            }
        };
        let Some(iterator) = iterator else {
            return self.store(Vec::new(), true).await;
        };
        let call = async {
            let permit = shared.in_flight.acquire().await;
            (permit, shared.connection.records(&iterator).await)
        };
        let Some((_permit, answer)) = cancel.run_until_cancelled(call).await else {
            return Ok(false);
        };
        let answer = answer?;
        let GetRecordsOutput {
            records,
            next_shard_iterator,
            millis_behind_latest,
            ..
        } = answer;
        let ended = next_shard_iterator.is_none();
        let ended = self.store(records, ended).await?;
        // The iterator moves on only after the records are stored: if storing fails, they are read
        // again from the position.
        self.iterator = next_shard_iterator;
        self.failures = 0;
        shared.report(
            &self.shard,
            ShardReport {
                behind: millis_behind_latest.unwrap_or(0),
                trouble: None,
            },
        );
        Ok(ended)
    }

    /// Stores records together with the position behind them.
    async fn store(
        &mut self,
        records: Vec<aws_sdk_kinesis::types::Record>,
        ended: bool,
    ) -> Result<bool, ReadError> {
        let position = match records.last() {
            _ if ended => ShardPosition::Ended,
            Some(last) => ShardPosition::After(last.sequence_number.clone()),
            None => return Ok(false),
        };
        let (shared, shard) = (Arc::clone(&self.shared), self.shard.clone());
        let (key, bytes) = (self.key.clone(), position.encode());
        let stored = blocking(move || {
            let context = DecodeContext {
                store: Some(&shared.store),
                placeholder_ids: shared.placeholder_ids,
            };
            let mut decoded = decode(&records, &context);
            for (sequence, why) in &decoded.malformed {
                tracing::warn!(stream = shared.name, shard, sequence, "skipped: {why}");
            }
            let stored = shared.store.append(&decoded.buffer, Some((&key, &bytes)));
            if let Ok(appended) = &stored {
                decoded.counts.left_out += appended.left_out;
                shared.stats.committed(&decoded.counts, Millis::now());
                if let Some((sequence, why)) = decoded.malformed.last() {
                    let skipped = format!("record {sequence} of {shard}: {why}");
                    shared.stats.skipped(skipped);
                }
            }
            stored.map(|_| ())
        });
        match stored.await {
            Ok(()) => {
                self.position = position;
                Ok(ended)
            }
            Err(error) => Err(ReadError::Other(with_causes(&error))),
        }
    }

    fn failed(&mut self, fault: &ReadError) {
        self.failures = self.failures.saturating_add(1);
        match fault {
            // The next attempt gets a new iterator from the position.
            ReadError::Expired => self.failures = 1,
            ReadError::Throttled => {
                tracing::debug!(stream = self.shared.name, shard = self.shard, "throttled")
            }
            ReadError::NoSuchPosition(why) => {
                tracing::error!(
                    stream = self.shared.name, shard = self.shard, position = ?self.position,
                    "the shard does not have this position any more, so records may be missing; reading continues at the oldest record: {why}"
                );
                self.position = ShardPosition::Horizon;
            }
            ReadError::Other(why) => self.shared.report_error(&self.shard, why),
        }
    }
}

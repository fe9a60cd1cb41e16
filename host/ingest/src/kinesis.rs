//! Reads events from a Kinesis stream, in the export format: the vendor's own event stream, or any
//! other stream of such lines.
//!
//! | file | contents |
//! |---|---|
//! | `position.rs` | the position in a shard, as the store keeps it |
//! | `connection.rs` | a client that is replaced when its credentials have expired |
//! | `shards.rs` | the shards of a stream, and which may be read now |
//! | `reader.rs` | reading one shard from its position on |
//! | `records.rs` | decoding records into events |
//!
//! A shard's position is in the same commit as its events, so a restart neither skips nor repeats
//! events. Reading the children of a shard that was split or merged begins when that shard is read
//! to its end. So the records of one partition key stay in order.

mod aggregate;
mod connection;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod position;
mod reader;
mod records;
mod shards;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use muster_aws::{NoRegion, StreamName, StreamSettings};
use muster_model::{Backoff, EventBuffer, Millis};
use muster_store::{SourceKey, Store, StoreError};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::connection::KinesisConnection;
use self::position::ShardPosition;
use self::reader::{ShardEnd, ShardReader};
use crate::SourceStats;

/// The interval at which the source lists shards; it also lists them at once when a shard has
/// ended. Kinesis: ListShards takes 1,000 calls a second.
const RELIST: Duration = Duration::from_secs(10);

/// The most calls whose records are in memory at the same time. Kinesis: GetRecords gives at most
/// 10 MiB, so these are 160 MiB at most.
const IN_FLIGHT: usize = 16;

/// The first wait after a failure.
const RETRY: Duration = Duration::from_millis(500);

/// The longest wait after failures in a row.
const RETRY_MOST: Duration = Duration::from_secs(60);

/// A stream of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KinesisSource {
    /// The stream, and the role to read it under.
    pub stream: StreamSettings,
    /// The place to begin at if no position is stored.
    pub start: StreamStart,
    /// Keeps user ids that stand for no user ([`crate::DecodeContext::placeholder_ids`]).
    pub placeholder_ids: bool,
}

/// The place at which the first reading of a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStart {
    /// The oldest record that the stream still has.
    TrimHorizon,
    /// The place behind the newest record.
    Latest,
    /// The first record that the stream received at this instant or later.
    At(Millis),
}

/// A reason why a stream cannot be read at all. Passing errors are retried and shown in the stats
/// meanwhile.
#[derive(Debug, thiserror::Error)]
pub enum KinesisSourceError {
    /// The region of the stream is not known.
    #[error("no region is known for stream `{stream}`: set the source's `region`, or AWS_REGION")]
    NoRegion {
        /// The stream.
        stream: StreamName,
    },
    /// The store cannot keep the position or the events of the stream.
    #[error("cannot read stream `{stream}`")]
    Store {
        /// The stream.
        stream: String,
        /// The error of the store.
        source: StoreError,
    },
}

impl From<NoRegion> for KinesisSourceError {
    fn from(NoRegion { stream }: NoRegion) -> Self {
        Self::NoRegion { stream }
    }
}

/// Reads all shards of a stream until it is cancelled.
///
/// # Errors
/// See [`KinesisSourceError`].
pub async fn run_kinesis(
    store: Store,
    source: KinesisSource,
    stats: Arc<SourceStats>,
    cancel: CancellationToken,
) -> Result<(), KinesisSourceError> {
    let (connection, place) = KinesisConnection::new(source.stream.clone()).await?;
    let failed = |error| KinesisSourceError::Store {
        stream: source.stream.stream_name.to_string(),
        source: error,
    };
    let name = format!("kinesis:{place}/{}", source.stream.stream_name);
    let start = begin(&store, &name, source.start).map_err(failed)?;
    let shared = Arc::new(StreamState {
        store,
        connection,
        name,
        start,
        placeholder_ids: source.placeholder_ids,
        stats,
        cancel,
        in_flight: Semaphore::new(IN_FLIGHT),
        shards: Mutex::default(),
    });
    shared.run().await.map_err(failed)
}

/// Returns the place at which shards without a position begin. `latest` means the instant of the
/// first start, which is stored durably at once: a restart before the first record must not skip
/// records that arrived meanwhile.
fn begin(store: &Store, name: &str, start: StreamStart) -> Result<ShardPosition, StoreError> {
    match start {
        StreamStart::TrimHorizon => return Ok(ShardPosition::Horizon),
        StreamStart::At(instant) => return Ok(ShardPosition::At(instant)),
        StreamStart::Latest => {}
    }
    let key = SourceKey::new(name)?;
    if let Some(began) = store
        .position(&key)?
        .and_then(|bytes| ShardPosition::decode(&bytes))
    {
        return Ok(began);
    }
    let began = ShardPosition::At(Millis::now());
    store.append(&EventBuffer::default(), Some((&key, &began.encode())))?;
    Ok(began)
}

/// The state that the readers of all shards share.
struct StreamState {
    store: Store,
    connection: KinesisConnection,
    /// The store's name for the stream.
    name: String,
    start: ShardPosition,
    placeholder_ids: bool,
    stats: Arc<SourceStats>,
    cancel: CancellationToken,
    in_flight: Semaphore,
    shards: Mutex<BTreeMap<String, ShardReport>>,
}

/// The progress and the error of a shard.
#[derive(Clone, Debug, Default)]
struct ShardReport {
    behind: i64,
    trouble: Option<String>,
}

impl StreamState {
    async fn run(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut readers = JoinSet::new();
        let mut running = BTreeSet::new();
        let mut failures = 0_u32;
        while !self.cancel.is_cancelled() {
            match self.connection.list().await {
                Ok(all) => {
                    failures = 0;
                    self.report("", ShardReport::default());
                    for shard in self.readable(&all)? {
                        if running.insert(shard.shard_id.clone()) {
                            let reader = ShardReader::new(Arc::clone(self), shard)?;
                            readers.spawn(reader.run());
                        }
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.report_error("", &format!("its shards cannot be listed: {error}"));
                }
            }
            let wait = if failures > 0 {
                backoff(failures)
            } else {
                RELIST
            };
            tokio::select! {
                () = self.cancel.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
                Some(ended) = readers.join_next() => match ended {
                    Ok((shard, ShardEnd::ToTheEnd)) => {
                        tracing::info!(stream = self.name, shard, "read to its end: it was split or merged");
                        self.withdraw(&shard);
                    }
                    Ok((_, ShardEnd::Stopped)) => {}
                    Err(error) => if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    },
                },
            }
        }
        while readers.join_next().await.is_some() {}
        Ok(())
    }

    fn key(&self, shard: &str) -> Result<SourceKey, StoreError> {
        SourceKey::new(&format!("{}/{shard}", self.name))
    }

    fn position(&self, shard: &str) -> Result<Option<ShardPosition>, StoreError> {
        let Some(bytes) = self.store.position(&self.key(shard)?)? else {
            return Ok(None);
        };
        // A position that cannot be read must not count as none: the shard would be read a second
        // time.
        let position = ShardPosition::decode(&bytes).ok_or(StoreError::Corrupt {
            what: "the position of a shard of a stream",
        })?;
        Ok(Some(position))
    }

    /// Logs an error of a shard when it begins.
    fn report_error(&self, shard: &str, why: &str) {
        let mut shards = self.shards.lock();
        let report = shards.entry(shard.to_owned()).or_default();
        if report.trouble.as_deref() != Some(why) {
            tracing::error!(stream = self.name, shard, "{why}; trying again");
        }
        report.trouble = Some(why.to_owned());
        self.sum(&shards);
    }

    fn report(&self, shard: &str, report: ShardReport) {
        let mut shards = self.shards.lock();
        shards.insert(shard.to_owned(), report);
        self.sum(&shards);
    }

    fn withdraw(&self, shard: &str) {
        let mut shards = self.shards.lock();
        shards.remove(shard);
        self.sum(&shards);
    }

    /// Reports the lag of the slowest shard, and an error if one shard has one.
    fn sum(&self, shards: &BTreeMap<String, ShardReport>) {
        let behind = shards.values().map(|report| report.behind).max();
        self.stats.behind(behind.unwrap_or(0));
        let trouble = shards.iter().find_map(|(shard, report)| {
            let trouble = report.trouble.as_ref()?;
            Some(if shard.is_empty() {
                trouble.clone()
            } else {
                format!("{shard}: {trouble}")
            })
        });
        self.stats.set_error(trouble);
    }
}

/// Returns the wait after so many failures, with a random part, so that readers do not all retry at
/// once.
fn backoff(failures: u32) -> Duration {
    Backoff::new(RETRY, RETRY_MOST).spread(failures, fastrand::f64())
}

//! Events from a Kinesis stream, in the export format: the vendor's own event stream, or any other
//! that carries such lines.
//!
//! | file | |
//! |---|---|
//! | `position.rs` | how far a shard is, as the store keeps it |
//! | `connection.rs` | a client that is made anew when credentials have expired |
//! | `shards.rs` | which shards there are, and which may be read now |
//! | `reader.rs` | one shard, from its position on |
//! | `records.rs` | records into events |
//!
//! A shard's position is in the same commit as its events, so a restart neither skips nor doubles.
//! Children of a shard that was split or merged begin when it is read to its end: what has one
//! partition key stays in order.

mod connection;
mod position;
mod reader;
mod records;
mod shards;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_aws::{NoRegion, StreamSettings};
use muster_model::{EventBuffer, Millis};
use muster_store::{SourceKey, Store, StoreError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::connection::KinesisConnection;
use self::position::ShardPosition;
use self::reader::{ShardEnd, ShardReader};
use crate::SourceStats;

/// How often it is looked for new shards; at once when one has ended. Kinesis: ListShards takes
/// 1,000 calls a second.
const RELIST: Duration = Duration::from_secs(10);

/// Calls whose records are in memory at the same time. Kinesis: GetRecords gives at most 10 MiB, so
/// these are 160 MiB at most.
const IN_FLIGHT: usize = 16;

/// How long to wait after a failure, at first and at most; it doubles in between.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MOST: Duration = Duration::from_secs(60);

/// A stream of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KinesisSource {
    /// Which stream, and as whom.
    pub stream: StreamSettings,
    /// Where reading begins that never began before.
    pub start: StreamStart,
}

/// Where reading a stream begins that was never read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStart {
    /// The oldest record that the stream still has.
    TrimHorizon,
    /// Behind the newest record.
    Latest,
    /// The first record that the stream got at this instant or later.
    At(Millis),
}

/// Why a stream cannot be read at all. What may pass is tried again, and told in the stats
/// meanwhile.
#[derive(Debug, thiserror::Error)]
pub enum KinesisSourceError {
    /// It is not known where the stream is.
    #[error("{0}: set the source's `region`, or AWS_REGION")]
    NoRegion(#[from] NoRegion),
    /// The store cannot keep what it is to keep of the stream.
    #[error("cannot read stream `{stream}`: {source}")]
    Store {
        /// The stream.
        stream: String,
        /// What the store said.
        source: StoreError,
    },
}

/// Reads a stream, all shards of it, until it is cancelled.
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
        stats,
        cancel,
        in_flight: Semaphore::new(IN_FLIGHT),
        shards: Mutex::default(),
    });
    shared.run().await.map_err(failed)
}

/// Where shards begin that have no position. `latest` means the instant at which it was first asked
/// for, which is made durable at once: a restart before the first record must not pass over what
/// has come meanwhile.
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

/// What the readers of all shards share.
struct StreamState {
    store: Store,
    connection: KinesisConnection,
    /// What the store calls the stream.
    name: String,
    start: ShardPosition,
    stats: Arc<SourceStats>,
    cancel: CancellationToken,
    in_flight: Semaphore,
    shards: Mutex<BTreeMap<String, ShardReport>>,
}

/// How a shard does.
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
        // Taken for none, the shard would be read a second time.
        let position = ShardPosition::decode(&bytes).ok_or(StoreError::Corrupt {
            what: "the position of a shard of a stream",
        })?;
        Ok(Some(position))
    }

    /// Logs a trouble when it begins.
    fn report_error(&self, shard: &str, why: &str) {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let told = shards.entry(shard.to_owned()).or_default();
        if told.trouble.as_deref() != Some(why) {
            tracing::error!(stream = self.name, shard, "{why}; trying again");
        }
        told.trouble = Some(why.to_owned());
        self.sum(&shards);
    }

    fn report(&self, shard: &str, told: ShardReport) {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        shards.insert(shard.to_owned(), told);
        self.sum(&shards);
    }

    fn withdraw(&self, shard: &str) {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        shards.remove(shard);
        self.sum(&shards);
    }

    /// The source is as far behind as its slowest shard, and in trouble if one is.
    fn sum(&self, shards: &BTreeMap<String, ShardReport>) {
        let behind = shards.values().map(|told| told.behind).max();
        self.stats.behind(behind.unwrap_or(0));
        let trouble = shards.iter().find_map(|(shard, told)| {
            let trouble = told.trouble.as_ref()?;
            Some(if shard.is_empty() {
                trouble.clone()
            } else {
                format!("{shard}: {trouble}")
            })
        });
        self.stats.set_error(trouble);
    }
}

/// How long to wait after so many failures, with some chance in it, so that readers do not all come
/// back at once.
fn backoff(failures: u32) -> Duration {
    let wait = RETRY
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(RETRY_MOST);
    wait.mul_f64(0.5 + fastrand::f64() / 2.0)
}

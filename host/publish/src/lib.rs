//! Messages out: from the store's outbox to files, standard output and Kinesis streams.
//!
//! What it is: a *drain* that reads a destination's backlog in order, makes calls of as many
//! messages as the destination takes at once, sends again what failed, and acknowledges what
//! arrived. Delivery is at least once: a message whose answer was lost goes again with the same id
//! and bytes, and consumers drop an id that they have seen.
//!
//! What it is not: it knows no cohort. Bytes and ids are fixed in the outbox, by the engine, before
//! the first send. It keeps no state of its own either; what is not acknowledged is sent by the
//! next drain.
//!
//! | what happens | what the drain does |
//! |---|---|
//! | some messages of a call fail | sends those again, after a wait that doubles from 0.1 s to 10 s while nothing gets through |
//! | throttling | the same: slower, and nothing is dropped |
//! | the answer is lost, the network is gone | sends the call again |
//! | nothing gets through for a minute | ends with [`Cause::Unavailable`]; the backlog is kept |
//! | credentials have expired | fetches new ones and tries again, once |
//! | denied, no such stream | ends with a reason and a hint; the backlog is kept |
//! | a message is too large, or not as the destination needs it | sends all others, then ends with [`Cause::Poison`]; the message is kept |
//! | cancelled, killed | ends; what was not acknowledged is kept |
//!
//! Limits: a Kinesis call has at most 500 records and 1 MB, what one shard takes in a second; a
//! record at most 1 MiB with its key. One call at a time is under way for each destination.
//! Bisection of a call that Kinesis finds invalid, dead letters and pacing by the number of shards
//! are not here yet.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use muster_publish::{Destination, DrainOptions, drain};
//! use muster_store::{Store, StoreOptions};
//!
//! let store = Arc::new(Store::open(Path::new("data"), &StoreOptions::default())?);
//! let destination = Destination::File { path: "out/growth.ndjson".into() };
//! let report = drain(&store, "growth", &destination, &DrainOptions::default(), |so_far| {
//!     println!("{} messages", so_far.messages);
//! })
//! .await?;
//! assert!(report.complete);
//! # Ok(())
//! # }
//! ```

mod backoff;
mod batch;
mod destination;
mod drain;
mod error;
mod kinesis;
mod lines;
#[cfg(feature = "memory")]
pub mod memory;
mod outbox;
mod publisher;
mod report;
mod sink;

pub use destination::{Destination, KinesisSettings};
pub use drain::{drain, drain_all};
pub use error::{Cause, PoisonMessage, PublishError};
pub use muster_aws::{
    EndpointUrl, ExternalId, InvalidSetting, RegionName, Role, RoleArn, StreamName,
};
pub use publisher::Publisher;
pub use report::{DrainOptions, DrainReport, GIVE_UP_AFTER};
pub use tokio_util::sync::CancellationToken;

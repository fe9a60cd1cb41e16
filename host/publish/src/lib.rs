//! Sends messages from the store's outbox to files, standard output and Kinesis streams.
//!
//! A *drain* reads the backlog of a destination and makes calls of as many messages as the
//! destination takes at once. It retries failed messages and acknowledges delivered ones. Delivery
//! is at least once: a message whose answer was lost is sent again with the same id and bytes, and
//! consumers drop an id that they already have.
//!
//! This crate knows no cohort: the engine fixes bytes and ids in the outbox before the first send.
//! It keeps no state of its own: the next drain sends messages that are not acknowledged.
//!
//! | event | reaction of the drain |
//! |---|---|
//! | some messages of a call fail | retries them (1), beside new messages |
//! | throttling | the same, and the pace falls; nothing is dropped, there is no limit of attempts |
//! | the answer is lost, the network is down | sends the call again |
//! | nothing is delivered for a minute | ends with [`Cause::Unavailable`]; the backlog is kept |
//! | credentials have expired | fetches new ones and retries once |
//! | denied, no such stream | ends with a reason and a hint; the backlog is kept |
//! | a call is refused as a whole | halves it until the messages at fault stand alone (2) |
//! | a message is too large or invalid for the destination | makes it a dead letter (2) |
//! | cancelled, killed | ends; messages that are not acknowledged are kept |
//!
//! (1) The wait before a retry is random, from none to a bound that doubles from 0.1 s to 10 s, or
//! to 1 s after throttling. (2) A message that was refused alone leaves the outbox only if the
//! destination takes others; otherwise the destination is at fault.
//!
//! | file | contents |
//! |---|---|
//! | `drain.rs` | the loop: calls under way, verdicts, commits |
//! | `turns.rs` | new messages, so that cohorts take turns |
//! | `retries.rs`, `rejections.rs` | messages to send again, and messages that are refused |
//! | `pace.rs`, `batch.rs` | how much is sent in a second, and in a call |
//!
//! Limits: a Kinesis call has at most 500 records and 1 MB, which one shard takes in a second; a
//! record has at most 1 MiB with its key. A stream has at most 16 calls under way, which take turns
//! between cohorts. A drain holds at most 32 MB of messages, however large the backlog is.
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

mod batch;
mod check;
mod destination;
mod drain;
mod error;
mod kinesis;
mod lines;
#[cfg(feature = "memory")]
pub mod memory;
mod outbox;
mod pace;
mod publisher;
mod rejections;
mod report;
mod retries;
mod sink;
mod turns;

pub use check::{CheckOptions, CheckState, CheckStep, check};
pub use destination::{Destination, KinesisSettings};

pub use drain::WINDOW_BYTES;
pub use error::{Cause, PoisonMessage, PublishError};
pub use kinesis::MAX_RECORD;
pub use muster_aws::{
    EndpointUrl, ExternalId, InvalidSetting, KeyArn, RegionName, Role, RoleArn, StreamName,
};
pub use publisher::{Publisher, drain, drain_all};
pub use rejections::MOST_REFUSED_IN_A_ROW;
pub use report::{DrainOptions, DrainReport, GIVE_UP_AFTER};
pub use tokio_util::sync::CancellationToken;

//! The embedded database: history, members, expiries, outbox, source positions. Changes that belong
//! together are one commit, which is durable before the call returns.
//!
//! A store is one directory with one owner, a process that may use it from many threads. It is not
//! a server. It knows neither cohort definitions nor modules: it keeps their state as bytes.
//!
//! ```
//! use muster_model::{EventBuffer, Millis, ScalarRef};
//! use muster_store::{
//!     PropertyRead, ReadRequest, Store, StoreOptions, StreamRead, UserKey, ValueKind,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let store = Store::open(directory.path(), &StoreOptions::default())?;
//! let mut buffer = EventBuffer::default();
//! buffer.event("ann", "Purchase", Millis(1_000), Some("insert-1"));
//! buffer.property("amount", ScalarRef::Number(60.0));
//! store.append(&buffer, None)?;
//!
//! let snapshot = store.snapshot()?;
//! let history = snapshot.read(&ReadRequest {
//!     users: &[UserKey(0)],
//!     now: Millis(2_000),
//!     streams: &[StreamRead {
//!         names: vec!["Purchase".to_owned()],
//!         properties: vec![PropertyRead { name: "amount".to_owned(), kind: ValueKind::Number }],
//!         lookback: None,
//!     }],
//!     user_properties: &[],
//!     property_histories: &[],
//! })?;
//! assert_eq!(history.streams[0].times, [1_000]);
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//! - Users: 2^32, and 4 GiB of ids together. Names: [`MAX_NAME`] bytes; [`MAX_EVENT_NAMES`],
//!   [`MAX_EVENT_PROPERTIES`] and [`MAX_USER_PROPERTIES`] distinct ones.
//! - Texts: any length. Texts that get a number are limited by [`MAX_TEXTS`],
//!   [`MAX_TEXTS_PER_PROPERTY`] and [`MAX_TEXT`].
//! - Times: those of `Millis`, 1970 to 9999. Other times are moved to the nearest.
//! - Size: [`StoreOptions::map_size`]. The file does not shrink; freed pages are used again.
//! - Order: events of one user and instant are in order of name, then of arrival. Operations are in
//!   order of arrival.

mod admission;
mod append;
mod backup;
mod batch;
mod bitmap;
mod block;
mod blocks;
mod cell;
mod changed_users;
mod chunks;
mod codec;
mod dead_letters;
mod duplicates;
mod environment;
mod error;
mod expiries;
mod failures;
mod firsts;
mod folder;
mod forget;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod import;
mod insert_ids;
mod instant;
mod interner;
mod keys;
mod lock;
mod log;
mod maintain;
mod members;
mod meta;
mod module_keys;
mod options;
mod outbox;
mod pages;
mod parts;
mod prune;
mod read;
mod read_only;
mod rows;
mod runs;
mod sealed;
mod segment;
mod segment_writer;
mod sent;
mod slices;
mod snapshot;
mod sources;
mod spread;
mod statistics;
mod store;
mod terms;
mod view;

pub use append::Appended;
pub use backup::BackupProgress;
pub use dead_letters::{DeadLetter, RejectedMessage};
pub use error::StoreError;
pub use failures::{FailureChanges, FailureSummary, UserFailure};
pub use forget::ForgetChanges;
pub use identity::Identity;
pub use import::{FinishedImport, Import, ImportState};
pub use insert_ids::{INSERT_ID_WINDOW, MAX_INSERT_IDS};
pub use keys::{ModuleKey, SourceKey, UserKey};
pub use members::MemberChange;
pub use muster_columns::{
    Column, Dictionary, EventRows, History, PropertyRead, StreamRead, ValueKind,
};
pub use options::StoreOptions;
pub use outbox::{MAX_DESTINATION, Message, Outgoing};
pub use prune::{PRUNE_PERCENT, Pruned, RetentionRefusal};
pub use read::ReadRequest;
pub use runs::{MAX_RECORDS, ModuleCommit, RunCommit, StoredRun};
pub use sent::{SentEntries, UnsentChange};
pub use snapshot::{PreparedRead, Snapshot};
pub use statistics::{NameCount, Statistics};
pub use store::Store;
pub use terms::{
    MAX_EVENT_NAMES, MAX_EVENT_PROPERTIES, MAX_NAME, MAX_TEXT, MAX_TEXTS, MAX_TEXTS_PER_PROPERTY,
    MAX_USER_PROPERTIES,
};

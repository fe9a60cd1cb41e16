//! Ticks: who may have moved, what the rule says of them, who entered and exited, and the messages
//! that tell it.
//!
//! A tick of a rule at `now` asks only users with news and users whose answer has run out, diffs
//! the answers against the members, and commits members, deadlines, run records and messages (with
//! their final bytes and ids) at once. Cut off at any moment, it goes on with the same run id and
//! batch numbers. [`preview`] says what a tick would change, and changes nothing.
//!
//! It takes compiled rules and never asks what language they came from. It sends nothing: messages
//! wait in the store's outbox for `muster_publish`. It has no clock of its own: `now` is handed in.
//!
//! Limits: [`payload::MESSAGE_SIZE`], [`tick::CHUNK_USERS`], [`evaluate::BATCH_ROWS`],
//! [`search::FAILURE_TIME`],
//! [`search::RETRY_TIME`], [`failures::RETRY_FIRST`].

mod activation;
mod beside;
mod bodies;
mod calendar;
mod candidates;
mod cohort;
mod copy;
mod error;
pub mod evaluate;
pub mod failures;
mod forget;
mod lists;
mod members;
mod modules;
pub mod payload;
mod prior_state;
mod reconcile;
mod removal;
mod report;
pub mod run;
pub mod search;
mod state;
mod status;

pub use activation::{ChangedAddress, DestinationAddress, activate};
pub use cohort::{Cohort, CohortSync};
pub use error::EngineError;
pub use forget::{Forgotten, forget};
pub use lists::StaticLists;
pub use modules::{forget_module, forget_other_modules, goes_on, next_due, records, records_since};
pub use reconcile::{Reconciled, reconcile, unreconciled};
pub use removal::{remove, removed};
pub use report::{
    CohortPreview, CohortReport, HeldRun, Preview, Reason, RunRecord, RunReport, SkippedUsers,
};
pub use run::{Guard, RunOptions, RunProgress, preview, run_module};
pub use status::{CohortStatus, FailingUsers, SHOWN_TOO_LARGE, reject, status};

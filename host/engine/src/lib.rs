//! Runs of modules: which users are candidates, what the module answers for them, who entered and
//! exited, and the messages that report it.
//!
//! A run of a module at `now` evaluates only changed users and due users. It compares the answers
//! with the members. Each commit holds members, expiries, run records and messages (with their
//! final bytes and ids) together. A run that was cut off at any moment goes on with the same run id
//! and batch numbers. [`preview`] reports what a run would change, and changes nothing.
//!
//! The engine takes loaded modules and does not know which language they were written in. It sends
//! nothing: messages wait in the store's outbox for `muster_publish`. It has no clock of its own:
//! the caller passes `now`.
//!
//! Limits: [`payload::MESSAGE_SIZE`], [`CHUNK_USERS`], [`evaluate::BATCH_ROWS`],
//! [`search::FAILURE_TIME`], [`search::RETRY_TIME`], [`failures::RETRY_FIRST`].

mod activation;
mod beside;
mod bodies;
mod candidates;
mod cohort;
mod copy;
mod encoding;
mod error;
pub mod evaluate;
pub mod failures;
mod forget;
mod guard;
mod lists;
mod members;
mod modules;
pub mod payload;
mod prior_state;
mod reconcile;
mod removal;
mod report;
pub mod run;
mod run_options;
pub mod search;
mod state;
mod status;

pub use activation::{ChangedAddress, DestinationAddress, activate};
pub use cohort::{Cohort, CohortSync};
pub use error::EngineError;
pub use forget::{Forgotten, forget};
pub use guard::Guard;
pub use lists::StaticLists;
pub use modules::{forget_module, forget_other_modules, goes_on, next_due, records, records_since};
pub use reconcile::{Reconciled, reconcile, unreconciled};
pub use removal::{remove, removed};
pub use report::{
    CohortPreview, CohortReport, HeldRun, Preview, Reason, RunRecord, RunReport, SkippedUsers,
};
pub use run::{preview, run_module};
pub use run_options::{CHUNK_USERS, COMMIT_BYTES, RunOptions, RunProgress};
pub use status::{CohortStatus, FailingUsers, SHOWN_TOO_LARGE, reject, status};

//! The control API: the requests and answers that the running service exchanges with the commands
//! of `muster` and with other programs.
//!
//! Requests are HTTP with JSON over a Unix socket in the store's folder. Every path begins with the
//! version ([`VERSION`]): within a version, fields are only added. docs/openapi.json describes all
//! of it, and a test holds that file to this code.
//!
//! | file | |
//! |---|---|
//! | `cohorts.rs` | runs of a cohort on request, its history and its members |
//! | `users.rs` | users: the deletion of one, and why one is in a cohort |
//! | `plan.rs` | what the next run would change |
//! | `status.rs` | the state of the service, the store, sources and destinations |
//! | `dead_letters.rs` | messages that a destination will never accept |
//! | `store.rs` | the removal of old events |
//! | `error.rs` | refusals |

mod cohorts;
mod dead_letters;
mod error;
mod plan;
mod status;
mod store;
mod users;

pub use cohorts::{
    HistoryQuery, MembersPage, MembersQuery, ReconcileRequest, ReconciledCopy, RejectedRun,
    RequestedRun, RunHistory, SyncRequest,
};
pub use dead_letters::{DeadLetterList, DeadLetterSummary, DeadLettersRequest, HandledDeadLetters};
pub use error::{ApiError, ErrorBody, ErrorCode};
pub use plan::{CohortPlan, PlanRequest, RunPlan};
pub use status::{
    CohortSummary, CopyName, DestinationHealth, HeldRemoval, PartSummary, RestoredStore,
    SourceSummary, StatusDocument, StoreSummary, StrandedMessages,
};
pub use store::{DefinitionFile, PruneRequest, PrunedEvents, RefusedPrune};
pub use users::{
    ClauseAnswer, ExplainRequest, Explanation, ForgetRequest, ForgottenUser, Membership,
    PropertyAtInstant, PropertyValue, ShownEvent, StoredMembership,
};

/// The first part of every path.
pub const VERSION: &str = "/v1";

//! Requests about one cohort.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_engine::Reason;
use muster_model::CohortId;

use super::run::RunMode;
use crate::api::{ApiError, ReconciledCopy, RejectedRun, RequestedRun};

/// A request about one cohort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CohortRequest {
    /// A run of the cohort now.
    Sync {
        /// Every destination receives the whole cohort.
        full: bool,
    },
    /// An approval of the run that the guard holds.
    Approve,
    /// A rejection of the run that the guard holds.
    Reject,
    /// A change that makes a destination's copy equal to the members again.
    Reconcile {
        /// The destination, by its name in `muster.yaml`.
        destination: String,
        /// The ids that the consumer holds.
        have: Option<Arc<BTreeSet<String>>>,
    },
}

/// The answer to a request about one cohort.
#[derive(Clone, Debug, PartialEq)]
pub enum CohortAnswer {
    /// The run of a sync or an approval.
    Ran(RequestedRun),
    /// The run that was rejected.
    Rejected(RejectedRun),
    /// The reconciliation.
    Reconciled(ReconciledCopy),
}

/// The action of a request, if the state of its cohort allows it.
pub(crate) enum CohortAction {
    /// A run of the cohort.
    Run(RunMode),
    /// The rejection of the held run.
    Reject,
    /// A reconciliation.
    Reconcile {
        destination: String,
        have: Option<Arc<BTreeSet<String>>>,
    },
}

impl CohortRequest {
    /// Returns the name of the request in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sync { full: false } => "sync",
            Self::Sync { full: true } => "full sync",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Reconcile { .. } => "reconcile",
        }
    }

    /// Returns what the request does. `is_held` is true if the guard holds a run of the cohort.
    ///
    /// # Errors
    /// If the state of the cohort does not allow the request.
    pub(crate) fn action(self, id: &CohortId, is_held: bool) -> Result<CohortAction, ApiError> {
        let mode = match self {
            Self::Sync { .. } if is_held => {
                return Err(ApiError::refused(format!(
                    "the guard holds a run of `{id}`: approve it with `muster approve {id}` or drop it with `muster reject {id}` first"
                )));
            }
            Self::Approve | Self::Reject if !is_held => {
                return Err(ApiError::refused(format!("no run of `{id}` is held")));
            }
            Self::Sync { full } => RunMode {
                resend: full,
                reason: Some(Reason::Requested),
                ..RunMode::default()
            },
            Self::Approve => RunMode {
                all_users: true,
                unguarded: true,
                reason: Some(Reason::Approved),
                ..RunMode::default()
            },
            Self::Reject => return Ok(CohortAction::Reject),
            Self::Reconcile { destination, have } => {
                return Ok(CohortAction::Reconcile { destination, have });
            }
        };
        Ok(CohortAction::Run(mode))
    }
}

/// The error that a request got the answer to another request.
const OTHER_ANSWER: &str = "the answer is that to another request: this is a fault of muster";

impl CohortAnswer {
    /// Returns the run.
    ///
    /// # Errors
    /// If the answer is of another kind.
    pub fn ran(self) -> Result<RequestedRun, ApiError> {
        match self {
            Self::Ran(run) => Ok(run),
            Self::Rejected(_) | Self::Reconciled(_) => Err(ApiError::failed(OTHER_ANSWER)),
        }
    }

    /// Returns the rejected run.
    ///
    /// # Errors
    /// If the answer is of another kind.
    pub fn rejected(self) -> Result<RejectedRun, ApiError> {
        match self {
            Self::Rejected(rejected) => Ok(rejected),
            Self::Ran(_) | Self::Reconciled(_) => Err(ApiError::failed(OTHER_ANSWER)),
        }
    }

    /// Returns the reconciliation.
    ///
    /// # Errors
    /// If the answer is of another kind.
    pub fn reconciled(self) -> Result<ReconciledCopy, ApiError> {
        match self {
            Self::Reconciled(done) => Ok(done),
            Self::Ran(_) | Self::Rejected(_) => Err(ApiError::failed(OTHER_ANSWER)),
        }
    }
}

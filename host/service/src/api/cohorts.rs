//! Requests about one cohort.

use std::path::PathBuf;

use muster_engine::{
    CohortReport, HeldRun, Reason, Reconciled, RunRecord, RunReport, SkippedUsers,
};
use muster_model::Millis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A request to run a cohort now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncRequest {
    /// Every destination receives the whole cohort.
    #[serde(default)]
    pub full: bool,
}

/// A request to make a destination's copy of a cohort equal to the members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconcileRequest {
    /// The destination, by its name in `muster.yaml`.
    pub destination: String,
    /// The absolute path of a file with the user ids that the consumer holds, one a line. The
    /// service reads it. Without it all members are sent as entries.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub have: Option<PathBuf>,
}

/// A run that a request caused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestedRun {
    /// The clock of the run.
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    /// The number of candidates: changed users, due users, or all users.
    pub candidates: u64,
    /// The number of candidates whose answer was computed.
    pub evaluated: u64,
    /// Users who have no answer, by reason. They keep their membership.
    pub skipped: Vec<SkippedUsers>,
    /// The reason of the run.
    pub reason: Reason,
    /// The number of members afterwards.
    pub members: u64,
    /// The number of users who entered.
    pub entered: u64,
    /// The number of users who exited.
    pub exited: u64,
    /// The number of messages put in the outbox.
    pub messages: u64,
    /// The run that the guard holds: none of its entries and exits was made.
    pub held: Option<HeldRun>,
    /// The duration in seconds.
    pub seconds: f64,
}

/// A run that was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedRun {
    /// The run that the guard held.
    pub rejected: HeldRun,
}

/// A reconciliation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReconciledCopy {
    /// The number of members.
    pub members: u64,
    /// The number of users sent as entries.
    pub entered: u64,
    /// The number of users sent as exits.
    pub exited: u64,
    /// The number of messages put in the outbox.
    pub messages: u64,
}

/// The runs to return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only runs at or after this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Millis>,
    /// The number of runs, by default 20.
    pub limit: Option<usize>,
}

/// The runs of a cohort, the latest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunHistory {
    /// The cohort's id.
    pub cohort: String,
    /// The runs. In real time the runs of a minute are one.
    pub runs: Vec<RunRecord>,
}

/// The members to return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MembersQuery {
    /// The `next` of the page before; without it the first page is returned.
    pub after: Option<u32>,
    /// The number of members, by default and at most 100,000.
    pub limit: Option<usize>,
}

/// A page of the members of a cohort. A membership that changes between two pages may be missing
/// or doubled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MembersPage {
    /// The cohort's id.
    pub cohort: String,
    /// The clock of the cohort's latest run.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_run_at: Option<Millis>,
    /// User ids.
    pub members: Vec<String>,
    /// The `after` of the next page; null: this is the last one.
    pub next: Option<u32>,
}

impl RequestedRun {
    /// Returns the run of one cohort; `None`: the report has no cohort.
    pub(crate) fn of(report: &RunReport) -> Option<Self> {
        let cohort = report.cohorts.first()?;
        Some(Self::of_cohort(report, cohort))
    }

    /// Returns the run of one cohort of a report.
    #[must_use]
    pub fn of_cohort(report: &RunReport, cohort: &CohortReport) -> Self {
        Self {
            at: report.now,
            candidates: report.candidates,
            evaluated: report.evaluated,
            skipped: report.skipped.clone(),
            reason: cohort.reason,
            members: cohort.members,
            entered: cohort.entered,
            exited: cohort.exited,
            messages: cohort.messages,
            held: cohort.held.clone(),
            seconds: report.duration.as_secs_f64(),
        }
    }

    /// Returns the removal of a cohort as a run at an instant.
    pub(crate) fn removal(record: RunRecord, at: Millis) -> Self {
        Self {
            at,
            candidates: record.candidates,
            evaluated: record.evaluated,
            skipped: record.skipped,
            reason: record.reason,
            members: record.members,
            entered: record.entered,
            exited: record.exited,
            messages: record.messages,
            held: record.held,
            seconds: std::time::Duration::from_millis(record.duration_ms).as_secs_f64(),
        }
    }
}

impl From<Reconciled> for ReconciledCopy {
    fn from(done: Reconciled) -> Self {
        Self {
            members: done.members,
            entered: done.entered,
            exited: done.exited,
            messages: done.messages,
        }
    }
}

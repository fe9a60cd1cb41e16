//! Reports of runs and previews, for users, for `--json`, and for the store's run records.

use std::time::Duration;

use muster_model::{CohortId, Millis};
use serde::{Deserialize, Serialize};

use crate::search::TOO_LARGE;
use crate::{EngineError, encoding};

/// The report of a run of one module.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The clock that the run used.
    pub now: Millis,
    /// The number of candidates: changed users, due users, or all users.
    pub candidates: u64,
    /// The number of candidates whose answer was computed.
    pub evaluated: u64,
    /// Users who have no answer, by reason. They keep their membership.
    pub skipped: Vec<SkippedUsers>,
    /// The reports of the module's cohorts.
    pub cohorts: Vec<CohortReport>,
    /// The duration of the run.
    pub duration: Duration,
}

/// The report of a run about one cohort.
#[derive(Clone, Debug)]
pub struct CohortReport {
    /// The cohort's id.
    pub id: CohortId,
    /// The reason for the run.
    pub reason: Reason,
    /// The number of members afterwards.
    pub members: u64,
    /// The number of users who entered.
    pub entered: u64,
    /// The number of users who exited.
    pub exited: u64,
    /// The number of messages put in the outbox, over all destinations.
    pub messages: u64,
    /// The run that the guard holds: none of its entries and exits was made.
    pub held: Option<HeldRun>,
}

/// A run whose entries and exits were not made, since they are more than the guard lets pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeldRun {
    /// The clock of the run, RFC 3339.
    pub at: String,
    /// The number of members, before and still.
    pub members: u64,
    /// The number of users who would have entered.
    pub entered: u64,
    /// The number of users who would have exited.
    pub exited: u64,
}

/// The preview of a run of one module.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The clock that the run would use.
    pub now: Millis,
    /// The clock of a run that was cut off and would be finished first. The counts are those of
    /// both runs.
    pub finishes: Option<Millis>,
    /// As in [`RunReport`].
    pub candidates: u64,
    /// As in [`RunReport`].
    pub evaluated: u64,
    /// As in [`RunReport`].
    pub skipped: Vec<SkippedUsers>,
    /// The previews of the module's cohorts.
    pub cohorts: Vec<CohortPreview>,
}

/// The preview of a run for one cohort.
#[derive(Clone, Debug)]
pub struct CohortPreview {
    /// The cohort's id.
    pub id: CohortId,
    /// The reason that the run would have.
    pub reason: Reason,
    /// The number of members now.
    pub members: u64,
    /// The number of members afterwards.
    pub afterwards: u64,
    /// The number of users who would enter.
    pub entered: u64,
    /// The number of users who would exit.
    pub exited: u64,
    /// The ids of the first users who would enter.
    pub sample_entered: Vec<String>,
    /// The ids of the first users who would exit.
    pub sample_exited: Vec<String>,
    /// The destinations that would receive a full sync, since they do not hold the cohort yet.
    pub full_sync_to: Vec<String>,
    /// True if the guard already holds a run of the cohort, or would hold this one.
    pub held: bool,
}

/// The reason of a cohort's run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The cohort's first run, which evaluates all users.
    First,
    /// A definition that differs from that of the last run. The run evaluates all users.
    DefinitionChanged,
    /// A run as scheduled, which evaluates changed users and due users.
    #[default]
    Scheduled,
    /// A run that evaluates all users again, for one of these reasons: the module or another cohort
    /// of it is new to the store; the changed users are no longer known; the clock went back; a
    /// held run was rejected.
    Full,
    /// A scheduled run that was made up later: the host was not running at the time.
    Missed,
    /// A run that a user requested (`muster sync`).
    Requested,
    /// A run that the guard had held and a user approved. It evaluates all users.
    Approved,
    /// A run that the guard had held and a user rejected. No user was evaluated, and nothing
    /// changed.
    Rejected,
    /// The deletion of a user's history, which ends the user's memberships.
    Forgotten,
    /// The removal of a definition with `on_remove: exit`.
    Removed,
    /// The reconciliation of a destination's copy (`muster reconcile`). No user was evaluated, and
    /// no membership changed.
    Reconciled,
}

impl std::fmt::Display for Reason {
    /// Writes the reason in words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::First => "first run",
            Self::DefinitionChanged => "definition changed",
            Self::Scheduled => "scheduled",
            Self::Full => "all users again",
            Self::Missed => "missed and made up",
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Forgotten => "user forgotten",
            Self::Removed => "removed",
            Self::Reconciled => "reconciled",
        })
    }
}

impl Reason {
    /// Returns the reason as records and metrics write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::DefinitionChanged => "definition_changed",
            Self::Scheduled => "scheduled",
            Self::Full => "full",
            Self::Missed => "missed",
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Forgotten => "forgotten",
            Self::Removed => "removed",
            Self::Reconciled => "reconciled",
        }
    }
}

/// Users who have no answer, and keep their membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkippedUsers {
    /// The failure, in the words of the module or the sandbox.
    pub reason: String,
    /// The number of users.
    pub users: u64,
    /// True if these users were not evaluated in this run: the module failed for them in an earlier
    /// run, and they wait for the next attempt. The reason is that of the latest failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// True if these users have more data than a module is called with. The cause is the size of
    /// their history, not the module.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub too_large: bool,
    /// True if an earlier run reported them and this one found nothing new. Only for users who are
    /// too large.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reported: bool,
}

impl SkippedUsers {
    /// Returns true if an earlier run already reported these users.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.waiting || self.reported
    }

    /// Returns users that the module failed for.
    pub(crate) fn failed(reason: &str, users: u64) -> Self {
        Self {
            reason: reason.to_owned(),
            users,
            waiting: false,
            too_large: false,
            reported: false,
        }
    }

    /// Returns users who are too large.
    pub(crate) fn too_large(users: u64) -> Self {
        Self {
            too_large: true,
            ..Self::failed(TOO_LARGE, users)
        }
    }

    /// Adds users to those of the same reason. Waiting users replace those who waited before, since
    /// the new count covers all of them.
    pub(crate) fn add(all: &mut Vec<Self>, added: &Self) {
        if added.waiting {
            all.retain(|skipped| !skipped.waiting || skipped.too_large != added.too_large);
        }
        let same = |skipped: &&mut Self| {
            **skipped
                == Self {
                    users: skipped.users,
                    ..added.clone()
                }
        };
        match all.iter_mut().find(same) {
            Some(skipped) => skipped.users += added.users,
            None => all.push(added.clone()),
        }
    }
}

impl std::fmt::Display for SkippedUsers {
    /// Writes the reason.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.waiting && !self.too_large {
            f.write_str(
                "they wait for the next attempt, since an earlier one failed; the latest failure: ",
            )?;
        }
        f.write_str(&self.reason)
    }
}

/// A run of one cohort, as the store keeps it (JSON). In real time a record stands for all runs of
/// one minute that changed a membership and had the same reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunRecord {
    /// The clock of the (first) run, RFC 3339.
    pub at: String,
    /// The reason of the run.
    pub reason: Reason,
    /// The cadence, in words.
    #[serde(default)]
    pub cadence: String,
    /// The number of runs that the record stands for.
    #[serde(default = "one")]
    pub runs: u64,
    /// As in [`RunReport`].
    pub candidates: u64,
    /// As in [`RunReport`].
    pub evaluated: u64,
    /// As in [`RunReport`].
    pub skipped: Vec<SkippedUsers>,
    /// The number of members afterwards.
    pub members: u64,
    /// The number of users who entered.
    pub entered: u64,
    /// The number of users who exited.
    pub exited: u64,
    /// The number of messages put in the outbox.
    pub messages: u64,
    /// The first part of the message ids, of the latest run; `None` if the run sent no message.
    pub run_id: Option<String>,
    /// The duration in ms, with all cohorts of the module.
    pub duration_ms: u64,
    /// The run that the guard held: none of its entries and exits was made.
    #[serde(default)]
    pub held: Option<HeldRun>,
}

fn one() -> u64 {
    1
}

impl RunRecord {
    /// Returns the record of a run at an instant that has done nothing yet.
    pub(crate) fn begun(reason: Reason, at: Millis) -> Self {
        Self {
            at: at.to_string(),
            reason,
            runs: 1,
            ..Self::default()
        }
    }

    /// Returns a record of its own, as the store takes it.
    pub(crate) fn stored(
        &self,
        cohort: &CohortId,
        at: Millis,
    ) -> Result<muster_store::StoredRun, EngineError> {
        Ok(muster_store::StoredRun {
            cohort: cohort.clone(),
            at,
            body: encoding::encode(self)?,
            replaces_last: false,
        })
    }
}

//! What a tick did or would do, for people, for `--json`, and for the store's run records.

use std::time::Duration;

use muster_model::{CohortId, Millis};
use serde::{Deserialize, Serialize};

use crate::search::TOO_LARGE;
use crate::{EngineError, state};

/// What a tick of one rule did.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The clock it ran at.
    pub now: Millis,
    /// Users who had news, were due, or all of them.
    pub candidates: u64,
    /// Candidates whose answer was computed.
    pub evaluated: u64,
    /// Users who have no answer of their own, by reason: they keep their membership.
    pub skipped: Vec<SkippedUsers>,
    /// Each cohort of the rule.
    pub cohorts: Vec<CohortReport>,
    /// How long it took.
    pub duration: Duration,
}

/// What a tick did to one cohort.
#[derive(Clone, Debug)]
pub struct CohortReport {
    /// Which.
    pub id: CohortId,
    /// Why it was evaluated as it was.
    pub reason: Reason,
    /// Members afterwards.
    pub members: u64,
    /// How many entered.
    pub entered: u64,
    /// How many exited.
    pub exited: u64,
    /// Messages put in the outbox, over all destinations.
    pub messages: u64,
    /// The guard holds its moves: none was made.
    pub held: Option<HeldRun>,
}

/// A run whose moves were not made, since they are more than the guard lets pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRun {
    /// Its clock, RFC 3339.
    pub at: String,
    /// Members, before and still.
    pub members: u64,
    /// How many would have entered.
    pub entered: u64,
    /// How many would have exited.
    pub exited: u64,
}

/// What a tick of one rule would do.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The clock it would run at.
    pub now: Millis,
    /// The clock of a tick that was cut off, which would be finished first: the counts are those of
    /// both.
    pub finishes: Option<Millis>,
    /// As in [`TickReport`].
    pub candidates: u64,
    /// As in [`TickReport`].
    pub evaluated: u64,
    /// As in [`TickReport`].
    pub skipped: Vec<SkippedUsers>,
    /// Each cohort of the rule.
    pub cohorts: Vec<CohortPreview>,
}

/// What a tick would do to one cohort.
#[derive(Clone, Debug)]
pub struct CohortPreview {
    /// Which.
    pub id: CohortId,
    /// Why it would be evaluated as it would.
    pub reason: Reason,
    /// Members now.
    pub members: u64,
    /// Members afterwards.
    pub afterwards: u64,
    /// How many would enter.
    pub entered: u64,
    /// How many would exit.
    pub exited: u64,
    /// The ids of the first who would enter.
    pub sample_entered: Vec<String>,
    /// The ids of the first who would exit.
    pub sample_exited: Vec<String>,
    /// Destinations that would be told the whole cohort, since they do not know it yet.
    pub full_sync_to: Vec<String>,
    /// The guard holds a run of it already, or would hold this one.
    pub held: bool,
}

/// Why a cohort was evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its first run: everybody was asked.
    First,
    /// Its definition is another than at the last run: everybody was asked.
    DefinitionChanged,
    /// Users with news and users whose answer had run out were asked.
    #[default]
    Scheduled,
    /// Everybody was asked again, since the rule or another cohort of it is new to the store, its
    /// news are no longer known, the clock went back, or a run was held and rejected.
    Full,
    /// As scheduled, only later: the host was not running at the time.
    Missed,
    /// Somebody asked for it (`muster sync`).
    Requested,
    /// A run that the guard had held was approved: everybody was asked.
    Approved,
    /// A run that the guard had held was rejected: nobody was asked and nothing changed.
    Rejected,
    /// A person's history was deleted, and with it their memberships.
    Forgotten,
    /// The definition was taken away, and it said `on_remove: exit`.
    Removed,
    /// A destination's copy was made true again (`muster reconcile`): nobody was asked and nobody
    /// moved.
    Reconciled,
}

impl std::fmt::Display for Reason {
    /// In words, for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::First => "first run",
            Self::DefinitionChanged => "definition changed",
            Self::Scheduled => "scheduled",
            Self::Full => "everybody again",
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
    /// As records and metrics write it.
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

/// Users who have no answer of their own, and keep their membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedUsers {
    /// What failed, in the rule's or the sandbox's words.
    pub reason: String,
    /// How many users.
    pub users: u64,
    /// They were not asked about in this run: the rule failed for them in an earlier one, and they
    /// wait for their next attempt. The reason is that of the latest failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// There is more of them than a rule is asked about: it is they, and not the rule, that
    /// something is wrong with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub too_large: bool,
    /// An earlier run reported them, and this one found nothing new: of too large users only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reported: bool,
}

impl SkippedUsers {
    /// Returns whether an earlier run said all that there is to say of them.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.waiting || self.reported
    }

    /// Returns users for whom the rule failed.
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

    /// Adds users to those of the same reason. Users who wait replace those who waited before: they
    /// are all who wait.
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
    /// Says why, for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.waiting && !self.too_large {
            f.write_str("the rule failed for them before, and they wait for their next attempt; the latest failure: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// A run of one cohort, as the store keeps it (JSON). In real time it stands for all runs of one
/// minute that moved somebody and had the same reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The clock of the (first) run, RFC 3339.
    pub at: String,
    /// Why.
    pub reason: Reason,
    /// The cadence, in words.
    #[serde(default)]
    pub cadence: String,
    /// How many runs it stands for.
    #[serde(default = "one")]
    pub runs: u64,
    /// As in [`TickReport`].
    pub candidates: u64,
    /// As in [`TickReport`].
    pub evaluated: u64,
    /// As in [`TickReport`].
    pub skipped: Vec<SkippedUsers>,
    /// Members afterwards.
    pub members: u64,
    /// How many entered.
    pub entered: u64,
    /// How many exited.
    pub exited: u64,
    /// Messages put in the outbox.
    pub messages: u64,
    /// The first part of its messages' ids, of the latest run; `None` if it sent none.
    pub run_id: Option<String>,
    /// How long it took, in ms, with all cohorts of the rule.
    pub duration_ms: u64,
    /// The guard held it: nothing was moved.
    #[serde(default)]
    pub held: Option<HeldRun>,
}

fn one() -> u64 {
    1
}

impl RunRecord {
    /// A run at an instant that has done nothing yet.
    pub(crate) fn begun(reason: Reason, at: Millis) -> Self {
        Self {
            at: at.to_string(),
            reason,
            runs: 1,
            ..Self::default()
        }
    }

    /// As the store takes it: a record of its own.
    pub(crate) fn stored(
        &self,
        cohort: &CohortId,
        at: Millis,
    ) -> Result<muster_store::StoredRun, EngineError> {
        Ok(muster_store::StoredRun {
            cohort: cohort.clone(),
            at,
            body: state::encode(self)?,
            replaces_last: false,
        })
    }
}

//! The preview of the next run.

use std::path::PathBuf;

use muster_engine::{Reason, SkippedUsers};
use muster_model::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request for what the next run would change, with the definitions on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// The ids of the cohorts; none: all cohorts.
    #[serde(default)]
    pub cohorts: Vec<String>,
    /// The instant of the run; null: now.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub now: Option<Millis>,
    /// The number of entries and of exits to name per cohort.
    #[serde(default = "default_sample")]
    pub sample: usize,
}

fn default_sample() -> usize {
    5
}

/// The changes of the next run. Nothing is imported, stored or sent for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunPlan {
    /// The clock of the run.
    #[schema(value_type = String, format = DateTime)]
    pub now: Millis,
    /// Event files that a run would import first; null: they are too large to read for a plan.
    #[schema(value_type = Option<Vec<String>>)]
    pub new_files: Option<Vec<PathBuf>>,
    /// The cohorts.
    pub cohorts: Vec<CohortPlan>,
    /// The faults that a run would meet.
    pub problems: Vec<String>,
}

/// The changes of the next run of a cohort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CohortPlan {
    /// The cohort's id.
    pub id: String,
    /// The reason that the run would have.
    pub reason: Reason,
    /// The clock of an interrupted run, which would be finished first.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finishes: Option<Millis>,
    /// The number of users who would be evaluated.
    pub candidates: u64,
    /// The number of candidates that have an answer.
    pub evaluated: u64,
    /// Users who would have no answer, by reason.
    pub skipped: Vec<SkippedUsers>,
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
    /// Destinations that would receive a full sync.
    pub full_sync_to: Vec<String>,
    /// The guard would hold the run.
    pub held: bool,
}

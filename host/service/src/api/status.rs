//! The state of the service, the store, sources and destinations.

use std::collections::BTreeMap;

use muster_engine::{FailingUsers, HeldRun, RunRecord};
use muster_ingest::LineCounts;
use muster_model::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RefusedPrune;

/// The state of a project. What only a running service knows is null if none runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusDocument {
    /// The version of the running service.
    pub running: Option<String>,
    /// The clock of the running service.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub now: Option<Millis>,
    /// Every cohort was evaluated since the start of the service.
    pub caught_up: Option<bool>,
    /// The faults of the definitions on disk, which keep those from being active.
    pub definitions: Option<String>,
    /// The store.
    pub store: StoreSummary,
    /// The active cohorts of the running service, or else those that are defined.
    pub cohorts: Vec<CohortSummary>,
    /// The sources of the running service.
    pub sources: Option<Vec<SourceSummary>>,
    /// The destinations.
    pub destinations: Vec<DestinationHealth>,
    /// The parts of the running service that failed since its start.
    pub parts: Option<BTreeMap<String, PartSummary>>,
    /// Cohorts whose definition is gone, and whose removal the guard holds.
    pub held_ends: Vec<HeldRemoval>,
    /// Messages for destinations that `muster.yaml` does not have.
    pub stranded: Vec<StrandedMessages>,
    /// The copies to reconcile after the store was restored from a backup.
    pub restored: Option<RestoredStore>,
}

/// The content of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreSummary {
    /// The number of users.
    pub users: u64,
    /// The number of events.
    pub events: u64,
    /// The number of event names.
    pub event_types: u64,
    /// The bytes on disk.
    pub bytes: u64,
    /// The old events that are not dropped, because they are too large a share.
    pub retention_refused: Option<RefusedPrune>,
}

/// A cohort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CohortSummary {
    /// The cohort's id.
    pub id: String,
    /// The number of members.
    pub members: u64,
    /// The cadence, in words; empty: it is not known.
    pub cadence: String,
    /// The latest run that left a record.
    pub last_run: Option<RunRecord>,
    /// The clock of the latest run. In real time a run without entries and exits leaves no record.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_run_at: Option<Millis>,
    /// The instant of the next evaluation.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_run_at: Option<Millis>,
    /// The run that the guard holds.
    pub held: Option<HeldRun>,
    /// The users who cannot be evaluated at present.
    pub failing: Option<FailingUsers>,
    /// The reason why the latest run failed.
    pub error: Option<String>,
}

/// A source of the running service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceSummary {
    /// The source's name: its kind and its address, globs or stream.
    pub name: String,
    /// The counts of lines since the start.
    pub counts: LineCounts,
    /// The reason why the latest line or record was skipped, with its place.
    #[serde(default)]
    pub last_skipped: Option<String>,
    /// The number of requests that were refused.
    pub refused: u64,
    /// The instant of the latest commit.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_commit: Option<Millis>,
    /// The lag behind the source's origin, in ms.
    pub lag_ms: i64,
    /// The reason why the source makes no progress.
    pub error: Option<String>,
}

/// A destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DestinationHealth {
    /// The destination's name.
    pub name: String,
    /// The number of messages in the outbox.
    pub waiting_messages: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// The number of dead letters.
    #[serde(default)]
    pub dead_letters: u64,
    /// The latest instant at which the destination took a message.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub delivered: Option<Millis>,
    /// The reason why the destination takes no messages now, with the remedy.
    pub error: Option<String>,
    /// The beginning of the outage.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Millis>,
}

/// A part of the service that failed since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartSummary {
    /// The number of failures.
    pub failures: u64,
    /// The reason of the latest failure.
    pub why: String,
    /// The instant of the latest failure.
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    /// The part waits for a restart.
    pub down: bool,
}

/// A cohort whose definition is gone and had `on_remove: exit`. The guard holds the exits of its
/// members until the operator approves them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldRemoval {
    /// The cohort's id.
    pub id: String,
    /// The exits.
    pub held: HeldRun,
}

/// The messages that wait for a destination which `muster.yaml` does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StrandedMessages {
    /// The destination's name.
    pub name: String,
    /// The number of messages.
    pub waiting_messages: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
}

/// A store that was restored from a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestoredStore {
    /// The instant of the backup.
    #[schema(value_type = String, format = DateTime)]
    pub backup_at: Millis,
    /// The copies that are not reconciled yet.
    pub unreconciled: Vec<CopyName>,
}

/// A destination's copy of a cohort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CopyName {
    /// The cohort's id.
    pub cohort: String,
    /// The destination's name.
    pub destination: String,
}

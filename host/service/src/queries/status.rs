//! The state of the service, the store, cohorts, sources and destinations.

use std::collections::{BTreeMap, BTreeSet};

use muster_engine::EngineError;
use muster_model::{CohortId, Millis};
use muster_project::Project;
use muster_store::{Snapshot, Statistics};

use super::{restored, stranded};
use crate::api::{
    CohortSummary, DestinationHealth, PartSummary, RefusedPrune, SourceSummary, StatusDocument,
    StoreSummary,
};
use crate::requests::held_removals;

/// The state that only a running service knows.
#[derive(Clone, Debug, Default)]
pub struct RunningState {
    /// The version of the service.
    pub version: String,
    /// Its clock.
    pub now: Option<Millis>,
    /// Every cohort was evaluated since the start.
    pub caught_up: bool,
    /// The faults of the definitions on disk, which keep those from being active.
    pub definitions: Option<String>,
    /// The old events that are not dropped.
    pub retention: Option<RefusedPrune>,
    /// The active cohorts.
    pub cohorts: BTreeMap<CohortId, RunningCohort>,
    /// The sources.
    pub sources: Vec<SourceSummary>,
    /// The health of destinations. The number of messages is not known here.
    pub destinations: BTreeMap<String, DestinationHealth>,
    /// The parts that failed.
    pub parts: BTreeMap<String, PartSummary>,
}

/// State of one active cohort.
#[derive(Clone, Debug, Default)]
pub struct RunningCohort {
    /// The cadence, in words.
    pub cadence: String,
    /// The instant of the next evaluation. `None` in real time, as long as no answer expires.
    pub next: Option<Millis>,
    /// The clock of the latest run since the service began.
    pub last: Option<Millis>,
    /// The reason why the latest run failed.
    pub error: Option<String>,
}

/// Returns the state of a project. `running`: what the running service knows; `None`: none runs.
/// `snapshot`: the store; `None`: there is none yet.
///
/// # Errors
/// If the store fails.
pub fn status(
    project: &Project,
    snapshot: Option<&Snapshot>,
    running: Option<&RunningState>,
) -> Result<StatusDocument, EngineError> {
    let settings = snapshot.filter(|_| project.knows_settings);
    Ok(StatusDocument {
        running: running.map(|running| running.version.clone()),
        now: running.and_then(|running| running.now),
        caught_up: running.map(|running| running.caught_up),
        definitions: running.and_then(|running| running.definitions.clone()),
        store: store(snapshot, running)?,
        cohorts: cohorts(project, snapshot, running)?,
        sources: running.map(|running| running.sources.clone()),
        destinations: destinations(project, snapshot, running)?,
        parts: running.map(|running| running.parts.clone()),
        held_ends: snapshot.map_or(Ok(Vec::new()), held_removals)?,
        stranded: settings.map_or(Ok(Vec::new()), |snapshot| stranded(project, snapshot))?,
        restored: snapshot.map(restored).transpose()?.flatten(),
    })
}

fn store(
    snapshot: Option<&Snapshot>,
    running: Option<&RunningState>,
) -> Result<StoreSummary, EngineError> {
    let statistics = match snapshot {
        Some(snapshot) => snapshot.statistics()?,
        None => Statistics::default(),
    };
    Ok(StoreSummary {
        users: statistics.users,
        events: statistics.events,
        event_types: statistics.event_names,
        bytes: statistics.disk_bytes,
        retention_refused: running.and_then(|running| running.retention.clone()),
    })
}

/// Returns the active cohorts of the running service, or else those that are defined, or else those
/// that the store knows.
fn active_cohorts(
    project: &Project,
    snapshot: Option<&Snapshot>,
    running: Option<&RunningState>,
) -> Result<BTreeMap<CohortId, RunningCohort>, EngineError> {
    if let Some(running) = running {
        return Ok(running.cohorts.clone());
    }
    if !project.knows_settings {
        let known = snapshot.map_or(Ok(Vec::new()), Snapshot::cohorts)?;
        return Ok(known
            .into_iter()
            .map(|id| (id, RunningCohort::default()))
            .collect());
    }
    let definitions = project.definitions.iter();
    Ok(definitions
        .map(|definition| {
            let cohort = RunningCohort {
                cadence: definition.cadence.to_string(),
                ..RunningCohort::default()
            };
            (definition.id.clone(), cohort)
        })
        .collect())
}

fn cohorts(
    project: &Project,
    snapshot: Option<&Snapshot>,
    running: Option<&RunningState>,
) -> Result<Vec<CohortSummary>, EngineError> {
    let mut cohorts = Vec::new();
    for (id, active) in active_cohorts(project, snapshot, running)? {
        let mut cohort = CohortSummary {
            id: id.to_string(),
            members: 0,
            cadence: active.cadence,
            last_run: None,
            last_run_at: active.last,
            next_run_at: active.next,
            held: None,
            failing: None,
            error: active.error,
        };
        if let Some(snapshot) = snapshot {
            let status = muster_engine::status(snapshot, &id)?;
            cohort.members = snapshot.members_len(&id)?;
            cohort.last_run = muster_engine::records(snapshot, &id, 1)?.pop();
            cohort.last_run_at = active.last.max(status.ran);
            cohort.held = status.held;
            cohort.failing = status.failing;
        }
        cohorts.push(cohort);
    }
    Ok(cohorts)
}

fn destinations(
    project: &Project,
    snapshot: Option<&Snapshot>,
    running: Option<&RunningState>,
) -> Result<Vec<DestinationHealth>, EngineError> {
    let backlog = snapshot.map_or(Ok(Vec::new()), Snapshot::backlog)?;
    let mut names: BTreeSet<String> = project.config.destinations.keys().cloned().collect();
    if !project.knows_settings {
        names.extend(backlog.iter().map(|(name, ..)| name.clone()));
    }
    let mut destinations = Vec::new();
    for name in names {
        let health = running.and_then(|running| running.destinations.get(&name).cloned());
        let waiting = backlog.iter().find(|(other, ..)| *other == name);
        let (messages, bytes) = waiting.map_or((0, 0), |(_, messages, bytes)| (*messages, *bytes));
        let dead = snapshot.map_or(Ok(0), |snapshot| snapshot.count_dead_letters(&name))?;
        destinations.push(DestinationHealth {
            name,
            waiting_messages: messages,
            waiting_bytes: bytes,
            dead_letters: dead,
            ..health.unwrap_or_default()
        });
    }
    Ok(destinations)
}

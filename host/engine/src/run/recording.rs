//! The run records that a run leaves in the store for users.

use muster_model::{Cadence, Millis};
use muster_store::Snapshot;

use crate::EngineError;
use crate::cohort::Cohort;
use crate::modules::records;
use crate::report::{Reason, RunRecord, SkippedUsers};

/// The length of `2026-03-01T00:00`: instants with the same first characters are in the same
/// minute.
const MINUTE: usize = 16;

/// Returns a run's record as the store takes it; `None` for a real-time run that did nothing.
/// Real-time runs of one minute share a record.
pub(super) fn record(
    snapshot: &Snapshot,
    cohort: &Cohort,
    at: Millis,
    record: RunRecord,
) -> Result<Option<muster_store::StoredRun>, EngineError> {
    let mut record = record;
    let mut replaces_last = false;
    if cohort.cadence == Cadence::RealTime
        && record.reason == Reason::Scheduled
        && record.held.is_none()
    {
        if record.entered + record.exited + record.messages == 0
            && record.skipped.iter().all(SkippedUsers::is_known)
        {
            return Ok(None);
        }
        if let Some(last) = records(snapshot, &cohort.id, 1)?.pop()
            && last.reason == Reason::Scheduled
            && last.held.is_none()
            && last.at.get(..MINUTE) == record.at.get(..MINUTE)
        {
            record = join(last, record);
            replaces_last = true;
        }
    }
    Ok(Some(muster_store::StoredRun {
        replaces_last,
        ..record.stored(&cohort.id, at)?
    }))
}

/// Joins two records into one. The users without an answer are those of the later record, which
/// counts all who fail at present.
fn join(earlier: RunRecord, later: RunRecord) -> RunRecord {
    RunRecord {
        at: earlier.at,
        runs: earlier.runs + later.runs,
        candidates: earlier.candidates + later.candidates,
        evaluated: earlier.evaluated + later.evaluated,
        entered: earlier.entered + later.entered,
        exited: earlier.exited + later.exited,
        messages: earlier.messages + later.messages,
        run_id: later.run_id.or(earlier.run_id),
        duration_ms: earlier.duration_ms + later.duration_ms,
        ..later
    }
}

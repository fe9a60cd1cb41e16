//! The candidates of a run: changed users, due users, or all users.

use muster_model::{Cadence, to_hex};
use muster_store::{ModuleKey, Snapshot};
use roaring::RoaringBitmap;

use crate::EngineError;
use crate::cohort::{Cohort, CohortSync};
use crate::copy::DestinationCopy;
use crate::prior_state::PriorState;
use crate::run_options::RunOptions;
use crate::state::{CohortState, UnfinishedRun};

/// Begins a run at `now`, after the prior state. Returns `None` if no membership can have changed
/// and all cohorts are real-time, where such a run is not worth a record.
pub(crate) fn begin(
    snapshot: &Snapshot,
    module: &ModuleKey,
    prior: &PriorState,
    cohorts: &[Cohort],
    options: &RunOptions<'_>,
) -> Result<Option<UnfinishedRun>, EngineError> {
    let now = options.now;
    let begun = |all_users| UnfinishedRun {
        now: now.0,
        sequence: snapshot.sequence(),
        all_users,
        next_user: 0,
        candidates: 0,
        evaluated: 0,
        skipped: Vec::new(),
    };
    let Some(state) = &prior.module else {
        return Ok(Some(begun(true)));
    };
    // A run of some cohorts alone leaves no module state that the next run could go on from.
    if options.all_users || options.resend || options.alone {
        return Ok(Some(begun(true)));
    }
    // Expiries hold only while the clock goes forward: at an earlier clock every answer may differ.
    if now.0 < state.now {
        return Ok(Some(begun(true)));
    }
    let key_of_run = to_hex(&module.0);
    for (cohort, prior) in cohorts.iter().zip(&prior.cohorts) {
        let definition = to_hex(&cohort.definition);
        // The store may know the module from another cohort, or from before another module took
        // this cohort over.
        let follows = (prior.state.as_ref()).filter(|state| {
            state.definition == definition
                && state.module_key == key_of_run
                && state.evaluated <= now.0
        });
        let Some(CohortState {
            copies,
            held,
            stale,
            ..
        }) = follows
        else {
            return Ok(Some(begun(true)));
        };
        // A held cohort stays as it is, so no user needs to be evaluated for it.
        if held.is_some() && options.guard.is_some() {
            continue;
        }
        if *stale {
            return Ok(Some(begun(true)));
        }
        // A destination that does not hold the whole cohort receives what it lacks.
        let complete = |sync: &CohortSync| {
            let copy = copies.get(&sync.destination);
            copy.is_some_and(DestinationCopy::is_complete)
        };
        if !cohort.sync.iter().all(complete) {
            return Ok(Some(begun(true)));
        }
    }
    let Some(changed) = snapshot.changed_users(state.sequence)? else {
        return Ok(Some(begun(true)));
    };
    let real_time = (cohorts.iter()).all(|cohort| cohort.cadence == Cadence::RealTime);
    if real_time && changed.is_empty() && prior.due(snapshot, module, now)?.is_empty() {
        return Ok(None);
    }
    Ok(Some(begun(false)))
}

/// Returns the users of a run who are still to be evaluated.
pub(crate) fn remaining(
    snapshot: &Snapshot,
    module: &ModuleKey,
    cohorts: &[Cohort],
    prior: &PriorState,
    open: &UnfinishedRun,
) -> Result<RoaringBitmap, EngineError> {
    let changed = if open.all_users {
        None
    } else {
        snapshot.changed_users(prior.module.as_ref().map_or(0, |state| state.sequence))?
    };
    let mut candidates = match changed {
        Some(changed) => changed | prior.due(snapshot, module, open.now())?,
        None => {
            // Members may be no longer known, since history can be deleted. Users whose first event
            // lies after `now` are no members yet. They are candidates too, so that they are stored
            // as due at the time of that event.
            let mut users = snapshot.known(open.now())?;
            let later = snapshot.known_later(open.now())?;
            users.extend(later.into_iter().map(|(user, _)| user.0));
            let all = 0..=u32::MAX;
            for (cohort, prior) in cohorts.iter().zip(&prior.cohorts) {
                users |= prior.members.within(snapshot, &cohort.id, &all)?;
            }
            users
        }
    };
    candidates.remove_range(0..open.next_user);
    Ok(candidates)
}

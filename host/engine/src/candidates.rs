//! Who has to be asked: users with news, users whose answer has run out, or everybody.

use muster_model::Cadence;
use muster_store::{ModuleKey, Snapshot};
use roaring::RoaringBitmap;

use crate::EngineError;
use crate::cohort::{Cohort, CohortSync};
use crate::copy::DestinationCopy;
use crate::prior_state::PriorState;
use crate::run::RunOptions;
use crate::state::{self, CohortState, UnfinishedRun};

/// Begins a tick at `now`, after what is remembered of the last one. `None`: nobody can have moved,
/// and in real time that is not worth a record.
pub(crate) fn begin(
    snapshot: &Snapshot,
    module: &ModuleKey,
    prior: &PriorState,
    cohorts: &[Cohort],
    options: &RunOptions<'_>,
) -> Result<Option<UnfinishedRun>, EngineError> {
    let now = options.now;
    let tick = |everybody| UnfinishedRun {
        now: now.0,
        sequence: snapshot.sequence(),
        all_users: everybody,
        next_user: 0,
        candidates: 0,
        evaluated: 0,
        skipped: Vec::new(),
    };
    let Some(state) = &prior.module else {
        return Ok(Some(tick(true)));
    };
    // A run of some cohorts alone leaves no rule behind that the next could go on from.
    if options.all_users || options.resend || options.alone {
        return Ok(Some(tick(true)));
    }
    // Deadlines look forward only: at an earlier clock every answer may differ.
    if now.0 < state.now {
        return Ok(Some(tick(true)));
    }
    let of_rule = state::hex(&module.0);
    for (cohort, prior) in cohorts.iter().zip(&prior.cohorts) {
        let definition = state::hex(&cohort.definition);
        // The rule may be known from another cohort, or from before another rule took this one
        // over.
        let follows = (prior.state.as_ref()).filter(|state| {
            state.definition == definition
                && state.module_key == of_rule
                && state.evaluated <= now.0
        });
        let Some(CohortState {
            copies,
            held,
            stale,
            ..
        }) = follows
        else {
            return Ok(Some(tick(true)));
        };
        // It stays as it is, and nobody need be asked about it.
        if held.is_some() && options.guard.is_some() {
            continue;
        }
        if *stale {
            return Ok(Some(tick(true)));
        }
        // A destination that does not hold the cohort is sent what it lacks.
        let complete = |sync: &CohortSync| {
            let copy = copies.get(&sync.destination);
            copy.is_some_and(DestinationCopy::is_complete)
        };
        if !cohort.sync.iter().all(complete) {
            return Ok(Some(tick(true)));
        }
    }
    let Some(news) = snapshot.changed_users(state.sequence)? else {
        return Ok(Some(tick(true)));
    };
    let real_time = (cohorts.iter()).all(|cohort| cohort.cadence == Cadence::RealTime);
    if real_time && news.is_empty() && prior.due(snapshot, module, now)?.is_empty() {
        return Ok(None);
    }
    Ok(Some(tick(false)))
}

/// The users of a tick that are still to be asked.
pub(crate) fn remaining(
    snapshot: &Snapshot,
    module: &ModuleKey,
    cohorts: &[Cohort],
    prior: &PriorState,
    tick: &UnfinishedRun,
) -> Result<RoaringBitmap, EngineError> {
    let news = if tick.all_users {
        None
    } else {
        snapshot.changed_users(prior.module.as_ref().map_or(0, |state| state.sequence))?
    };
    let mut candidates = match news {
        Some(news) => news | prior.due(snapshot, module, tick.now())?,
        None => {
            // Members may be no longer known: history can be forgotten. Who is known later only is
            // no member yet, but must be asked when the time has come.
            let mut everybody = snapshot.known(tick.now())?;
            let later = snapshot.known_later(tick.now())?;
            everybody.extend(later.into_iter().map(|(user, _)| user.0));
            let all = 0..=u32::MAX;
            for (cohort, prior) in cohorts.iter().zip(&prior.cohorts) {
                everybody |= prior.members.within(snapshot, &cohort.id, &all)?;
            }
            everybody
        }
    };
    candidates.remove_range(0..tick.next_user);
    Ok(candidates)
}

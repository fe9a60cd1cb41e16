//! A person is forgotten: their memberships end, and destinations are told, in the commit that deletes their history.

use muster_model::{CohortId, Millis};
use muster_store::{Forget, Store};
use roaring::RoaringBitmap;

use crate::removal::{begin, exits};
use crate::report::{Reason, RunRecord};
use crate::{EngineError, payload, state};

/// What forgetting a user did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Whether there was such a user.
    pub known: bool,
    /// The cohorts that the user was a member of.
    pub exited: Vec<CohortId>,
    /// The messages that tell of it.
    pub messages: u64,
}

/// Deletes a user: history, properties, memberships, and the id itself; all destinations that knew of a membership are told of the exit.
/// Events that come in later with the same id are a new user's. What stays is said at [`Store::forget_user`]. No tick may run at the time.
///
/// # Errors
/// When the store fails, or while something is being imported; then nothing has changed.
pub fn forget(store: &Store, user: &str, now: Millis) -> Result<Forgotten, EngineError> {
    let snapshot = store.snapshot()?;
    let Some(key) = snapshot.user_key(user)? else {
        return Ok(Forgotten::default());
    };
    let alone = RoaringBitmap::from_iter([key.0]);
    let mut forgotten = Forgotten::default();
    let mut forget = Forget::default();
    for cohort in snapshot.cohorts()? {
        if snapshot.members_among(&cohort, &alone)?.is_empty() {
            continue;
        }
        let mut state = state::load_cohort(&snapshot, &cohort)?.unwrap_or_default();
        let before = forget.messages.len();
        begin(&mut state, now);
        exits(
            &snapshot,
            &cohort,
            &mut state,
            &[key.0],
            &mut forget.messages,
        )?;
        let messages = (forget.messages.len() - before) as u64;
        let record = RunRecord {
            members: snapshot.members_len(&cohort)?.saturating_sub(1),
            exited: 1,
            messages,
            run_id: (messages > 0).then(|| payload::run_id(&cohort, state.second)),
            ..RunRecord::begun(Reason::Forgotten, now)
        };
        forget.records.push(record.stored(&cohort, now)?);
        let encoded = state::encode(&state)?;
        forget.cohort_states.push((cohort.clone(), encoded));
        forgotten.messages += messages;
        forgotten.exited.push(cohort);
    }
    forgotten.known = store.forget_user(key, &forget)?;
    Ok(forgotten)
}

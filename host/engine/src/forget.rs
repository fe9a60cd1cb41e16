//! Deletion of a user: the memberships end, and the destinations receive the exits, in the commit
//! that deletes the history.

use muster_model::{CohortId, Millis};
use muster_store::{ForgetChanges, Store};
use roaring::RoaringBitmap;

use crate::beside::Beside;
use crate::report::{Reason, RunRecord};
use crate::{EngineError, encoding, payload, state};

/// The effect of forgetting a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// True if there was such a user.
    pub known: bool,
    /// The cohorts that the user was a member of.
    pub exited: Vec<CohortId>,
    /// The number of messages that send the exits.
    pub messages: u64,
}

/// Deletes a user: history, properties, memberships, and the id itself. All destinations that hold
/// the user receive the exit. Later events with the same id belong to a new user.
/// [`Store::forget_user`] documents what stays. No run may be under way at the time.
///
/// # Errors
/// When the store fails. Then nothing has changed.
pub fn forget(store: &Store, user: &str, now: Millis) -> Result<Forgotten, EngineError> {
    let snapshot = store.snapshot()?;
    let Some(key) = snapshot.user_key(user)? else {
        return Ok(Forgotten::default());
    };
    let alone = RoaringBitmap::from_iter([key.0]);
    let range = key.0..=key.0;
    let mut forgotten = Forgotten::default();
    let mut forget = ForgetChanges::default();
    for cohort in snapshot.cohorts()? {
        let member = snapshot.members_among(&cohort, &alone)?;
        let mut state = state::load_cohort(&snapshot, &cohort)?.unwrap_or_default();
        let mut holding = Vec::new();
        for (destination, copy) in &state.copies {
            let held = copy.held(&snapshot, &cohort, destination, &range, &member)?;
            if !held.is_empty() {
                holding.push(destination.clone());
            }
        }
        if member.is_empty() && holding.is_empty() {
            continue;
        }
        let before = forget.messages.len();
        state.begin_beside(now);
        // A destination that has left the cohort's sync receives the exit too: later the store no
        // longer knows the id.
        for destination in holding {
            let mut beside = Beside::new(&snapshot, &cohort, &mut state);
            beside.message(&destination, false, &alone, &mut forget.messages)?;
        }
        let messages = (forget.messages.len() - before) as u64;
        let record = RunRecord {
            members: snapshot.members_len(&cohort)?.saturating_sub(member.len()),
            exited: member.len(),
            messages,
            run_id: (messages > 0)
                .then(|| payload::run_id(&cohort, state.second, snapshot.identity())),
            ..RunRecord::begun(Reason::Forgotten, now)
        };
        forget.records.push(record.stored(&cohort, now)?);
        let encoded = encoding::encode(&state)?;
        forget.cohort_states.push((cohort.clone(), encoded));
        forgotten.messages += messages;
        if !member.is_empty() {
            forgotten.exited.push(cohort);
        }
    }
    forgotten.known = store.forget_user(key, &forget)?;
    Ok(forgotten)
}

//! What is in force: the definitions' names and what they say of their end, and the places that
//! destinations are.

use muster_store::{RunCommit, Store};

use crate::cohort::Cohort;
use crate::copy::unsent_change;
use crate::{EngineError, state};

/// A destination of muster.yaml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationAddress {
    /// Its name.
    pub destination: String,
    /// Where its messages go, such as `kinesis us-west-2 cohorts`: another place is another
    /// consumer.
    pub place: String,
}

/// A destination whose name stands for another place than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedAddress {
    /// Its name.
    pub destination: String,
    /// The place before.
    pub from: String,
    /// The place now.
    pub to: String,
    /// Messages for the place before, which were dropped.
    pub dropped: u64,
}

/// Puts definitions and destinations in force before their next runs, so that a cohort that ends
/// meanwhile ends as its latest definition says. A destination whose place is another holds nothing
/// yet: the messages for the old place are dropped, and it is sent every cohort anew. No run, and
/// no delivery to a destination that has moved, may be under way.
///
/// # Errors
/// When the store fails. Then it may be called again.
pub fn activate<'a>(
    store: &Store,
    cohorts: impl Iterator<Item = &'a Cohort>,
    places: &[DestinationAddress],
) -> Result<Vec<ChangedAddress>, EngineError> {
    let snapshot = store.snapshot()?;
    let mut commit = RunCommit::default();
    let mut changes = Vec::new();
    for DestinationAddress { destination, place } in places {
        match snapshot.place(destination)? {
            Some(before) if before == *place => continue,
            Some(before) => changes.push(ChangedAddress {
                destination: destination.clone(),
                from: before,
                to: place.clone(),
                dropped: store.drop_backlog(destination)?,
            }),
            None => {}
        }
        commit.places.push((destination.clone(), place.clone()));
    }
    let cohorts: Vec<&Cohort> = cohorts.collect();
    for id in snapshot.cohorts()? {
        let Some(before) = state::load_cohort(&snapshot, &id)? else {
            continue;
        };
        let mut state = before.clone();
        for ChangedAddress { destination, .. } in &changes {
            if state.copies.remove(destination).is_some() {
                let unsent = snapshot.unsent_within(&id, destination, &(0..=u32::MAX))?;
                commit
                    .unsent
                    .extend(unsent_change(&id, destination, unsent));
            }
        }
        if let Some(cohort) = cohorts.iter().find(|cohort| cohort.id == id) {
            state.adopt(cohort, snapshot.identity());
        }
        if state != before {
            commit.cohort_states.push((id, state::encode(&state)?));
        }
    }
    if !(commit.places.is_empty() && commit.cohort_states.is_empty()) {
        store.commit_run(&commit)?;
    }
    Ok(changes)
}

//! Activation of definitions and destinations: names, what happens on removal, and the addresses of
//! destinations.

use muster_store::{RunCommit, Store};

use crate::cohort::Cohort;
use crate::copy::unsent_change;
use crate::{EngineError, encoding, state};

/// A destination of muster.yaml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationAddress {
    /// Its name.
    pub destination: String,
    /// Its address, such as `kinesis us-west-2 cohorts`. Another address is another consumer.
    pub place: String,
}

/// A destination whose address has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedAddress {
    /// Its name.
    pub destination: String,
    /// The address before.
    pub from: String,
    /// The address now.
    pub to: String,
    /// The number of messages for the old address, which were dropped.
    pub dropped: u64,
}

/// Activates definitions and destinations before their next runs, so that a cohort that is removed
/// meanwhile ends as its latest definition says. A destination with another address holds nothing
/// yet: this drops the messages for the old address, and the next runs send every cohort in full.
/// No run may be under way, and no delivery to a destination whose address has changed.
///
/// # Errors
/// When the store fails. Then the caller may call it again.
pub fn activate<'a>(
    store: &Store,
    cohorts: impl Iterator<Item = &'a Cohort>,
    addresses: &[DestinationAddress],
) -> Result<Vec<ChangedAddress>, EngineError> {
    let snapshot = store.snapshot()?;
    let mut commit = RunCommit::default();
    let mut changes = Vec::new();
    for DestinationAddress { destination, place } in addresses {
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
            commit.cohort_states.push((id, encoding::encode(&state)?));
        }
    }
    if !(commit.places.is_empty() && commit.cohort_states.is_empty()) {
        store.commit_run(&commit)?;
    }
    Ok(changes)
}

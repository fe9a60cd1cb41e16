//! The messages for destinations that `muster.yaml` does not have.

use muster_project::Project;
use muster_store::{Snapshot, StoreError};

use crate::api::StrandedMessages;

/// Finds the messages that wait for a destination which a project does not have.
///
/// # Errors
/// If the store fails.
pub fn stranded(
    project: &Project,
    snapshot: &Snapshot,
) -> Result<Vec<StrandedMessages>, StoreError> {
    let known = &project.config.destinations;
    let backlog = snapshot.backlog()?.into_iter();
    let stranded = backlog.filter(|(name, ..)| !known.contains_key(name));
    Ok(stranded
        .map(|(name, waiting_messages, waiting_bytes)| StrandedMessages {
            name,
            waiting_messages,
            waiting_bytes,
        })
        .collect())
}

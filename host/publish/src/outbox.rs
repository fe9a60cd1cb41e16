//! The part of the store that publishing needs, as a trait, so that tests can watch each
//! acknowledgement.

use std::sync::Arc;

use muster_store::{Outgoing, Store, StoreError};
use muster_tasks::blocking;

use crate::error::Cause;

/// The messages that wait, by destination.
pub(crate) trait Outbox: Send + Sync + 'static {
    /// Returns messages of `destination` with a sequence above `after`, oldest first: at most
    /// `limit`, and no more once their bodies reach `bytes`.
    fn read(
        &self,
        destination: &str,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Outgoing>, StoreError>;

    /// Removes messages that were sent, durably.
    fn acknowledge(&self, destination: &str, sequences: &[u64]) -> Result<(), StoreError>;
}

impl Outbox for Store {
    fn read(
        &self,
        destination: &str,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Outgoing>, StoreError> {
        self.outbox(destination, after, limit, bytes)
    }

    fn acknowledge(&self, destination: &str, sequences: &[u64]) -> Result<(), StoreError> {
        Store::acknowledge(self, destination, sequences)
    }
}

/// Calls [`Outbox::read`] on a thread of its own.
pub(crate) async fn read<O: Outbox>(
    outbox: &Arc<O>,
    destination: &str,
    after: u64,
    limit: usize,
    bytes: usize,
) -> Result<Vec<Outgoing>, Cause> {
    let (outbox, destination) = (Arc::clone(outbox), destination.to_owned());
    Ok(blocking(move || outbox.read(&destination, after, limit, bytes)).await?)
}

/// Calls [`Outbox::acknowledge`] on a thread of its own.
pub(crate) async fn acknowledge<O: Outbox>(
    outbox: &Arc<O>,
    destination: &str,
    sequences: Vec<u64>,
) -> Result<(), Cause> {
    let (outbox, destination) = (Arc::clone(outbox), destination.to_owned());
    Ok(blocking(move || outbox.acknowledge(&destination, &sequences)).await?)
}

//! The part of the store that publishing needs, as a trait, so that tests can watch each
//! acknowledgement.

use std::sync::Arc;

use muster_store::{Outgoing, RejectedMessage, Store, StoreError};
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

    /// Returns sequences and ids of messages of `destination` with a sequence above `after`, oldest
    /// first, at most `limit`.
    fn ids(
        &self,
        destination: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, String)>, StoreError>;

    /// Removes messages durably: those that were sent, and those that become dead letters.
    fn settle(
        &self,
        destination: &str,
        sent: &[u64],
        rejected: &[RejectedMessage],
    ) -> Result<(), StoreError>;
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

    fn ids(
        &self,
        destination: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        self.outbox_ids(destination, after, limit)
    }

    fn settle(
        &self,
        destination: &str,
        sent: &[u64],
        rejected: &[RejectedMessage],
    ) -> Result<(), StoreError> {
        Store::settle(self, destination, sent, rejected)
    }
}

/// Calls [`Outbox::settle`] on a thread of its own.
pub(crate) async fn settle<O: Outbox>(
    outbox: &Arc<O>,
    destination: &str,
    sent: Vec<u64>,
    rejected: Vec<RejectedMessage>,
) -> Result<(), Cause> {
    let (outbox, destination) = (Arc::clone(outbox), destination.to_owned());
    Ok(blocking(move || outbox.settle(&destination, &sent, &rejected)).await?)
}

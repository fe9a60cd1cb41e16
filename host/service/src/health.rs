//! Destinations as the running service sees them.

use muster_model::Millis;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A destination.
#[derive(Default)]
pub(crate) struct DestinationState {
    /// A notification that a commit has put messages for this destination into the outbox.
    pub(crate) wake: Notify,
    health: Mutex<Health>,
}

/// The health of a destination.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// The reason why the destination takes no messages now, with the remedy.
    pub(crate) error: Option<String>,
    /// The beginning of the outage.
    pub(crate) since: Option<Millis>,
    /// The latest instant at which the destination took a message.
    pub(crate) delivered: Option<Millis>,
}

impl DestinationState {
    /// Returns the health now.
    pub(crate) fn health(&self) -> Health {
        self.health.lock().clone()
    }

    /// Notes that the destination took a message.
    pub(crate) fn took(&self) {
        self.health.lock().delivered = Some(Millis::now());
    }

    /// Notes that the destination takes messages.
    pub(crate) fn recovered(&self) {
        let mut health = self.health.lock();
        (health.error, health.since) = (None, None);
    }

    /// Notes that the destination takes no messages, and why.
    pub(crate) fn failed(&self, why: String) {
        let mut health = self.health.lock();
        health.error = Some(why);
        health.since.get_or_insert_with(Millis::now);
    }
}

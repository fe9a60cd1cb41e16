//! The options and the report of a drain.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The time after which a drain ends if nothing is delivered. It is long enough for a fail-over or
/// a short loss of the network, and short enough for a command that a user watches. Between drains
/// the backlog waits in the outbox.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// The conditions under which a drain ends before the outbox is empty.
#[derive(Clone, Debug)]
pub struct DrainOptions {
    /// Ends the drain before the next call when cancelled. A call under way is completed, so that
    /// its delivered messages are acknowledged.
    pub cancel: CancellationToken,
    /// The instant after which no call begins.
    pub deadline: Option<Instant>,
    /// The time without a single delivered message after which the destination counts as
    /// unavailable.
    pub give_up_after: Duration,
}

impl Default for DrainOptions {
    fn default() -> Self {
        Self {
            cancel: CancellationToken::new(),
            deadline: None,
            give_up_after: GIVE_UP_AFTER,
        }
    }
}

impl DrainOptions {
    /// Returns true if no further call may begin.
    pub(crate) fn over(&self) -> bool {
        self.cancel.is_cancelled() || self.deadline.is_some_and(|end| Instant::now() >= end)
    }

    /// Waits for `delay`, but not beyond the end of the drain.
    pub(crate) async fn pause(&self, delay: Duration) {
        let until = Instant::now() + delay;
        let until = self.deadline.map_or(until, |end| end.min(until));
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = self.cancel.cancelled() => {}
        }
    }
}

/// The work of a drain, so far or in total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Messages sent and acknowledged.
    pub messages: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Calls made.
    pub attempts: u64,
    /// Messages that were retried: each further call of a message counts, so one that took three
    /// calls counts twice.
    pub retried: u64,
    /// Messages that were retried although they may have arrived, because the answer was lost or
    /// not clear. Consumers drop such duplicates by their id.
    pub maybe_duplicates: u64,
    /// Messages that left the outbox as dead letters: the destination will never accept them.
    pub dead: u64,
    /// Times that a message was refused because the destination had enough for the moment.
    pub throttled: u64,
    /// Set if the outbox was empty at the end. It is false during the drain, and after a
    /// cancellation or the deadline.
    pub complete: bool,
}

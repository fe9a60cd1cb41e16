//! What a drain is told, and what it tells.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a drain goes on while nothing gets through. Long enough for a fail-over or a short loss
/// of the network, short enough that a command ends while somebody watches. In between drains the
/// backlog waits in the outbox.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// When a drain ends before the outbox is empty.
#[derive(Clone, Debug)]
pub struct DrainOptions {
    /// Cancel to end before the next call. A call under way is waited for, so that what it sent is
    /// acknowledged.
    pub cancel: CancellationToken,
    /// No call begins after this.
    pub deadline: Option<Instant>,
    /// Time with not one message sent after which the destination counts as unavailable.
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
    /// Whether no further call may begin.
    pub(crate) fn over(&self) -> bool {
        self.cancel.is_cancelled() || self.deadline.is_some_and(|end| Instant::now() >= end)
    }

    /// Waits, but no longer than the drain may go on.
    pub(crate) async fn pause(&self, delay: Duration) {
        let until = Instant::now() + delay;
        let until = self.deadline.map_or(until, |end| end.min(until));
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = self.cancel.cancelled() => {}
        }
    }
}

/// What a drain did, so far or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Messages sent and acknowledged.
    pub messages: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Calls made.
    pub attempts: u64,
    /// Messages that went into a call once more after one in which they failed; one that took three
    /// calls counts twice.
    pub retried: u64,
    /// Times a message was turned away because the destination had enough for the moment.
    pub throttled: u64,
    /// The outbox was empty in the end. False while under way, and after a cancellation or the
    /// deadline.
    pub complete: bool,
}

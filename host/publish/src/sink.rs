//! What the drain knows of a destination.

use std::future::Future;

use muster_store::Outgoing;

use crate::batch::CallLimits;
use crate::error::Cause;

/// An open destination.
pub(crate) trait Sink: Send {
    /// What one call takes.
    fn limits(&self) -> CallLimits;

    /// Why this message will never be taken, if it will not.
    fn refuses(&self, message: &Outgoing) -> Option<String>;

    /// Makes one call. The answer has a verdict per message, in order.
    fn send(
        &mut self,
        messages: &[Outgoing],
    ) -> impl Future<Output = Result<Vec<Verdict>, CallFailure>> + Send;
}

/// What became of one message of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is there, durably.
    Sent,
    /// Turned away for now: too much at once.
    Throttled(String),
    /// Not there, or not known to be, for no fault of its own.
    Failed(String),
    /// It will never be taken as it is.
    Poison(String),
}

/// Why a whole call came to nothing, as far as is known.
#[derive(Debug)]
pub(crate) enum CallFailure {
    /// Too much at once.
    Throttled(String),
    /// It may work the next time. The messages may have arrived all the same: their answer may have
    /// been lost.
    Transient(String),
    /// It will not work until somebody changes something.
    Stop(Cause),
}

//! The interface between the drain and a destination.

use std::future::Future;

use muster_store::Outgoing;

use crate::batch::CallLimits;
use crate::error::Cause;

/// An open destination.
pub(crate) trait Sink: Send {
    /// Returns the limits of one call.
    fn limits(&self) -> CallLimits;

    /// Returns the reason why the destination will never accept this message, if there is one.
    fn refuses(&self, message: &Outgoing) -> Option<String>;

    /// Makes one call. The answer has a verdict per message, in order.
    fn send(
        &mut self,
        messages: &[Outgoing],
    ) -> impl Future<Output = Result<Vec<Verdict>, CallFailure>> + Send;
}

/// The result of one message of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The message is stored durably.
    Sent,
    /// The message is refused for now, because there were too many.
    Throttled(String),
    /// The message is not stored, or not known to be, and is not at fault itself.
    Failed(String),
    /// The destination will never accept the message as it is.
    Poison(String),
}

/// The reason why a whole call failed, as far as it is known.
#[derive(Debug)]
pub(crate) enum CallFailure {
    /// The call is refused for now, because there was too much at once.
    Throttled(String),
    /// The call may work the next time. The messages may have arrived, because their answer may
    /// have been lost.
    Transient(String),
    /// The call will not work until a setting or a permission changes.
    Stop(Cause),
}

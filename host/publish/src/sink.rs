//! The interface between the drain and a destination.

use std::future::Future;

use muster_store::Outgoing;

use crate::batch::CallLimits;
use crate::error::Cause;

/// An open destination.
pub(crate) trait Sink: Send + Sync + 'static {
    /// Returns the limits of calls.
    fn limits(&self) -> CallLimits;

    /// Returns true if messages of different cohorts take turns. Otherwise all messages go in the
    /// order of the outbox.
    fn takes_turns(&self) -> bool {
        false
    }

    /// Returns the reason why the destination will never accept this message, if there is one.
    fn refuses(&self, message: &Outgoing) -> Option<String>;

    /// Makes one call.
    fn send(
        &self,
        messages: &[Outgoing],
    ) -> impl Future<Output = Result<CallAnswer, CallFailure>> + Send;
}

/// The answer to a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallAnswer {
    /// A verdict per message, in order.
    pub(crate) verdicts: Vec<Verdict>,
    /// The shards that took messages.
    pub(crate) shards: Vec<String>,
}

impl CallAnswer {
    /// Makes the answer of a destination without shards.
    pub(crate) fn of(verdicts: Vec<Verdict>) -> Self {
        Self {
            verdicts,
            shards: Vec::new(),
        }
    }
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
    /// The call is refused because of one of its messages, or several. None has arrived.
    Refused(String),
    /// The call will not work until a setting or a permission changes.
    Stop(Cause),
}

//! A destination in this process, for tests of a whole host. The drain is the real one, and the
//! test decides the result of each call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use muster_store::Outgoing;

use crate::batch::CallLimits;
use crate::error::Cause;
use crate::sink::{CallAnswer, CallFailure, Sink, Verdict};

/// The limits of one call.
const LIMITS: CallLimits = CallLimits {
    messages: 3,
    bytes: 1 << 20,
    overhead: 0,
    calls: 2,
};

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerAnswer {
    /// One flag per message: true if it is delivered, false if it is refused for now.
    Each(Vec<bool>),
    /// No answer, so the results of all messages are unknown.
    None,
    /// The consumer accepts nothing until its settings change.
    Denied,
}

/// The answer to a call.
pub type Answering = Pin<Box<dyn Future<Output = ConsumerAnswer> + Send>>;

/// The function with which a consumer takes a call.
type Take = dyn Fn(&[Outgoing]) -> Answering + Send + Sync;

/// A consumer that takes the messages of a call and answers.
#[derive(Clone)]
pub struct MemoryConsumer(Arc<Take>);

impl MemoryConsumer {
    /// Creates a consumer that takes calls by a function.
    pub fn new(take: impl Fn(&[Outgoing]) -> Answering + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }
}

impl fmt::Debug for MemoryConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consumer")
    }
}

impl PartialEq for MemoryConsumer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for MemoryConsumer {}

impl Sink for MemoryConsumer {
    fn limits(&self) -> CallLimits {
        LIMITS
    }

    fn takes_turns(&self) -> bool {
        true
    }

    fn refuses(&self, _: &Outgoing) -> Option<String> {
        None
    }

    async fn send(&self, messages: &[Outgoing]) -> Result<CallAnswer, CallFailure> {
        let verdict = |taken| match taken {
            true => Verdict::Sent,
            false => Verdict::Throttled("too much at once".to_owned()),
        };
        match (self.0)(messages).await {
            ConsumerAnswer::Each(taken) => {
                Ok(CallAnswer::of(taken.into_iter().map(verdict).collect()))
            }
            ConsumerAnswer::None => Err(CallFailure::Transient("no answer".to_owned())),
            ConsumerAnswer::Denied => Err(CallFailure::Stop(Cause::Denied {
                reason: "denied".to_owned(),
                hint: "change the script of the test",
            })),
        }
    }
}

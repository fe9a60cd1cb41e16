//! Moves messages from the outbox to a destination.

use std::sync::Arc;
use std::time::Duration;

use muster_model::Backoff;
use muster_store::Outgoing;
use tokio::time::Instant;

use crate::batch;
use crate::error::{Cause, PoisonMessage, PublishError};
use crate::outbox::{self, Outbox};
use crate::report::{DrainOptions, DrainReport};
use crate::sink::{CallFailure, Sink, Verdict};

/// The wait after the first call in a row that delivered nothing, and after a call that delivered
/// some messages but not all: a shard's budget of a second is a tenth full again.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest wait: 100 ms doubled seven times is 12.8 s, cut to this. Six calls a minute are no
/// burden, and a destination that works again is noticed within seconds.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// The wait between two calls after a failure.
const BACKOFF: Backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY);

/// Drains any outbox into any sink, as [`crate::drain`] does.
pub(crate) async fn drain_with<O: Outbox, S: Sink>(
    outbox: &Arc<O>,
    name: &str,
    sink: &mut S,
    options: &DrainOptions,
    progress: &(dyn Fn(&DrainReport) + Send + Sync),
) -> Result<DrainReport, PublishError> {
    let mut drain = Drain {
        outbox,
        name,
        sink,
        report: DrainReport::default(),
        waiting: Vec::new(),
        read_up_to: 0,
        poison: Vec::new(),
        outage: None,
    };
    let result = drain.run(options, progress).await;
    let (report, poison) = (drain.report, drain.poison);
    let cause = match result {
        Err(cause) => cause,
        // Poison does not end a drain: all other messages are sent first, then it is reported.
        Ok(()) if !poison.is_empty() => Cause::Poison { messages: poison },
        Ok(()) => return Ok(report),
    };
    Err(PublishError {
        destination: name.to_owned(),
        report,
        cause: Box::new(cause),
    })
}

/// A message that was read and is not delivered yet.
struct PendingMessage {
    message: Outgoing,
    /// Set if the message was in an earlier call and failed.
    failed: bool,
}

/// Calls in a row that delivered nothing.
struct Outage {
    since: Instant,
    calls: u32,
}

struct Drain<'a, O, S> {
    outbox: &'a Arc<O>,
    name: &'a str,
    sink: &'a mut S,
    report: DrainReport,
    /// Messages that were read and not sent yet, oldest first: those that failed in the last call,
    /// then those that did not fit into it. At most the messages of one call and one more.
    waiting: Vec<PendingMessage>,
    /// The sequence up to which the outbox has been read.
    read_up_to: u64,
    poison: Vec<PoisonMessage>,
    outage: Option<Outage>,
}

/// The result of one call.
#[derive(Default)]
struct Settled {
    sent: usize,
    /// The reason why the last of the messages to retry failed.
    failure: Option<String>,
}

impl<O: Outbox, S: Sink> Drain<'_, O, S> {
    async fn run(
        &mut self,
        options: &DrainOptions,
        progress: &(dyn Fn(&DrainReport) + Send + Sync),
    ) -> Result<(), Cause> {
        while !options.over() {
            // New messages are added only when none failed: a destination that refused some gets no
            // more.
            if !self.waiting.iter().any(|entry| entry.failed) {
                self.read().await?;
            }
            if self.waiting.is_empty() {
                self.report.complete = true;
                progress(&self.report);
                return Ok(());
            }
            let settled = self.call().await?;
            progress(&self.report);
            if let Some(delay) = self.assess(settled, options.give_up_after)? {
                options.pause(delay).await;
            }
        }
        Ok(())
    }

    /// Reads on in the outbox until there are enough messages for a call, or no more.
    async fn read(&mut self) -> Result<(), Cause> {
        let limits = self.sink.limits();
        let size = |message: &Outgoing| message.body.len() + limits.overhead;
        let mut bytes: usize = self.waiting.iter().map(|entry| size(&entry.message)).sum();
        while self.waiting.len() < limits.messages && bytes < limits.bytes {
            let (free, free_bytes) = (limits.messages - self.waiting.len(), limits.bytes - bytes);
            let read =
                outbox::read(self.outbox, self.name, self.read_up_to, free, free_bytes).await?;
            let Some(last) = read.last() else {
                return Ok(());
            };
            self.read_up_to = last.sequence;
            for message in read {
                if let Some(reason) = self.sink.refuses(&message) {
                    self.set_aside(&message, reason);
                    continue;
                }
                bytes += size(&message);
                self.waiting.push(PendingMessage {
                    message,
                    failed: false,
                });
            }
        }
        Ok(())
    }

    /// Sets a message aside that cannot be sent. The message stays in the outbox.
    fn set_aside(&mut self, message: &Outgoing, reason: String) {
        self.poison.push(PoisonMessage {
            sequence: message.sequence,
            id: message.id.clone(),
            reason,
        });
    }

    /// Makes one call with the first messages, and acknowledges those that it delivered.
    async fn call(&mut self) -> Result<Settled, Cause> {
        let sizes = self.waiting.iter().map(|entry| entry.message.body.len());
        let count = batch::prefix(sizes, &self.sink.limits());
        let rest = self.waiting.split_off(count);
        let entries = std::mem::replace(&mut self.waiting, rest);
        let retried = entries.iter().filter(|entry| entry.failed).count();
        let messages: Vec<_> = entries.into_iter().map(|entry| entry.message).collect();

        self.report.attempts += 1;
        self.report.retried += retried as u64;
        let verdicts = match self.sink.send(&messages).await {
            Ok(verdicts) => verdicts,
            Err(CallFailure::Throttled(reason)) => vec![Verdict::Throttled(reason); messages.len()],
            Err(CallFailure::Transient(reason)) => vec![Verdict::Failed(reason); messages.len()],
            Err(CallFailure::Stop(cause)) => return Err(cause),
        };
        self.settle(messages, verdicts).await
    }

    /// Sorts a call's messages by their verdicts.
    async fn settle(
        &mut self,
        messages: Vec<Outgoing>,
        verdicts: Vec<Verdict>,
    ) -> Result<Settled, Cause> {
        let mut settled = Settled::default();
        let (mut sent, mut bytes, mut failed) = (Vec::new(), 0, Vec::new());
        // A message without a verdict is not known to have arrived.
        let unknown = std::iter::repeat_with(|| Verdict::Failed("no answer".to_owned()));
        for (message, verdict) in messages
            .into_iter()
            .zip(verdicts.into_iter().chain(unknown))
        {
            match verdict {
                Verdict::Sent => {
                    sent.push(message.sequence);
                    bytes += message.body.len() as u64;
                    continue;
                }
                Verdict::Poison(reason) => {
                    self.set_aside(&message, reason);
                    continue;
                }
                Verdict::Throttled(reason) => {
                    self.report.throttled += 1;
                    settled.failure = Some(reason);
                }
                Verdict::Failed(reason) => settled.failure = Some(reason),
            }
            failed.push(PendingMessage {
                message,
                failed: true,
            });
        }
        // Oldest first: the failed messages are older than those that did not fit.
        failed.append(&mut self.waiting);
        self.waiting = failed;

        settled.sent = sent.len();
        if !sent.is_empty() {
            outbox::acknowledge(self.outbox, self.name, sent).await?;
            self.report.messages += settled.sent as u64;
            self.report.bytes += bytes;
        }
        Ok(settled)
    }

    /// Returns the wait after a call, if any.
    fn assess(
        &mut self,
        settled: Settled,
        give_up_after: Duration,
    ) -> Result<Option<Duration>, Cause> {
        let Some(reason) = settled.failure else {
            self.outage = None;
            return Ok(None);
        };
        if settled.sent > 0 {
            // The destination takes some messages at a time, so the drain continues at its pace.
            self.outage = None;
            return Ok(Some(BACKOFF.spread(1, fastrand::f64())));
        }
        let outage = self.outage.get_or_insert_with(|| Outage {
            since: Instant::now(),
            calls: 0,
        });
        outage.calls = outage.calls.saturating_add(1);
        let elapsed = outage.since.elapsed();
        if elapsed >= give_up_after {
            return Err(Cause::Unavailable {
                reason,
                calls: outage.calls,
                seconds: elapsed.as_secs(),
            });
        }
        let delay = BACKOFF.spread(outage.calls, fastrand::f64());
        Ok(Some(delay.min(give_up_after - elapsed)))
    }
}

#[cfg(test)]
mod tests;

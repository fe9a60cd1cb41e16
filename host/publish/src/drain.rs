//! Moves messages from the outbox to a destination.

use std::sync::Arc;
use std::time::Duration;

use muster_model::{Backoff, Millis};
use muster_store::{Outgoing, RejectedMessage};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::batch::CallBudget;
use crate::error::{Cause, PublishError};
use crate::outbox::{self, Outbox};
use crate::pace::{PacedCall, SendPace};
use crate::rejections::Rejections;
use crate::report::{DrainOptions, DrainReport};
use crate::retries::{Pending, Retries};
use crate::sink::{CallAnswer, CallFailure, Sink, Verdict};
use crate::turns::Turns;

/// The longest wait of the first retry: a shard's budget of a second is a tenth full again.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest wait: 100 ms doubled seven times is 12.8 s, cut to this. Six calls a minute are no
/// burden, and a destination that works again is noticed within seconds.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// The wait before a message that failed is sent again, and between calls that delivered nothing.
const BACKOFF: Backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY);

/// The wait before a message that was throttled is sent again. It is short, because the pace limits
/// what is sent.
const THROTTLED: Backoff = Backoff::new(FIRST_DELAY, Duration::from_secs(1));

/// The time between two reads of the outbox while calls are under way and nothing else waits.
const POLL: Duration = Duration::from_millis(100);

/// The seconds of the pace that messages in calls and retries may take. Beyond it no new message is
/// read, so a message of another cohort waits about this long at most.
const WINDOW_SECONDS: f64 = 2.0;

/// The most bytes of messages that a drain holds: 16 calls of 1 MB, and as much for retries.
pub const WINDOW_BYTES: usize = 32_000_000;

/// The most messages that a drain holds: 16 calls of 500, and as many for retries.
const WINDOW_MESSAGES: usize = 16_000;

/// The knowledge about a destination that outlives a drain.
#[derive(Debug)]
pub(crate) struct Experience {
    pub(crate) pace: SendPace,
    /// True if the destination has taken a message.
    pub(crate) has_delivered: bool,
}

impl Experience {
    pub(crate) fn new(pace: SendPace) -> Self {
        Self {
            pace,
            has_delivered: false,
        }
    }
}

/// Drains any outbox into any sink, as [`crate::drain`] does.
pub(crate) async fn drain_with<O: Outbox, S: Sink>(
    outbox: &Arc<O>,
    name: &str,
    sink: &Arc<S>,
    experience: &mut Experience,
    options: &DrainOptions,
    progress: &(dyn Fn(&DrainReport) + Send + Sync),
) -> Result<DrainReport, PublishError> {
    let mut drain = Drain {
        outbox,
        name,
        sink,
        experience,
        report: DrainReport::default(),
        turns: Turns::new(sink.takes_turns()),
        retries: Retries::default(),
        calls: JoinSet::new(),
        in_calls: (0, 0),
        rejections: Rejections::default(),
        outage: None,
        not_before: Instant::now(),
        stop: None,
    };
    let result = drain.run(options, progress).await;
    let (report, poison) = (drain.report, drain.rejections.take_suspected());
    let cause = match result {
        Err(cause) => cause,
        // A refused message does not end a drain: all other messages are sent first.
        Ok(()) if !poison.is_empty() => Cause::Poison { messages: poison },
        Ok(()) => return Ok(report),
    };
    Err(PublishError {
        destination: name.to_owned(),
        report,
        cause: Box::new(cause),
    })
}

/// Calls in a row that delivered nothing.
struct Outage {
    since: Instant,
    calls: u32,
}

/// A call that has ended.
struct EndedCall {
    messages: Vec<Pending>,
    paced: PacedCall,
    result: Result<CallAnswer, CallFailure>,
}

struct Drain<'a, O, S> {
    outbox: &'a Arc<O>,
    name: &'a str,
    sink: &'a Arc<S>,
    experience: &'a mut Experience,
    report: DrainReport,
    turns: Turns,
    retries: Retries,
    calls: JoinSet<EndedCall>,
    /// The messages and bytes of the calls under way.
    in_calls: (usize, usize),
    rejections: Rejections,
    outage: Option<Outage>,
    /// The instant before which no call begins.
    not_before: Instant,
    /// The cause that ends the drain after the calls under way.
    stop: Option<Cause>,
}

/// The results of calls that ended, before they are committed.
#[derive(Default)]
struct Settled {
    sent: Vec<u64>,
    bytes: u64,
    /// The number of calls that failed and delivered nothing, and the reason of the last.
    failed: u32,
    reason: Option<String>,
}

impl<O: Outbox, S: Sink> Drain<'_, O, S> {
    async fn run(
        &mut self,
        options: &DrainOptions,
        progress: &(dyn Fn(&DrainReport) + Send + Sync),
    ) -> Result<(), Cause> {
        loop {
            let is_drained = self.begin_calls(options).await?;
            if self.calls.is_empty() {
                if let Some(cause) = self.stop.take() {
                    return Err(cause);
                }
                if options.over() {
                    return Ok(());
                }
                if is_drained {
                    self.report.complete = true;
                    progress(&self.report);
                    return Ok(());
                }
            }
            let ended = self.wait(options, is_drained).await;
            if !ended.is_empty() {
                self.settle(ended, options.give_up_after).await?;
                progress(&self.report);
            }
        }
    }

    /// Begins as many calls as the limits, the pace and the messages allow. Returns true if no
    /// message is left that is not in a call.
    async fn begin_calls(&mut self, options: &DrainOptions) -> Result<bool, Cause> {
        loop {
            // During an outage, a single call finds out whether it is over.
            let calls = match self.outage {
                Some(_) => 1,
                None => self.sink.limits().calls,
            };
            let may_begin = self.stop.is_none()
                && !options.over()
                && self.calls.len() < calls
                && Instant::now() >= self.not_before
                && self.experience.pace.wait().is_zero();
            if !may_begin {
                return Ok(false);
            }
            let messages = self.next_call().await?;
            if messages.is_empty() {
                return Ok(self.retries.is_empty() && self.has_space());
            }
            self.begin(messages);
        }
    }

    /// Returns true if the messages in calls and retries leave space for new ones.
    fn has_space(&self) -> bool {
        let (retries, retry_bytes) = self.retries.size();
        let (messages, bytes) = (self.in_calls.0 + retries, self.in_calls.1 + retry_bytes);
        let limits = self.sink.limits();
        let (most, most_bytes) = match self.experience.pace.within(WINDOW_SECONDS) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive numbers, cut to the window"
            )]
            Some((messages, bytes)) => (
                (messages as usize).clamp(2 * limits.messages, WINDOW_MESSAGES),
                (bytes as usize).clamp(2 * limits.bytes, WINDOW_BYTES),
            ),
            None => (WINDOW_MESSAGES, WINDOW_BYTES),
        };
        messages < most && bytes < most_bytes
    }

    /// Returns the messages of the next call: those to send again, the oldest first, and new ones
    /// behind them.
    async fn next_call(&mut self) -> Result<Vec<Pending>, Cause> {
        let all = self.outage.is_some();
        if let Some(group) = self.retries.take_suspects(all) {
            return Ok(group);
        }
        let limits = self.experience.pace.limits(self.sink.limits());
        let mut budget = CallBudget::new(limits);
        let mut call = self.retries.take_due(all, &mut budget);
        while !budget.is_full() && self.has_space() {
            let taken = self.turns.take(self.outbox, self.name, budget).await?;
            if taken.is_empty() {
                break;
            }
            for message in taken {
                match self.sink.refuses(&message) {
                    Some(reason) => {
                        let rejected = rejected(&Pending::new(message), reason);
                        self.rejections.impossible(rejected);
                    }
                    None => call.push(Pending::new(message)),
                }
            }
            if !call.is_empty() {
                break;
            }
            // All of them are dead letters.
            self.commit(Vec::new()).await?;
            budget = CallBudget::new(limits);
        }
        Ok(call)
    }

    /// Begins a call.
    fn begin(&mut self, mut messages: Vec<Pending>) {
        let bytes: usize = messages
            .iter()
            .map(|pending| pending.message.body.len())
            .sum();
        let overhead = self.sink.limits().overhead * messages.len();
        let paced = self.experience.pace.begin(messages.len(), bytes + overhead);
        self.in_calls.0 += messages.len();
        self.in_calls.1 += bytes;
        self.report.attempts += 1;
        for pending in &mut messages {
            self.report.retried += u64::from(pending.attempts > 0);
            self.report.maybe_duplicates += u64::from(pending.may_have_arrived);
            pending.attempts = pending.attempts.saturating_add(1);
        }
        let sink = Arc::clone(self.sink);
        self.calls.spawn(async move {
            let (pending, bodies): (Vec<_>, Vec<Outgoing>) =
                messages.into_iter().map(split).unzip();
            let result = sink.send(&bodies).await;
            let messages = pending.into_iter().zip(bodies).map(join).collect();
            EndedCall {
                messages,
                paced,
                result,
            }
        });
    }

    /// Waits until a call has ended or the next one may begin. Returns all calls that have ended.
    async fn wait(&mut self, options: &DrainOptions, is_drained: bool) -> Vec<EndedCall> {
        let pause = self.pause(options, is_drained);
        let first = tokio::select! {
            biased;
            Some(first) = self.calls.join_next(), if !self.calls.is_empty() => first,
            () = pause_for(options, pause), if pause.is_some() => return Vec::new(),
            else => return Vec::new(),
        };
        let mut ended = Vec::new();
        let mut next = Some(first);
        while let Some(joined) = next {
            match joined {
                Ok(call) => {
                    let bytes: usize = call
                        .messages
                        .iter()
                        .map(|pending| pending.message.body.len())
                        .sum();
                    self.in_calls.0 = self.in_calls.0.saturating_sub(call.messages.len());
                    self.in_calls.1 = self.in_calls.1.saturating_sub(bytes);
                    ended.push(call);
                }
                // A call is cancelled only with the whole set, so this is a panic, which is passed
                // on to the caller.
                Err(error) => {
                    if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
            next = self.calls.try_join_next();
        }
        ended
    }

    /// Returns the time until the next call may begin; `None` if that depends on the calls under
    /// way.
    fn pause(&mut self, options: &DrainOptions, is_drained: bool) -> Option<Duration> {
        if self.stop.is_some() || options.over() {
            return None;
        }
        let limit = if self.outage.is_some() {
            1
        } else {
            self.sink.limits().calls
        };
        if self.calls.len() >= limit {
            return None;
        }
        let now = Instant::now();
        if is_drained {
            return Some(POLL);
        }
        let until = |at: Instant| at.saturating_duration_since(now);
        let mut pause = until(self.not_before).max(self.experience.pace.wait());
        if pause.is_zero() {
            // There was nothing to send, so it is the messages that wait.
            let ready = self.retries.next_ready().map_or(POLL, until);
            pause = ready.max(Duration::from_millis(1));
            if !self.calls.is_empty() {
                pause = pause.min(POLL);
            }
        }
        Some(pause)
    }

    /// Sorts the messages of calls by their verdicts, and commits those that are done.
    async fn settle(
        &mut self,
        ended: Vec<EndedCall>,
        give_up_after: Duration,
    ) -> Result<(), Cause> {
        let mut settled = Settled::default();
        for call in ended {
            self.sort(call, &mut settled);
        }
        if !settled.sent.is_empty() {
            self.experience.has_delivered = true;
        }
        if self.experience.has_delivered {
            self.rejections.taken(!settled.sent.is_empty());
        }
        if self.rejections.are_too_many() && self.stop.is_none() {
            self.stop = Some(self.refuses_all());
        }
        let (delivered, bytes) = (settled.sent.len() as u64, settled.bytes);
        self.commit(settled.sent).await?;
        self.report.messages += delivered;
        self.report.bytes += bytes;
        if delivered > 0 {
            self.outage = None;
        } else if let Some(reason) = settled.reason {
            self.fail(reason, settled.failed, give_up_after);
        }
        Ok(())
    }

    fn sort(&mut self, call: EndedCall, settled: &mut Settled) {
        let EndedCall {
            messages,
            paced,
            result,
        } = call;
        let count = messages.len();
        let answer = match result {
            Ok(answer) => answer,
            Err(CallFailure::Throttled(reason)) => {
                CallAnswer::of(vec![Verdict::Throttled(reason); count])
            }
            Err(CallFailure::Transient(reason)) => {
                CallAnswer::of(vec![Verdict::Failed(reason); count])
            }
            Err(CallFailure::Refused(reason)) => return self.bisect(messages, reason),
            Err(CallFailure::Stop(cause)) => {
                self.stop.get_or_insert(cause);
                return;
            }
        };
        let jitter = fastrand::f64();
        let (sent_before, mut throttled, mut failure) = (settled.sent.len(), 0_u32, None);
        // A message without a verdict is not known to have arrived.
        let unknown = std::iter::repeat_with(|| Verdict::Failed("no answer".to_owned()));
        for (mut pending, verdict) in messages
            .into_iter()
            .zip(answer.verdicts.into_iter().chain(unknown))
        {
            let (backoff, reason) = match verdict {
                Verdict::Sent => {
                    settled.sent.push(pending.message.sequence);
                    settled.bytes += pending.message.body.len() as u64;
                    continue;
                }
                Verdict::Poison(reason) => {
                    let rejected = rejected(&pending, reason);
                    self.rejections.refused(rejected, pending.message.id);
                    continue;
                }
                Verdict::Throttled(reason) => {
                    self.report.throttled += 1;
                    throttled += 1;
                    pending.may_have_arrived = false;
                    (THROTTLED, reason)
                }
                Verdict::Failed(reason) => {
                    pending.may_have_arrived = true;
                    (BACKOFF, reason)
                }
            };
            pending.ready = Instant::now() + backoff.jittered(pending.attempts, jitter);
            self.retries.add(pending);
            failure = Some(reason);
        }
        let share = f64::from(throttled) / count.max(1) as f64;
        self.experience.pace.answered(paced, share, answer.shards);
        if let Some(reason) = failure
            && settled.sent.len() == sent_before
        {
            settled.failed += 1;
            settled.reason = Some(reason);
        }
    }

    /// Splits the messages of a call that was refused as a whole, until those at fault stand alone.
    fn bisect(&mut self, mut messages: Vec<Pending>, reason: String) {
        for pending in &mut messages {
            pending.may_have_arrived = false;
            pending.ready = Instant::now();
        }
        if messages.len() > 1 {
            let half = messages.split_off(messages.len() / 2);
            self.retries.add_suspects(messages);
            self.retries.add_suspects(half);
            return;
        }
        for pending in messages {
            let rejected = rejected(&pending, reason.clone());
            self.rejections.refused(rejected, pending.message.id);
        }
    }

    /// Returns the cause that ends a drain whose messages are all refused.
    fn refuses_all(&mut self) -> Cause {
        let suspected = self.rejections.take_suspected();
        let reason = suspected
            .last()
            .map_or_else(String::new, |last| last.reason.clone());
        Cause::Misconfigured {
            reason: format!(
                "{reason} (for {} messages one after the other)",
                suspected.len()
            ),
            hint: "the destination refuses every message, so it is not the messages that are at fault; the backlog is kept",
        }
    }

    /// Commits messages that were sent, and dead letters.
    async fn commit(&mut self, sent: Vec<u64>) -> Result<(), Cause> {
        let rejected = self.rejections.take_proven();
        if sent.is_empty() && rejected.is_empty() {
            return Ok(());
        }
        let dead = rejected.len() as u64;
        outbox::settle(self.outbox, self.name, sent, rejected).await?;
        self.report.dead += dead;
        Ok(())
    }

    /// Notes calls that delivered nothing, and sets the time of the next call or the end.
    fn fail(&mut self, reason: String, calls: u32, give_up_after: Duration) {
        let now = Instant::now();
        let outage = self.outage.get_or_insert(Outage {
            since: now,
            calls: 0,
        });
        outage.calls = outage.calls.saturating_add(calls);
        let elapsed = now.saturating_duration_since(outage.since);
        if elapsed >= give_up_after {
            self.stop.get_or_insert(Cause::Unavailable {
                reason,
                calls: outage.calls,
                seconds: elapsed.as_secs(),
            });
            return;
        }
        let delay = BACKOFF.jittered(outage.calls, fastrand::f64());
        self.not_before = now + delay.min(give_up_after - elapsed);
    }
}

async fn pause_for(options: &DrainOptions, pause: Option<Duration>) {
    match pause {
        Some(pause) => options.pause(pause).await,
        None => std::future::pending().await,
    }
}

fn rejected(pending: &Pending, reason: String) -> RejectedMessage {
    RejectedMessage {
        sequence: pending.message.sequence,
        reason,
        first_attempt: pending.first_attempt,
        last_attempt: Millis::now(),
    }
}

/// Takes the message out of its attempts, for the time of a call.
fn split(mut pending: Pending) -> (Pending, Outgoing) {
    let message = Outgoing {
        sequence: pending.message.sequence,
        id: std::mem::take(&mut pending.message.id),
        body: std::mem::take(&mut pending.message.body),
    };
    (pending, message)
}

fn join((pending, message): (Pending, Outgoing)) -> Pending {
    Pending { message, ..pending }
}

#[cfg(test)]
mod tests;

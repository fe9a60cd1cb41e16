//! The pace of a stream: how much is sent in a second.
//!
//! The pace is counted in shards, each of which takes 1 MB and 1,000 records a second. It starts at
//! one shard and learns in two ways. Each shard id in an answer is a shard that takes records. And
//! it grows while answers refuse nothing: at first with what is sent, after the first refusal by a
//! tenth of the known shards a second. It falls to what an answer accepted, to a half at most.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::batch::CallLimits;

/// Kinesis: a shard takes 1 MB a second.
const SHARD_BYTES: f64 = 1_000_000.0;

/// Kinesis: a shard takes 1,000 records a second.
const SHARD_RECORDS: f64 = 1_000.0;

/// The pace that is never undercut, in shards: 50 records a second, so that a stream that works
/// again is noticed.
const LEAST: f64 = 0.05;

/// The pace that is never exceeded, in shards. Streams have at most 20,000 shards without a special
/// quota, and one process sends less than this in any case.
const MOST: f64 = 2_000.0;

/// The unused part of the pace that may be sent at once, in seconds. A shard keeps as much.
const BURST: f64 = 1.0;

/// The part of the pace that one call takes, in seconds. Larger calls would fill a shard in lumps.
const CALL_SECONDS: f64 = 0.25;

/// The share of refused messages that the pace tolerates without falling. Messages spread unevenly,
/// so that a stream whose shards are all busy always refuses some.
const TOLERATED: f64 = 0.1;

/// The growth after the first refusal, in shards a second for each known shard.
const GROWTH: f64 = 0.1;

/// The time after which a shard id that no answer names is forgotten: its shard was merged or
/// split.
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// The pace of one destination.
#[derive(Debug)]
pub(crate) struct SendPace {
    /// Shards, or `None` for a destination without limits.
    rate: Option<f64>,
    /// The part of the pace that is not used yet, in shard-seconds; negative after a large call.
    unused: f64,
    counted: Instant,
    /// False once a call was refused.
    probing: bool,
    fell: Instant,
    shards: BTreeMap<String, Instant>,
}

/// A call as the pace saw it begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacedCall {
    begun: Instant,
    /// Shard-seconds.
    cost: f64,
    /// True if the pace was used up, so that it is what limits the sender.
    limited: bool,
}

impl SendPace {
    /// Creates the pace of a stream of which nothing is known: one shard.
    pub(crate) fn of_a_shard() -> Self {
        Self::new(Some(1.0))
    }

    /// Creates the pace of a destination without limits.
    pub(crate) fn unlimited() -> Self {
        Self::new(None)
    }

    fn new(rate: Option<f64>) -> Self {
        let now = Instant::now();
        Self {
            rate,
            unused: BURST,
            counted: now,
            probing: true,
            fell: now,
            shards: BTreeMap::new(),
        }
    }

    /// Returns the pace in shards, or `None` if there is no limit.
    #[cfg(test)]
    pub(crate) fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Counts the time since the last call.
    fn refill(&mut self, rate: f64) {
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.counted = now;
        self.unused = (self.unused + elapsed * rate).min(rate * BURST);
    }

    /// Returns the wait until a call may begin; zero if it may begin now.
    pub(crate) fn wait(&mut self) -> Duration {
        let Some(rate) = self.rate else {
            return Duration::ZERO;
        };
        self.refill(rate);
        if self.unused > 0.0 {
            return Duration::ZERO;
        }
        // One millisecond more, which is the resolution of the timer.
        Duration::from_secs_f64(-self.unused / rate) + Duration::from_millis(1)
    }

    /// Returns the limits of the next call: a part of those of the destination.
    pub(crate) fn limits(&self, limits: CallLimits) -> CallLimits {
        let Some(rate) = self.rate else {
            return limits;
        };
        let seconds = (rate * CALL_SECONDS).max(self.unused);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, cut to the limit of the destination"
        )]
        let part = |of_a_shard: f64, most: usize| ((seconds * of_a_shard) as usize).clamp(1, most);
        CallLimits {
            messages: part(SHARD_RECORDS, limits.messages),
            bytes: part(SHARD_BYTES, limits.bytes),
            ..limits
        }
    }

    /// Returns the messages and bytes that the pace sends in a number of seconds.
    pub(crate) fn within(&self, seconds: f64) -> Option<(f64, f64)> {
        let amount = self.rate? * seconds;
        Some((amount * SHARD_RECORDS, amount * SHARD_BYTES))
    }

    /// Counts a call that begins.
    pub(crate) fn begin(&mut self, messages: usize, bytes: usize) -> PacedCall {
        let cost = (bytes as f64 / SHARD_BYTES).max(messages as f64 / SHARD_RECORDS);
        if let Some(rate) = self.rate {
            self.refill(rate);
            self.unused -= cost;
        }
        PacedCall {
            begun: Instant::now(),
            cost,
            limited: self.unused <= 0.0,
        }
    }

    /// Learns from the answer of a call: the share of it that was refused because of the rate, and
    /// the shards that took the rest.
    pub(crate) fn answered(&mut self, call: PacedCall, refused: f64, shards: Vec<String>) {
        let Some(rate) = self.rate else {
            return;
        };
        let now = Instant::now();
        let known = self.shards.len();
        self.shards
            .extend(shards.into_iter().map(|shard| (shard, now)));
        self.shards
            .retain(|_, seen| now.saturating_duration_since(*seen) < FORGET_AFTER);
        let shards = self.shards.len().max(1) as f64;
        let mut next = rate;
        if refused > TOLERATED {
            self.probing = false;
            // Calls that began before the pace fell say nothing about the lower pace.
            if call.begun >= self.fell {
                self.fell = now;
                next = rate * (1.0 - refused).max(0.5);
            }
        } else if refused > 0.0 {
            self.probing = false;
        } else if call.limited && self.probing {
            next = rate + call.cost;
        } else if call.limited {
            next = rate + GROWTH * shards * call.cost / rate;
        }
        if self.shards.len() > known {
            next = next.max(shards);
        }
        self.rate = Some(next.clamp(LEAST, MOST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: CallLimits = CallLimits {
        messages: 500,
        bytes: 1_000_000,
        overhead: 0,
        calls: 1,
    };

    fn shard(number: u32) -> Vec<String> {
        vec![format!("shardId-{number}")]
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_of_one_shard_is_sent_at_once_and_then_a_quarter_at_a_time() {
        let mut pace = SendPace::of_a_shard();
        assert_eq!(pace.limits(LIMITS).bytes, 1_000_000);
        let _ = pace.begin(40, 1_000_000);
        assert!(pace.wait() <= Duration::from_millis(1));
        assert_eq!(
            (pace.limits(LIMITS).bytes, pace.limits(LIMITS).messages),
            (250_000, 250)
        );
        let _ = pace.begin(10, 250_000);
        assert_eq!(pace.wait().as_millis(), 251);
        // 250 records cost as much as 250 kB.
        tokio::time::sleep(pace.wait()).await;
        let _ = pace.begin(250, 1_000);
        assert!((249..=251).contains(&pace.wait().as_millis()));
    }

    #[tokio::test(start_paused = true)]
    async fn each_shard_that_answers_adds_its_limits() {
        let mut pace = SendPace::of_a_shard();
        let call = pace.begin(1, 10);
        pace.answered(call, 0.0, (0..16).flat_map(shard).collect());
        assert_eq!(pace.rate(), Some(16.0));
        tokio::time::advance(FORGET_AFTER).await;
        pace.answered(call, 0.9, shard(0));
        pace.answered(call, 0.0, shard(1));
        assert_eq!(pace.shards.len(), 2, "the others are gone");
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_falls_once_for_all_calls_under_way_and_grows_slowly() {
        let mut pace = SendPace::of_a_shard();
        pace.rate = Some(8.0);
        let calls = [pace.begin(500, 1), pace.begin(500, 1), pace.begin(500, 1)];
        tokio::time::advance(Duration::from_millis(1)).await;
        for call in calls {
            pace.answered(call, 0.25, Vec::new());
        }
        assert_eq!(pace.rate(), Some(6.0));
        let mut rate = 6.0;
        for _ in 0..10 {
            let call = PacedCall {
                begun: Instant::now(),
                cost: rate / 10.0,
                limited: true,
            };
            pace.answered(call, 0.0, shard(0));
            rate = pace.rate().unwrap();
        }
        assert!(
            (6.09..6.11).contains(&rate),
            "a tenth of a shard in a second: {rate}"
        );
        // A few refusals are the uneven spread of messages.
        let call = pace.begin(500, 1);
        pace.answered(call, 0.05, Vec::new());
        assert_eq!(pace.rate(), Some(rate));
    }

    #[tokio::test(start_paused = true)]
    async fn without_refusals_the_pace_doubles_in_a_second_and_only_in_use() {
        let mut pace = SendPace::of_a_shard();
        let idle = PacedCall {
            begun: Instant::now(),
            cost: 0.5,
            limited: false,
        };
        pace.answered(idle, 0.0, shard(0));
        assert_eq!(pace.rate(), Some(1.0), "the sender has less to send");
        let busy = PacedCall {
            limited: true,
            cost: 1.0,
            ..idle
        };
        pace.answered(busy, 0.0, shard(0));
        assert_eq!(pace.rate(), Some(2.0));
        for _ in 0..99 {
            pace.answered(
                PacedCall {
                    begun: Instant::now(),
                    ..busy
                },
                1.0,
                Vec::new(),
            );
        }
        assert_eq!(pace.rate(), Some(LEAST));
    }
}

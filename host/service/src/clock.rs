//! The service's clock: the system's, or one that starts at another instant and may run faster.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use muster_model::Millis;
use tokio::time::Instant;

/// The largest step back of the system's clock that the service waits out, in ms; time
/// synchronisation makes such steps. Meanwhile runs stay at the latest instant. After a larger step
/// the clock was wrong before: the service follows the new time, and all users are evaluated again.
const STEP_BACK: i64 = 60_000;

/// The longest sleep before the system's clock is read again, because another program may have set
/// the clock meanwhile.
const RECHECK: Duration = Duration::from_secs(10);

/// A clock. Clones share their state. A clock with a start follows the runtime's time, which tests
/// can pause.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// The first instant of the clock, and the time when it began; `None`: it is the system's
    /// clock.
    start: Option<(Millis, Instant)>,
    speed: f64,
    latest: Arc<AtomicI64>,
}

impl Clock {
    /// Creates the system's clock, or a clock that starts now at the instant `start`. `speed` is a
    /// multiple of real time.
    pub(crate) fn new(start: Option<Millis>, speed: f64) -> Self {
        Self {
            start: start.map(|start| (start, Instant::now())),
            speed,
            latest: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// Returns the instant for a run.
    pub(crate) fn now(&self) -> Millis {
        let now = self.read();
        let latest = self.latest.fetch_max(now.0, Ordering::Relaxed);
        let back = latest.saturating_sub(now.0);
        if back <= 0 {
            return now;
        }
        if back <= STEP_BACK {
            return Millis(latest);
        }
        tracing::warn!(
            seconds = back / 1_000,
            "the system's clock was set back: all users will be evaluated again"
        );
        self.latest.store(now.0, Ordering::Relaxed);
        now
    }

    /// Reports whether this is the system's clock at its own speed.
    pub(crate) fn is_system_clock(&self) -> bool {
        self.start.is_none() && (self.speed - 1.0).abs() < f64::EPSILON
    }

    fn read(&self) -> Millis {
        match self.start {
            None => Millis::now(),
            Some((start, began)) => {
                let passed = began.elapsed().as_millis() as f64 * self.speed;
                Millis(start.0.saturating_add(passed as i64))
            }
        }
    }

    /// Sleeps until an instant has come.
    pub(crate) async fn sleep_until(&self, instant: Millis) {
        loop {
            let left = instant.0.saturating_sub(self.read().0);
            if left <= 0 {
                return;
            }
            let left = Duration::try_from_secs_f64(left as f64 / 1e3 / self.speed);
            let left = left.unwrap_or(Duration::MAX);
            // Only the system's clock can be set by others.
            let sleep = if self.start.is_none() {
                left.min(RECHECK)
            } else {
                left
            };
            tokio::time::sleep(sleep).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: i64) -> Clock {
        Clock::new(Some(Millis(start)), 0.000_001)
    }

    #[test]
    fn a_small_step_back_is_waited_out_and_a_large_one_followed() {
        let clock = at(1_000_000);
        assert_eq!(clock.now(), Millis(1_000_000));
        let back = |ms| Clock {
            start: Some((Millis(1_000_000 - ms), Instant::now())),
            ..clock.clone()
        };
        assert_eq!(back(STEP_BACK).now(), Millis(1_000_000));
        assert_eq!(back(STEP_BACK + 1).now(), Millis(1_000_000 - STEP_BACK - 1));
        assert_eq!(back(STEP_BACK + 1).now(), Millis(1_000_000 - STEP_BACK - 1));
    }

    #[tokio::test]
    async fn a_fast_clock_sleeps_less() {
        let clock = Clock::new(Some(Millis(0)), 1e6);
        clock.sleep_until(Millis(3_600_000)).await;
        assert!(clock.now() >= Millis(3_600_000));
    }
}

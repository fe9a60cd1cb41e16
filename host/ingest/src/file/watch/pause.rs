//! The backoff before a failed import is tried again.

use std::time::{Duration, Instant};

use muster_model::Backoff;

/// The first wait: a short failure is over by then.
const FIRST: Duration = Duration::from_secs(2);

/// The longest wait, short enough for an operator who has freed space on the disk.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// A wait after a failure, doubled after each failure in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetryPause {
    failures: u32,
    until: Instant,
}

impl RetryPause {
    /// Returns the wait after a failure at `now`, given that of the failure before it, if any.
    pub(super) fn after(last: Option<Self>, now: Instant) -> Self {
        let failures = last.map_or(1, |last| last.failures.saturating_add(1));
        let until = now + Backoff::new(FIRST, LONGEST).after(failures);
        Self { failures, until }
    }

    /// Returns true if the wait is over.
    pub(super) fn is_over(self, now: Instant) -> bool {
        now >= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest() {
        let now = Instant::now();
        let mut pause = RetryPause::after(None, now);
        assert!(!pause.is_over(now) && pause.is_over(now + FIRST));
        let mut waits = vec![(pause.until - now).as_secs()];
        while pause.until < now + LONGEST {
            pause = RetryPause::after(Some(pause), now);
            waits.push((pause.until - now).as_secs());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(RetryPause::after(Some(pause), now).until, now + LONGEST);
    }
}

//! The backoff before a failed import is tried again.

use std::time::{Duration, Instant};

/// The first wait: a short failure is over by then.
const FIRST: Duration = Duration::from_secs(2);

/// The longest wait, short enough for an operator who has freed space on the disk.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// A wait after a failure, doubled after each failure in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetryPause {
    wait: Duration,
    until: Instant,
}

impl RetryPause {
    /// Returns the wait after a failure at `now`, given the wait of the failure before it, if any.
    pub(super) fn after(last: Option<Self>, now: Instant) -> Self {
        let wait = last.map_or(FIRST, |last| (last.wait * 2).min(LONGEST));
        let until = now + wait;
        Self { wait, until }
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
        let mut waits = vec![pause.wait.as_secs()];
        while pause.wait < LONGEST {
            pause = RetryPause::after(Some(pause), now);
            waits.push(pause.wait.as_secs());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(RetryPause::after(Some(pause), now).wait, LONGEST);
    }
}

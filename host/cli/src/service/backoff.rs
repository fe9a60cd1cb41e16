//! The wait of a part of the service between a failure and the next attempt.

use std::time::Duration;

/// The first wait. A fault that lasted a moment is over by then.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait. After a fault is repaired, the part continues within this time.
const LONGEST: Duration = Duration::from_secs(60);

/// A wait that doubles with each failure in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Counts a failure. Returns the wait that follows it.
    pub(super) fn failed(&mut self) -> Duration {
        let wait = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait
    }

    /// Counts a failure that only an operator can repair. Returns the longest wait.
    pub(super) fn failed_permanently(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        LONGEST
    }

    /// Resets the wait after a success.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Returns the number of failures in a row.
    pub(super) fn failures(self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..9).map(|_| backoff.failed().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        backoff.succeeded();
        assert_eq!(backoff.failed(), FIRST);
        assert_eq!(backoff.failed_permanently(), LONGEST);
        assert_eq!(backoff.failures(), 2);
    }
}

//! The wait of a part of the service between a failure and the next attempt.

use std::time::Duration;

use muster_model::Backoff;

/// The first wait. A fault that lasted a moment is over by then.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait. After a fault is repaired, the part continues within this time.
const LONGEST: Duration = Duration::from_secs(60);

/// The failures in a row of a part, and the wait that follows them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartBackoff {
    failures: u32,
}

impl PartBackoff {
    /// Counts a failure. Returns the wait that follows it.
    pub(super) fn failed(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        Backoff::new(FIRST, LONGEST).after(self.failures)
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
        let mut backoff = PartBackoff::default();
        let waits: Vec<u64> = (0..9).map(|_| backoff.failed().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        backoff.succeeded();
        assert_eq!(backoff.failed(), FIRST);
        assert_eq!(backoff.failed_permanently(), LONGEST);
        assert_eq!(backoff.failures(), 2);
    }
}

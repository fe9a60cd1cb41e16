//! The wait before a retry.

use std::time::Duration;

/// A wait that doubles with each failure in a row, up to a longest wait. Doubling keeps the
/// attempts of a long outage few; the longest wait bounds the time until a repair is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Makes a backoff from the wait after the first failure and the longest wait.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// Returns the wait after `failures` failures in a row. 0 counts as 1.
    #[must_use]
    pub fn after(self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest)
    }

    /// Returns the wait after `failures` failures in a row, spread over its upper half: `jitter` 0
    /// gives half of the wait, 1 the whole wait, and other numbers count as the nearer of the two.
    /// With a random `jitter`, parts that failed at once do not all retry at once.
    #[must_use]
    pub fn spread(self, failures: u32, jitter: f64) -> Duration {
        self.after(failures)
            .mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }

    /// Returns the wait after `failures` failures in a row, spread over all of it ("full jitter"):
    /// `jitter` 0 gives none, 1 the whole wait, and other numbers count as the nearer of the two.
    #[must_use]
    pub fn jittered(self, failures: u32, jitter: f64) -> Duration {
        self.after(failures).mul_f64(jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));

    #[test]
    fn waits_double_up_to_the_longest() {
        let millis = |failures| BACKOFF.after(failures).as_millis();
        assert_eq!([0, 1, 2, 3].map(millis), [100, 100, 200, 400]);
        assert_eq!(
            [7, 8, 40, u32::MAX].map(millis),
            [6_400, 10_000, 10_000, 10_000]
        );
    }

    #[test]
    fn jitter_spreads_a_wait_over_its_upper_half() {
        let millis = |jitter| BACKOFF.spread(3, jitter).as_millis();
        assert_eq!(
            [-1.0, 0.0, 0.5, 1.0, 9.0].map(millis),
            [200, 200, 300, 400, 400]
        );
    }

    #[test]
    fn full_jitter_spreads_a_wait_over_all_of_it() {
        let millis = |jitter| BACKOFF.jittered(3, jitter).as_millis();
        assert_eq!(
            [-1.0, 0.0, 0.5, 1.0, 9.0].map(millis),
            [0, 0, 200, 400, 400]
        );
    }
}

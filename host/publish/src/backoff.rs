//! The backoff after a call in which something failed.

use std::time::Duration;

/// The wait after the first failure: a shard's budget of a second is a tenth full again.
pub(crate) const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest wait: 100 ms doubled seven times is 12.8 s, cut to this. Six calls a minute are no
/// burden, and a destination that works again is noticed within seconds.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// Returns the wait before the next call after `failures` calls in a row that delivered nothing; 1
/// also stands for a call that delivered some messages but not all. The wait doubles each time, up
/// to [`LONGEST_DELAY`]. `jitter`, 0 to 1, spreads the wait over its upper half, so that many
/// destinations that failed at once do not retry at once.
pub(crate) fn delay(failures: u32, jitter: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let full = FIRST_DELAY.saturating_mul(doubled).min(LONGEST_DELAY);
    full.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let millis = |failures| delay(failures, 1.0).as_millis();
        assert_eq!(
            [millis(0), millis(1), millis(2), millis(3)],
            [100, 100, 200, 400]
        );
        assert_eq!(
            [millis(7), millis(8), millis(40), millis(u32::MAX)],
            [6_400, 10_000, 10_000, 10_000]
        );
        assert_eq!(delay(3, 0.0).as_millis(), 200);
        assert_eq!(delay(3, 0.5).as_millis(), 300);
    }
}

//! How long to wait before what failed is tried again.

use std::time::{Duration, Instant};

/// The first wait: what was only a moment's trouble is over by then.
const FIRST: Duration = Duration::from_secs(2);

/// The longest wait: whoever has made room on the disk does not want to wait for longer.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// A wait after a failure, twice as long after each in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetryPause {
    wait: Duration,
    until: Instant,
}

impl RetryPause {
    /// After a failure at `now`, perhaps one more in a row.
    pub(super) fn after(last: Option<Self>, now: Instant) -> Self {
        let wait = last.map_or(FIRST, |last| (last.wait * 2).min(LONGEST));
        let until = now + wait;
        Self { wait, until }
    }

    /// Whether it is over.
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

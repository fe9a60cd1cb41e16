//! Checks the progress of a body, so that a slow sender does not hold bytes and time that others
//! need.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::{PACE_BYTES, ServerLimits};

/// The progress of a body, checked once per [`super::limits::PACE_TIME`].
pub(super) struct Pace {
    /// The instant of the next check.
    until: Instant,
    every: Duration,
    /// The number of checks within the time that a whole body may take.
    checks: usize,
    received: usize,
    /// The bytes that were received by the last check.
    before: usize,
}

impl Pace {
    pub(super) fn new(now: Instant, limits: &ServerLimits) -> Self {
        let every = limits.pace_time;
        let checks = limits.body_time.as_millis() / every.as_millis().max(1);
        Self {
            until: now + every,
            every,
            checks: usize::try_from(checks).unwrap_or(usize::MAX).max(1),
            received: 0,
            before: 0,
        }
    }

    pub(super) fn received(&mut self, bytes: usize) {
        self.received += bytes;
    }

    /// Returns the instant of the next check.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Checks the progress. Returns true if enough bytes arrived since the last check.
    pub(super) fn is_kept(&mut self) -> bool {
        let kept = self.received - self.before >= PACE_BYTES.max(self.before / self.checks);
        self.before = self.received;
        self.until += self.every;
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::{BODY_TIME, PACE_TIME};
    use super::*;

    /// Returns the check, from 1, at which a sender of so many bytes per check is cut off.
    fn cut(bytes: impl IntoIterator<Item = usize>) -> Option<usize> {
        let mut pace = Pace::new(Instant::now(), &ServerLimits::default());
        let mut bytes = bytes.into_iter();
        bytes
            .position(|bytes| {
                pace.received(bytes);
                !pace.is_kept()
            })
            .map(|check| check + 1)
    }

    #[test]
    fn a_steady_sender_keeps_the_pace_for_as_long_as_a_body_may_take() {
        let checks = (BODY_TIME.as_secs() / PACE_TIME.as_secs()) as usize;
        assert_eq!(checks, 6);
        for steady in [PACE_BYTES, 10_000, 20 << 20] {
            assert_eq!(cut(vec![steady; checks]), None, "{steady}");
        }
    }

    #[test]
    fn a_sender_that_stops_or_trickles_is_cut_off_at_the_next_check() {
        assert_eq!(cut([0]), Some(1));
        assert_eq!(cut([PACE_BYTES - 1]), Some(1));
        assert_eq!(cut([16 << 20, 0]), Some(2));
        assert_eq!(cut([16 << 20, PACE_BYTES]), Some(2));
        assert_eq!(cut([16 << 20, 3 << 20, 3 << 20, 0]), Some(3));
    }
}

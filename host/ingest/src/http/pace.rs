//! Whether a body gets on: what a sender must bring in, so that it does not hold bytes and time
//! that others need.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::{PACE_BYTES, ServerLimits};

/// The progress of a body, looked at once a [`super::limits::PACE_TIME`].
pub(super) struct Pace {
    /// When it is looked at next.
    until: Instant,
    every: Duration,
    /// Looks within the time that a whole body may take.
    looks: usize,
    received: usize,
    /// What was received at the last look.
    before: usize,
}

impl Pace {
    pub(super) fn new(now: Instant, limits: &ServerLimits) -> Self {
        let every = limits.pace_time;
        let looks = limits.body_time.as_millis() / every.as_millis().max(1);
        Self {
            until: now + every,
            every,
            looks: usize::try_from(looks).unwrap_or(usize::MAX).max(1),
            received: 0,
            before: 0,
        }
    }

    pub(super) fn received(&mut self, bytes: usize) {
        self.received += bytes;
    }

    /// When the next look is due.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Looks: whether enough came since the last look.
    pub(super) fn is_kept(&mut self) -> bool {
        let kept = self.received - self.before >= PACE_BYTES.max(self.before / self.looks);
        self.before = self.received;
        self.until += self.every;
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::{BODY_TIME, PACE_TIME};
    use super::*;

    /// The look, from 1, at which a sender is cut who brings in so many bytes from look to look.
    fn cut(bytes: impl IntoIterator<Item = usize>) -> Option<usize> {
        let mut pace = Pace::new(Instant::now(), &ServerLimits::default());
        let mut bytes = bytes.into_iter();
        bytes
            .position(|bytes| {
                pace.received(bytes);
                !pace.is_kept()
            })
            .map(|look| look + 1)
    }

    #[test]
    fn a_steady_sender_keeps_the_pace_for_as_long_as_a_body_may_take() {
        let looks = (BODY_TIME.as_secs() / PACE_TIME.as_secs()) as usize;
        assert_eq!(looks, 6);
        for steady in [PACE_BYTES, 10_000, 20 << 20] {
            assert_eq!(cut(vec![steady; looks]), None, "{steady}");
        }
    }

    #[test]
    fn a_sender_who_stops_or_trickles_is_cut_at_the_next_look() {
        assert_eq!(cut([0]), Some(1));
        assert_eq!(cut([PACE_BYTES - 1]), Some(1));
        assert_eq!(cut([16 << 20, 0]), Some(2));
        assert_eq!(cut([16 << 20, PACE_BYTES]), Some(2));
        assert_eq!(cut([16 << 20, 3 << 20, 3 << 20, 0]), Some(3));
    }
}

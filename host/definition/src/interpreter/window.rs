//! Windows (docs/cohorts.md, "did": "Windows").

use muster_model::Millis;

use super::calendar;
use super::moment::{Moment, after};
use crate::{End, Start, Window};

/// The instants that a window selects at a moment.
#[derive(Clone, Copy)]
pub(super) struct InstantRange {
    /// The first instant inside.
    from: Millis,
    /// The first instant after the range.
    to: Millis,
}

impl InstantRange {
    pub(super) fn contains(self, time: Millis) -> bool {
        self.from <= time && time < self.to
    }
}

/// Returns the next instant: time has whole milliseconds, so `a < t` is `a + 1 ms ≤ t`.
fn next(at: Millis) -> Millis {
    Millis(at.0.saturating_add(1))
}

impl Moment<'_> {
    /// Returns the instants that a window selects now.
    pub(super) fn resolve(self, window: &Window) -> InstantRange {
        let from = match &window.start {
            Start::Ever => Millis(i64::MIN),
            // now − W < t
            Start::Last(length) => next(self.ago(*length)),
            Start::Calendar { unit, count, zone } => {
                calendar::start(*unit, zone, self.now, 1 - i64::from(*count))
            }
            // t ≥ since
            Start::At(since) => *since,
        };
        let to = match window.end {
            // t ≤ now
            End::Now => next(self.now),
            // t ≤ now − W
            End::Before(length) => next(self.ago(length)),
            // t < until
            End::At(until) => until,
            // t < (the user's first event) + W; without an event the window selects nothing.
            End::WithinFirst(length) => self
                .first_seen()
                .map_or(Millis(i64::MIN), |first| after(first, length)),
        };
        // Nothing is later than now.
        let to = to.min(next(self.now));
        InstantRange { from, to }
    }
}

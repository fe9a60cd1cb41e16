//! The data of the user that every rule may read, and the instant until which its answer holds.

use core::cell::Cell;

use crate::bindings::Batch;
use crate::time::{Instant, Span};

/// The clock and the user that the rule answers for. Each user type of [`crate::rule!`] gives these
/// methods too.
///
/// The context keeps the earliest instant at which the answer can change with no new event. Windows
/// such as [`crate::Events::in_last`] note theirs when they are read, so a rule that compares with
/// the clock by windows and [`Self::passed`] is evaluated exactly when that is needed.
#[derive(Debug)]
pub struct Context<'a> {
    clock: Clock,
    user: usize,
    first_seen: &'a [i64],
}

/// The clock, with the earliest instant that was noted.
#[derive(Debug)]
pub(crate) struct Clock {
    pub(crate) now: i64,
    until: Cell<i64>,
}

impl Clock {
    /// Notes an instant at which the answer can change.
    #[inline]
    pub(crate) fn note(&self, instant: i64) {
        if instant < self.until.get() {
            self.until.set(instant);
        }
    }
}

impl<'a> Context<'a> {
    #[doc(hidden)]
    #[must_use]
    pub fn new(batch: &'a Batch) -> Self {
        Self {
            clock: Clock {
                now: batch.now,
                until: Cell::new(i64::MAX),
            },
            user: 0,
            first_seen: &batch.first_seen,
        }
    }

    #[doc(hidden)]
    #[inline]
    pub fn begin(&mut self, user: usize) {
        self.user = user;
        self.clock.until.set(i64::MAX);
    }

    /// Returns the noted instant. One that is not later than now counts as the next millisecond.
    #[doc(hidden)]
    #[must_use]
    pub fn until(&self) -> i64 {
        self.clock.until.get().max(self.clock.now + 1)
    }

    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub fn user(&self) -> usize {
        self.user
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the time of the user's first event ever, if there is one.
    #[must_use]
    pub fn first_seen(&self) -> Option<Instant> {
        let time = self.first_seen[self.user];
        (time != i64::MAX).then_some(Instant(time))
    }

    /// Returns true if the instant is now or earlier. The user is evaluated again at that instant.
    #[must_use]
    pub fn passed(&self, instant: Instant) -> bool {
        let passed = instant.0 <= self.clock.now;
        if !passed {
            self.clock.note(instant.0);
        }
        passed
    }

    /// Returns the clock. The rule then depends on the clock in an unknown way, so **the user is
    /// evaluated again at each run**: prefer windows, [`Self::passed`] and [`Self::with_now`].
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.note(self.clock.now + 1);
        Instant(self.clock.now)
    }

    /// Returns the value that a function computes from the clock. The function also says from which
    /// instant on the value can be another one; `None`: never. The instant may be too early but
    /// never too late.
    pub fn with_now<T>(&self, compute: impl FnOnce(Instant) -> (T, Option<Instant>)) -> T {
        let (value, until) = compute(Instant(self.clock.now));
        if let Some(until) = until {
            self.clock.note(until.0);
        }
        value
    }

    /// Returns true if the user's first event ever is less than this long ago.
    #[must_use]
    pub fn is_new_within(&self, span: Span) -> bool {
        self.first_seen()
            .is_some_and(|first| !self.passed(first + span))
    }
}

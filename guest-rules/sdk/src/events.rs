//! The events of one user, and windows of them.

use core::ops::Range;

use crate::calendar::Calendar;
use crate::context::Clock;
use crate::decimal_sum::DecimalSum;
use crate::filtered::Filtered;
use crate::time::{Instant, Span};

/// A row of a stream. [`crate::rule!`] makes a type for each stream.
pub trait Event: Copy {
    /// Returns the event of another row.
    #[doc(hidden)]
    #[must_use]
    fn at_row(self, row: usize) -> Self;
}

/// Events of one user by time, none later than now. Windows narrow them; no event is copied. The
/// view itself is `Copy`: reading it does not use it up.
///
/// It is an iterator in both directions. What is read of a window is noted: the user is evaluated
/// again when the oldest event that was read leaves the window, or when the next one enters it.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Events<'u, E> {
    clock: &'u Clock,
    times: &'u [i64],
    start: usize,
    end: usize,
    event: E,
    /// The length of the shortest window from whose past end events leave; [`i64::MAX`]: none
    /// leave.
    leave: i64,
}

impl<'u, E: Event> Events<'u, E> {
    pub(crate) fn new(clock: &'u Clock, times: &'u [i64], rows: Range<usize>, event: E) -> Self {
        Self {
            clock,
            times,
            start: rows.start,
            end: rows.end,
            event,
            leave: i64::MAX,
        }
    }

    /// Keeps the events of the last so long: later than now minus `span`.
    #[inline]
    pub fn in_last(mut self, span: Span) -> Self {
        let after = self.clock.now.saturating_sub(span.0);
        self.start += self.slice().partition_point(|time| *time <= after);
        self.leave = self.leave.min(span.0);
        self
    }

    /// Keeps the events that are this old or older: at or before now minus `span`. The next event
    /// to become so old is noted.
    #[inline]
    pub fn before_last(mut self, span: Span) -> Self {
        let last = self.clock.now.saturating_sub(span.0);
        let end = self.start + self.slice().partition_point(|time| *time <= last);
        if let Some(time) = (end < self.end).then(|| self.times[end]) {
            self.clock.note(time.saturating_add(span.0));
        }
        self.end = end;
        self
    }

    /// Keeps the events at or after an instant.
    #[inline]
    pub fn since(mut self, instant: Instant) -> Self {
        self.start += self.slice().partition_point(|time| *time < instant.0);
        self
    }

    /// Keeps the events after an instant.
    #[inline]
    pub fn after(mut self, instant: Instant) -> Self {
        self.start += self.slice().partition_point(|time| *time <= instant.0);
        self
    }

    /// Keeps the events before an instant.
    #[inline]
    pub fn before(mut self, instant: Instant) -> Self {
        self.end = self.start + self.slice().partition_point(|time| *time < instant.0);
        self
    }

    /// Keeps the events of a calendar window, which notes when it moves.
    #[inline]
    pub fn within(self, calendar: &Calendar<'_>) -> Self {
        let first = calendar.starts.first().copied().unwrap_or(i64::MIN);
        self.clock.note(calendar.moves_at);
        self.since(Instant(first))
    }

    /// Keeps the events for which a function returns true. The function is pure: of the event
    /// alone.
    #[inline]
    pub fn filter<F: Fn(&E) -> bool>(self, keep: F) -> Filtered<'u, E, F> {
        Filtered::new(self, keep)
    }

    /// Returns the number of events.
    #[must_use]
    #[inline]
    pub fn count(self) -> usize {
        self.note(self.start);
        self.rows().len()
    }

    /// Returns true if there are `count` events or more. The next evaluation is later than with
    /// [`Self::count`]: when fewer are left.
    #[must_use]
    #[inline]
    pub fn at_least(self, count: usize) -> bool {
        let enough = self.rows().len() >= count;
        if enough && count > 0 {
            self.note(self.end - count);
        }
        enough
    }

    /// Returns true if there is no event.
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        !self.at_least(1)
    }

    /// Returns the oldest event.
    #[must_use]
    pub fn first(mut self) -> Option<E> {
        self.next()
    }

    /// Returns the newest event.
    #[must_use]
    pub fn last(mut self) -> Option<E> {
        self.next_back()
    }

    /// Returns the sum of the numbers that a function returns; 0 of none. It is exact for decimals
    /// of up to six digits behind the point.
    #[must_use]
    pub fn sum_of(self, number: impl Fn(&E) -> Option<f64>) -> f64 {
        sum(self.filter_map(|event| number(&event))).0
    }

    /// Returns the average of the numbers that a function returns.
    #[must_use]
    pub fn average_of(self, number: impl Fn(&E) -> Option<f64>) -> Option<f64> {
        sum(self.filter_map(|event| number(&event))).1
    }

    /// Notes the instant at which the event of a row leaves the windows.
    #[inline]
    pub(crate) fn note(&self, row: usize) {
        if self.leave != i64::MAX && row < self.end {
            self.clock.note(self.times[row].saturating_add(self.leave));
        }
    }

    pub(crate) fn rows(&self) -> Range<usize> {
        self.start..self.end
    }

    #[inline]
    pub(crate) fn at(&self, row: usize) -> E {
        self.event.at_row(row)
    }

    /// Drops the events before a row; `None`: all.
    #[inline]
    pub(crate) fn advance_to(&mut self, row: Option<usize>) {
        self.start = row.unwrap_or(self.end);
    }

    /// Drops the events from a row on; `None`: all.
    #[inline]
    pub(crate) fn retreat_to(&mut self, row: Option<usize>) {
        self.end = row.unwrap_or(self.start);
    }

    fn slice(&self) -> &'u [i64] {
        &self.times[self.rows()]
    }
}

/// Returns the sum and the average of numbers.
pub(crate) fn sum(numbers: impl Iterator<Item = f64>) -> (f64, Option<f64>) {
    let (mut sum, mut count) = (DecimalSum::default(), 0_u32);
    for number in numbers {
        sum.add(number);
        count += 1;
    }
    (sum.sum(), (count > 0).then(|| sum.over(f64::from(count))))
}

impl<E: Event> Iterator for Events<'_, E> {
    type Item = E;

    #[inline]
    fn next(&mut self) -> Option<E> {
        let row = self.start;
        if row >= self.end {
            return None;
        }
        self.note(row);
        self.start += 1;
        Some(self.at(row))
    }

    #[inline]
    fn fold<B, F: FnMut(B, E) -> B>(self, init: B, mut f: F) -> B {
        // The first is the oldest, so no other leaves earlier.
        self.note(self.start);
        self.rows()
            .fold(init, |accumulated, row| f(accumulated, self.at(row)))
    }
}

impl<E: Event> DoubleEndedIterator for Events<'_, E> {
    #[inline]
    fn next_back(&mut self) -> Option<E> {
        if self.rows().is_empty() {
            return None;
        }
        let row = self.end - 1;
        self.note(row);
        self.end = row;
        Some(self.at(row))
    }
}

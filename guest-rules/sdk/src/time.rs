//! Instants and lengths of time.

use core::fmt;
use core::ops::{Add, Sub};

use crate::testing;

/// An instant, in ms since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

/// A length of time, in ms. [`days`] and its like make one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

/// Returns so many minutes.
#[must_use]
pub const fn minutes(count: i64) -> Span {
    Span(count.saturating_mul(60_000))
}

/// Returns so many hours.
#[must_use]
pub const fn hours(count: i64) -> Span {
    Span(count.saturating_mul(3_600_000))
}

/// Returns so many times 24 hours.
#[must_use]
pub const fn days(count: i64) -> Span {
    Span(count.saturating_mul(86_400_000))
}

/// Returns so many times 7 times 24 hours.
#[must_use]
pub const fn weeks(count: i64) -> Span {
    Span(count.saturating_mul(7 * 86_400_000))
}

impl Span {
    /// Returns the length in ms.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Returns the length in days of 24 hours, with a fraction.
    #[must_use]
    pub fn in_days(self) -> f64 {
        self.0 as f64 / 86_400_000.0
    }
}

impl Add<Span> for Instant {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Instant {
    type Output = Self;

    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Instant {
    type Output = Span;

    fn sub(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} ms)", testing::written(*self), self.0)
    }
}

/// Reads a text such as `2026-03-01T12:00:00Z` or `2026-03-01`, for tests.
impl From<&str> for Instant {
    fn from(text: &str) -> Self {
        testing::read(text)
    }
}

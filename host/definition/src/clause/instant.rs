//! Tests of instants that properties hold.

use muster_model::Millis;

use super::{Duration, TimeZoneName, Unit};

/// A test of an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstantTest {
    /// The zone of calendar units, and of dates without a time.
    pub zone: TimeZoneName,
    /// The bounds of the instant.
    pub bound: InstantBound,
}

/// The bounds of an instant t.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstantBound {
    /// `before:`, earlier than this.
    Before(Millis),
    /// `after:`, later than this.
    After(Millis),
    /// `in_last:`, t ≤ now, and the length has not passed since t.
    InLast(Length),
    /// `in_next:`, t > now, and t comes within the length.
    InNext(Length),
    /// `in_last:` with `in_next:`, one of both.
    Around(Length, Length),
    /// `before_last:`, the length has passed since t.
    BeforeLast(Length),
}

/// A length of time before or after now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// A fixed length, independent of clocks and calendars.
    Rolling(Duration),
    /// A number of calendar units, the current one included.
    Calendar(Unit, u32),
}

impl InstantTest {
    /// Returns true if the answer changes with the clock.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        match self.bound {
            InstantBound::Before(_) | InstantBound::After(_) => false,
            InstantBound::InLast(_)
            | InstantBound::InNext(_)
            | InstantBound::Around(..)
            | InstantBound::BeforeLast(_) => true,
        }
    }
}

//! Windows of calendar days, weeks and months.

use crate::bindings::Batch;
use crate::bindings::muster::cohort::types::CalendarBounds;
use crate::context::Context;
use crate::time::Instant;

/// The units of a calendar, as `rule!` names them.
#[allow(non_upper_case_globals, reason = "words of `rule!`")]
#[allow(missing_docs, reason = "words of `rule!`")]
pub mod unit {
    use crate::bindings::muster::cohort::types::CalendarUnit;

    pub const day: CalendarUnit = CalendarUnit::Day;
    pub const days: CalendarUnit = CalendarUnit::Day;
    pub const week: CalendarUnit = CalendarUnit::Week;
    pub const weeks: CalendarUnit = CalendarUnit::Week;
    pub const month: CalendarUnit = CalendarUnit::Month;
    pub const months: CalendarUnit = CalendarUnit::Month;
}

/// The last calendar days, weeks or months of a time zone, the current one included.
#[derive(Clone, Copy, Debug)]
pub struct Calendar<'a> {
    pub(crate) starts: &'a [i64],
    pub(crate) moves_at: i64,
}

impl Calendar<'_> {
    /// Returns the first instant of each unit, the current one last.
    pub fn starts(&self) -> impl ExactSizeIterator<Item = Instant> + DoubleEndedIterator + '_ {
        self.starts.iter().map(|start| Instant(*start))
    }
}

/// A calendar window of a batch. Reading it notes the instant at which it moves.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct CalendarColumn<'a>(&'a CalendarBounds);

impl<'a> CalendarColumn<'a> {
    #[must_use]
    pub fn next(calendars: &mut core::slice::Iter<'a, CalendarBounds>) -> Self {
        Self(
            calendars
                .next()
                .expect("a calendar for each that is declared"),
        )
    }

    #[must_use]
    pub fn of(self, context: &Context<'_>) -> Calendar<'a> {
        context.clock().note(self.0.moves_at);
        Calendar {
            starts: &self.0.starts,
            moves_at: self.0.moves_at,
        }
    }

    pub fn iter(batch: &'a Batch) -> core::slice::Iter<'a, CalendarBounds> {
        batch.calendars.iter()
    }
}

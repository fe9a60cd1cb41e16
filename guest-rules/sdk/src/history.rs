//! The changes of a user property.

use crate::columns::Rows;
use crate::events::Event;
use crate::kind::Kind;
use crate::time::Instant;

/// A change of a user property: from its time on the property holds its value, until the next one.
#[derive(Debug)]
pub struct Change<'a, K: Kind> {
    times: &'a [i64],
    values: K::Column<'a>,
    row: usize,
}

impl<'a, K: Kind> Change<'a, K> {
    #[doc(hidden)]
    #[must_use]
    pub fn of(mut rows: Rows<'a>) -> Self {
        Self {
            times: rows.times(),
            values: rows.column::<K>(),
            row: 0,
        }
    }

    /// Returns the time of the change.
    #[must_use]
    pub fn time(&self) -> Instant {
        Instant(self.times[self.row])
    }

    /// Returns the value from then on.
    #[must_use]
    pub fn value(&self) -> K::Value<'a> {
        K::value(self.values, self.row)
    }
}

impl<K: Kind> Clone for Change<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kind> Copy for Change<'_, K> {}

impl<K: Kind> Event for Change<'_, K> {
    fn at_row(self, row: usize) -> Self {
        Self { row, ..self }
    }
}

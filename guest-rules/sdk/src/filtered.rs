//! Events that a function keeps.

use crate::events::{Event, Events, sum};

/// Events of one user for which a function returns true. Only events that it keeps are noted: those
/// that it drops change no answer when they leave the window.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Filtered<'u, E, F> {
    events: Events<'u, E>,
    keep: F,
}

impl<'u, E: Event, F: Fn(&E) -> bool> Filtered<'u, E, F> {
    pub(crate) fn new(events: Events<'u, E>, keep: F) -> Self {
        Self { events, keep }
    }

    /// Keeps those for which another function returns true, too.
    #[inline]
    pub fn filter<G: Fn(&E) -> bool>(self, also: G) -> Filtered<'u, E, impl Fn(&E) -> bool> {
        let keep = self.keep;
        Filtered {
            events: self.events,
            keep: move |event: &E| keep(event) && also(event),
        }
    }

    /// Returns the number of events.
    #[must_use]
    #[inline]
    pub fn count(self) -> usize {
        let rows = self.events.rows();
        let Some(first) = rows.clone().find(|row| self.keeps(*row)) else {
            return 0;
        };
        self.events.note(first);
        let rest = (first + 1..rows.end).filter(|row| self.keeps(*row));
        1 + rest.count()
    }

    /// Returns true if there are `count` events or more. It reads from the newest event on, and no
    /// further than needed. The next evaluation is when fewer are left.
    #[must_use]
    #[inline]
    pub fn at_least(self, count: usize) -> bool {
        let mut missing = count;
        for row in self.events.rows().rev() {
            if missing == 0 {
                break;
            }
            if self.keeps(row) {
                missing -= 1;
                if missing == 0 {
                    self.events.note(row);
                }
            }
        }
        missing == 0
    }

    /// Returns true if there is no event.
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        !self.at_least(1)
    }

    /// Returns the oldest event.
    #[must_use]
    pub fn first(self) -> Option<E> {
        let row = self.events.rows().find(|row| self.keeps(*row))?;
        self.events.note(row);
        Some(self.events.at(row))
    }

    /// Returns the newest event.
    #[must_use]
    pub fn last(self) -> Option<E> {
        let row = self.events.rows().rev().find(|row| self.keeps(*row))?;
        self.events.note(row);
        Some(self.events.at(row))
    }

    /// Returns the sum of the numbers that a function returns, as [`Events::sum_of`].
    #[must_use]
    pub fn sum_of(self, number: impl Fn(&E) -> Option<f64>) -> f64 {
        sum(self.kept().filter_map(|event| number(&event))).0
    }

    /// Returns the average of the numbers that a function returns.
    #[must_use]
    pub fn average_of(self, number: impl Fn(&E) -> Option<f64>) -> Option<f64> {
        sum(self.kept().filter_map(|event| number(&event))).1
    }

    #[inline]
    fn keeps(&self, row: usize) -> bool {
        (self.keep)(&self.events.at(row))
    }

    fn kept(&self) -> impl Iterator<Item = E> + '_ {
        let rows = self.events.rows().filter(|row| self.keeps(*row));
        rows.map(|row| {
            self.events.note(row);
            self.events.at(row)
        })
    }
}

impl<E: Event, F: Fn(&E) -> bool> Iterator for Filtered<'_, E, F> {
    type Item = E;

    #[inline]
    fn next(&mut self) -> Option<E> {
        let row = self.events.rows().find(|row| self.keeps(*row));
        if let Some(row) = row {
            self.events.note(row);
        }
        self.events.advance_to(row.map(|row| row + 1));
        row.map(|row| self.events.at(row))
    }
}

impl<E: Event, F: Fn(&E) -> bool> DoubleEndedIterator for Filtered<'_, E, F> {
    #[inline]
    fn next_back(&mut self) -> Option<E> {
        let row = self.events.rows().rev().find(|row| self.keeps(*row));
        if let Some(row) = row {
            self.events.note(row);
        }
        self.events.retreat_to(row);
        row.map(|row| self.events.at(row))
    }
}

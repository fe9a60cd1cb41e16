//! One user at one instant: the input of a clause.

use muster_model::{Event, Millis, UserHistory, Value};

/// A history at an instant. Later events and changes are invisible.
#[derive(Clone, Copy)]
pub(super) struct Moment<'h> {
    pub(super) history: &'h UserHistory,
    pub(super) now: Millis,
}

impl<'h> Moment<'h> {
    /// Returns the visible events, in order of time.
    pub(super) fn events(self) -> impl Iterator<Item = &'h Event> {
        let visible = move |event: &&Event| event.time <= self.now;
        self.history.events.iter().filter(visible)
    }

    /// Returns the instant of the user's first event ever. Property changes are not events.
    pub(super) fn first_seen(self) -> Option<Millis> {
        self.events().map(|event| event.time).min()
    }

    /// Returns the value that a user property had at an earlier instant.
    pub(super) fn property_at(self, name: &str, at: Millis) -> Option<&'h Value> {
        self.history.property(name, at)
    }

    /// Returns the current value of a user property.
    pub(super) fn property(self, name: &str) -> Option<&'h Value> {
        self.history.property(name, self.now)
    }

    /// Returns the instant that lies a length of time before now.
    pub(super) fn ago(self, length: crate::Duration) -> Millis {
        before(self.now, length)
    }
}

/// Returns the instant that lies a length of time earlier.
pub(super) fn before(at: Millis, length: crate::Duration) -> Millis {
    Millis(at.0.saturating_sub_unsigned(length.millis()))
}

/// Returns the instant that lies a length of time later.
pub(super) fn after(at: Millis, length: crate::Duration) -> Millis {
    Millis(at.0.saturating_add_unsigned(length.millis()))
}

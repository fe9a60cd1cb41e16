//! One user at one instant: all that a clause is asked about.

use muster_model::{Event, Millis, UserHistory, Value};

/// A history as it stands at an instant. What lies later is invisible.
#[derive(Clone, Copy)]
pub(super) struct Moment<'h> {
    pub(super) history: &'h UserHistory,
    pub(super) now: Millis,
}

impl<'h> Moment<'h> {
    /// The visible events, by time.
    pub(super) fn events(self) -> impl Iterator<Item = &'h Event> {
        let visible = move |event: &&Event| event.time <= self.now;
        self.history.events.iter().filter(visible)
    }

    /// When the user's first event ever was; property changes are no events.
    pub(super) fn first_seen(self) -> Option<Millis> {
        self.events().map(|event| event.time).min()
    }

    /// The current value of a user property.
    pub(super) fn property(self, name: &str) -> Option<&'h Value> {
        self.history.property(name, self.now)
    }

    /// The instant a length of time before now.
    pub(super) fn ago(self, length: crate::Duration) -> Millis {
        before(self.now, length)
    }
}

/// The instant a length of time earlier.
pub(super) fn before(at: Millis, length: crate::Duration) -> Millis {
    Millis(at.0.saturating_sub_unsigned(length.millis()))
}

/// The instant a length of time later.
pub(super) fn after(at: Millis, length: crate::Duration) -> Millis {
    Millis(at.0.saturating_add_unsigned(length.millis()))
}

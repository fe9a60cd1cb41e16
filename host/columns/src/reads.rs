//! The reads of a module, from its description.

use muster_model::{Millis, Unit};
use muster_sandbox::{Calendar, CalendarUnit, Kind, Property, StreamReads};

use crate::{CalendarStarts, PropertyRead, StreamRead, UnknownTimeZone, ValueKind};

impl From<Kind> for ValueKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Number => Self::Number,
            Kind::Flag => Self::Flag,
            Kind::Instant => Self::Instant,
        }
    }
}

impl From<&Property> for PropertyRead {
    fn from(property: &Property) -> Self {
        Self {
            name: property.name.clone(),
            kind: property.kind.into(),
        }
    }
}

impl From<&StreamReads> for StreamRead {
    fn from(stream: &StreamReads) -> Self {
        Self {
            names: stream.names.clone(),
            properties: stream.properties.iter().map(PropertyRead::from).collect(),
            lookback: stream.reach,
        }
    }
}

impl CalendarStarts {
    /// Returns the window that a module names, at an instant.
    ///
    /// # Errors
    /// When the time zone is not known.
    pub fn of(calendar: &Calendar, now: Millis) -> Result<Self, UnknownTimeZone> {
        let unit = match calendar.unit {
            CalendarUnit::Day => Unit::Day,
            CalendarUnit::Week => Unit::Week,
            CalendarUnit::Month => Unit::Month,
        };
        Self::new(&calendar.time_zone, unit, calendar.count, now)
    }
}

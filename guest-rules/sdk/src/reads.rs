//! What a rule reads: the host fetches nothing else.

use crate::bindings::Description;
use crate::bindings::muster::cohort::types::{Calendar, CalendarUnit, Kind, Property, StreamReads};

/// What a rule reads and which cohort it answers for. Things are numbered from 0 in the order they are named here, each sort by itself.
#[derive(Clone, Debug)]
#[must_use]
pub struct Reads(pub(crate) Description);

/// A stream of events.
#[derive(Clone, Debug)]
#[must_use]
pub struct Stream(StreamReads);

impl Reads {
    /// A rule for the cohort of this id: 1 to 64 of `A-Z a-z 0-9 _ -`.
    pub fn for_cohort(id: &str) -> Self {
        Self(Description {
            cohorts: vec![id.to_owned()],
            user_properties: Vec::new(),
            property_histories: Vec::new(),
            streams: Vec::new(),
            calendars: Vec::new(),
            user_hashes: false,
        })
    }

    /// Reads a stream of events: [`crate::User::events`].
    pub fn stream(mut self, stream: Stream) -> Self {
        self.0.streams.push(stream.0);
        self
    }

    /// Reads the present text of a user property: [`crate::User::text`] and [`crate::User::texts`].
    pub fn user_text(self, name: &str) -> Self {
        self.user(name, Kind::Text)
    }

    /// Reads the present number of a user property: [`crate::User::number`].
    pub fn user_number(self, name: &str) -> Self {
        self.user(name, Kind::Number)
    }

    /// Reads the present flag of a user property: [`crate::User::flag`].
    pub fn user_flag(self, name: &str) -> Self {
        self.user(name, Kind::Flag)
    }

    fn user(mut self, name: &str, kind: Kind) -> Self {
        self.0.user_properties.push(property(name, kind));
        self
    }

    /// Reads how the text of a user property changed: [`crate::User::history`].
    pub fn text_history(self, name: &str) -> Self {
        self.history(name, Kind::Text)
    }

    /// Reads how the number of a user property changed: [`crate::User::history`].
    pub fn number_history(self, name: &str) -> Self {
        self.history(name, Kind::Number)
    }

    /// Reads how the flag of a user property changed: [`crate::User::history`].
    pub fn flag_history(self, name: &str) -> Self {
        self.history(name, Kind::Flag)
    }

    fn history(mut self, name: &str, kind: Kind) -> Self {
        self.0.property_histories.push(property(name, kind));
        self
    }

    /// Reads a stable hash of the user: [`crate::User::hash`].
    pub fn hashes(mut self) -> Self {
        self.0.user_hashes = true;
        self
    }

    /// Reads where the last `count` calendar days, weeks or months of a time zone begin: [`crate::User::calendar`].
    pub fn calendar(mut self, time_zone: &str, unit: CalendarUnit, count: u32) -> Self {
        self.0.calendars.push(Calendar {
            time_zone: time_zone.to_owned(),
            unit,
            count,
        });
        self
    }
}

impl Stream {
    /// Events of these names; `*` stands for any run of characters.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(StreamReads {
            names: names.into_iter().map(str::to_owned).collect(),
            properties: Vec::new(),
            reach: None,
        })
    }

    /// With an event property as text: [`crate::Rows::text`] and [`crate::Rows::texts`].
    pub fn text(self, name: &str) -> Self {
        self.property(name, Kind::Text)
    }

    /// With an event property as number: [`crate::Rows::numbers`].
    pub fn number(self, name: &str) -> Self {
        self.property(name, Kind::Number)
    }

    /// With an event property as flag: [`crate::Rows::flags`].
    pub fn flag(self, name: &str) -> Self {
        self.property(name, Kind::Flag)
    }

    /// Only those later than now minus so many ms.
    pub fn reach(mut self, ms: u64) -> Self {
        self.0.reach = Some(ms);
        self
    }

    fn property(mut self, name: &str, kind: Kind) -> Self {
        self.0.properties.push(property(name, kind));
        self
    }
}

fn property(name: &str, kind: Kind) -> Property {
    Property {
        name: name.to_owned(),
        kind,
    }
}

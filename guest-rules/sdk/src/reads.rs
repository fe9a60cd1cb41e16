//! Declares the data that a rule reads; the host fetches nothing else.

use crate::bindings::Description;
use crate::bindings::muster::cohort::types::{Calendar, CalendarUnit, Kind, Property, StreamReads};

/// The data that a rule reads, and its cohort. Streams, properties and the others are numbered from
/// 0 in the order of their declaration, each kind by itself.
#[derive(Clone, Debug)]
#[must_use]
pub struct Reads(pub(crate) Description);

/// A stream of events.
#[derive(Clone, Debug)]
#[must_use]
pub struct Stream(StreamReads);

impl Reads {
    /// Creates the declaration of a rule for the cohort with this id: 1 to 64 of `A-Z a-z 0-9 _ -`.
    pub fn for_cohort(id: &str) -> Self {
        Self(Description {
            cohorts: vec![id.to_owned()],
            user_properties: Vec::new(),
            property_histories: Vec::new(),
            streams: Vec::new(),
            calendars: Vec::new(),
            user_hashes: false,
            lists: Vec::new(),
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

    /// Reads the present instant of a user property: [`crate::User::instant`].
    pub fn user_instant(self, name: &str) -> Self {
        self.user(name, Kind::Instant)
    }

    fn user(mut self, name: &str, kind: Kind) -> Self {
        self.0.user_properties.push(property(name, kind));
        self
    }

    /// Reads the changes of a text user property: [`crate::User::history`].
    pub fn text_history(self, name: &str) -> Self {
        self.history(name, Kind::Text)
    }

    /// Reads the changes of a number user property: [`crate::User::history`].
    pub fn number_history(self, name: &str) -> Self {
        self.history(name, Kind::Number)
    }

    /// Reads the changes of a flag user property: [`crate::User::history`].
    pub fn flag_history(self, name: &str) -> Self {
        self.history(name, Kind::Flag)
    }

    /// Reads the changes of an instant user property: [`crate::User::history`].
    pub fn instant_history(self, name: &str) -> Self {
        self.history(name, Kind::Instant)
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

    /// Reads the beginnings of the last `count` calendar days, weeks or months of a time zone,
    /// including the current one: [`crate::User::calendar`]. `None` reads all since 1970.
    pub fn calendar(mut self, time_zone: &str, unit: CalendarUnit, count: Option<u32>) -> Self {
        self.0.calendars.push(Calendar {
            time_zone: time_zone.to_owned(),
            unit,
            count,
        });
        self
    }

    /// Reads whether the user is on a list that the host keeps: [`crate::User::listed`].
    pub fn list(mut self, name: &str) -> Self {
        self.0.lists.push(name.to_owned());
        self
    }
}

impl Stream {
    /// Creates a stream of the events with these names; `*` stands for any run of characters.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(StreamReads {
            names: names.into_iter().map(str::to_owned).collect(),
            properties: Vec::new(),
            reach: None,
        })
    }

    /// Adds an event property as text: [`crate::Rows::text`] and [`crate::Rows::texts`].
    pub fn text(self, name: &str) -> Self {
        self.property(name, Kind::Text)
    }

    /// Adds an event property as number: [`crate::Rows::numbers`].
    pub fn number(self, name: &str) -> Self {
        self.property(name, Kind::Number)
    }

    /// Adds an event property as flag: [`crate::Rows::flags`].
    pub fn flag(self, name: &str) -> Self {
        self.property(name, Kind::Flag)
    }

    /// Adds an event property as instant: [`crate::Rows::instant`].
    pub fn instant(self, name: &str) -> Self {
        self.property(name, Kind::Instant)
    }

    /// Adds the event's own name as text, which tells which of the stream's names it matches:
    /// [`crate::Rows::text`].
    pub fn event_name(self) -> Self {
        self.property("", Kind::Text)
    }

    /// Limits the stream to events later than now minus so many ms.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_describes_what_the_rule_reads() {
        let stream = Stream::of(["Trial *"]).event_name().instant("due").reach(5);
        let Reads(description) = Reads::for_cohort("trials")
            .stream(stream)
            .user_instant("born")
            .instant_history("renewed")
            .calendar("Europe/Berlin", CalendarUnit::Week, Some(4))
            .calendar("UTC", CalendarUnit::Day, None)
            .list("staff");
        let kinds = |properties: &[Property]| -> Vec<(String, Kind)> {
            let pair = |property: &Property| (property.name.clone(), property.kind);
            properties.iter().map(pair).collect()
        };
        let named = |name: &str, kind| (name.to_owned(), kind);
        let [stream] = &description.streams[..] else {
            panic!("one stream")
        };
        assert_eq!(
            kinds(&stream.properties),
            [named("", Kind::Text), named("due", Kind::Instant)]
        );
        assert_eq!(stream.reach, Some(5));
        assert_eq!(
            kinds(&description.user_properties),
            [named("born", Kind::Instant)]
        );
        assert_eq!(
            kinds(&description.property_histories),
            [named("renewed", Kind::Instant)]
        );
        let counts: Vec<_> = description
            .calendars
            .iter()
            .map(|each| each.count)
            .collect();
        assert_eq!(counts, [Some(4), None]);
        assert_eq!(description.lists, ["staff"]);
    }
}

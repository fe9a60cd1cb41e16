//! A check of a module's description.

use std::collections::HashSet;

use muster_model::{CohortId, ValueForm};

use crate::contract::{Description, Kind, Property, StreamReads};
use crate::error::DescriptionError;
use crate::{limits, text};

/// The bytes of a name that an error shows: an id and a little more.
const SHOWN: usize = 80;

/// Checks a description against the contract and the limits.
pub(crate) fn check(description: &Description) -> Result<(), DescriptionError> {
    cohorts(&description.cohorts)?;
    properties("user properties", &description.user_properties)?;
    properties("property histories", &description.property_histories)?;
    at_most("streams", description.streams.len(), limits::MAX_STREAMS)?;
    for (index, stream) in description.streams.iter().enumerate() {
        self::stream(index, stream)?;
    }
    at_most(
        "calendars",
        description.calendars.len(),
        limits::MAX_CALENDARS,
    )?;
    for (index, calendar) in description.calendars.iter().enumerate() {
        name(
            "the time zone",
            &calendar.time_zone,
            limits::MAX_TIME_ZONE_BYTES,
        )?;
        if calendar.count == Some(0) {
            return Err(DescriptionError::EmptyCalendar(index));
        }
    }
    at_most("lists", description.lists.len(), limits::MAX_LISTS)?;
    description
        .lists
        .iter()
        .try_for_each(|list| name("the list", list, limits::MAX_NAME_BYTES))
}

fn cohorts(cohorts: &[String]) -> Result<(), DescriptionError> {
    if cohorts.is_empty() {
        return Err(DescriptionError::NoCohort);
    }
    at_most("cohorts", cohorts.len(), limits::MAX_COHORTS)?;
    let mut seen = HashSet::with_capacity(cohorts.len());
    for id in cohorts {
        if CohortId::new(id).is_err() {
            return Err(DescriptionError::CohortId(text::short(id, SHOWN)));
        }
        if !seen.insert(id) {
            return Err(DescriptionError::CohortTwice(id.clone()));
        }
    }
    Ok(())
}

fn stream(index: usize, stream: &StreamReads) -> Result<(), DescriptionError> {
    if stream.names.is_empty() {
        return Err(DescriptionError::NoNames(index));
    }
    at_most(
        "event names in a stream",
        stream.names.len(),
        limits::MAX_NAMES,
    )?;
    for event in &stream.names {
        name("the event name", event, limits::MAX_NAME_BYTES)?;
    }
    at_most(
        "properties in a stream",
        stream.properties.len(),
        limits::MAX_PROPERTIES,
    )?;
    for read in &stream.properties {
        match (read.name.as_str(), read.kind) {
            ("", Kind::Text) => {}
            ("", _) => return Err(DescriptionError::EventName(index)),
            _ => property(read)?,
        }
    }
    Ok(())
}

fn properties(what: &'static str, properties: &[Property]) -> Result<(), DescriptionError> {
    at_most(what, properties.len(), limits::MAX_PROPERTIES)?;
    properties.iter().try_for_each(property)
}

fn property(property: &Property) -> Result<(), DescriptionError> {
    let fits = match (property.kind, ValueForm::split(&property.name)) {
        (Kind::Text | Kind::Flag, _) | (Kind::Number | Kind::Instant, Some((_, None))) => true,
        (kind, Some((_, Some(form)))) => {
            matches!(form, ValueForm::Instant { .. }) == (kind == Kind::Instant)
        }
        (Kind::Number | Kind::Instant, None) => false,
    };
    if !fits {
        return Err(DescriptionError::Form(text::short(&property.name, SHOWN)));
    }
    name("the property", &property.name, limits::MAX_NAME_BYTES)
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), DescriptionError> {
    if found <= limit {
        Ok(())
    } else {
        Err(DescriptionError::TooMany { what, found, limit })
    }
}

fn name(what: &'static str, name: &str, limit: usize) -> Result<(), DescriptionError> {
    if (1..=limit).contains(&name.len()) {
        Ok(())
    } else {
        Err(DescriptionError::Name {
            what,
            name: text::short(name, SHOWN),
            found: name.len(),
            limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Calendar, CalendarUnit};

    fn sound() -> Description {
        Description {
            cohorts: vec!["vip".to_owned()],
            user_properties: vec![property("city")],
            property_histories: vec![property("plan")],
            streams: vec![stream(vec!["Purchase".to_owned()])],
            calendars: vec![calendar("Europe/Berlin", Some(1)), calendar("UTC", None)],
            user_hashes: false,
            lists: vec!["staff".to_owned()],
        }
    }

    fn property(name: &str) -> Property {
        Property {
            name: name.to_owned(),
            kind: Kind::Text,
        }
    }

    fn stream(names: Vec<String>) -> StreamReads {
        StreamReads {
            names,
            properties: vec![property("amount")],
            reach: None,
        }
    }

    fn calendar(time_zone: &str, count: Option<u32>) -> Calendar {
        Calendar {
            time_zone: time_zone.to_owned(),
            unit: CalendarUnit::Day,
            count,
        }
    }

    fn refusal(change: impl FnOnce(&mut Description)) -> String {
        let mut description = sound();
        change(&mut description);
        check(&description).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_description_passes() {
        assert_eq!(check(&sound()), Ok(()));
    }

    #[test]
    fn only_a_stream_may_read_the_property_without_a_name_and_only_as_text() {
        let named = |kind| {
            let mut description = sound();
            let property = Property {
                name: String::new(),
                kind,
            };
            for stream in &mut description.streams {
                stream.properties.push(property.clone());
            }
            check(&description)
        };
        assert_eq!(named(Kind::Text), Ok(()));
        for kind in [Kind::Number, Kind::Flag, Kind::Instant] {
            assert_eq!(named(kind), Err(DescriptionError::EventName(0)));
        }
        assert!(refusal(|d| d.user_properties.push(property(""))).contains("has 0 bytes"));
        assert!(refusal(|d| d.property_histories.push(property(""))).contains("has 0 bytes"));
    }

    #[test]
    fn a_form_behind_a_name_is_known_and_of_the_kind() {
        let read = |name: &str, kind| {
            let mut description = sound();
            let name = name.to_owned();
            description.user_properties.push(Property { name, kind });
            check(&description)
        };
        assert_eq!(read("a\0largest", Kind::Number), Ok(()));
        assert_eq!(read("a\0in Europe/Berlin", Kind::Instant), Ok(()));
        assert_eq!(read("a\0b", Kind::Text), Ok(()));
        for (name, kind) in [
            ("a\0b", Kind::Number),
            ("a\0in Nowhere", Kind::Instant),
            ("a\0largest", Kind::Instant),
            ("a\0in UTC", Kind::Number),
        ] {
            let wanted = DescriptionError::Form(name.replace('\0', " "));
            assert_eq!(read(name, kind), Err(wanted), "{name:?}");
        }
    }

    #[test]
    fn each_fault_has_its_text() {
        assert_eq!(refusal(|d| d.cohorts.clear()), "it names no cohort");
        assert!(refusal(|d| d.cohorts.push("a b".to_owned())).contains("a b"));
        assert_eq!(
            refusal(|d| d.cohorts.push("vip".to_owned())),
            "it names the cohort `vip` twice"
        );
        assert!(refusal(|d| d.streams.push(stream(Vec::new()))).starts_with("stream 1"));
        assert!(refusal(|d| d.calendars.push(calendar("UTC", Some(0)))).starts_with("calendar 2"));
        assert!(refusal(|d| d.calendars.push(calendar("", None))).contains("time zone"));
        assert!(refusal(|d| d.lists.push(String::new())).starts_with("the list `` has 0 bytes"));
    }

    #[test]
    fn each_limit_holds() {
        let long = "x".repeat(limits::MAX_NAME_BYTES + 1);
        assert!(refusal(|d| d.property_histories.push(property(&long))).contains("4097 bytes"));
        assert!(refusal(|d| d.streams.push(stream(vec![long.clone()]))).contains("4097 bytes"));
        let zone = "z".repeat(limits::MAX_TIME_ZONE_BYTES + 1);
        assert!(refusal(|d| d.calendars.push(calendar(&zone, None))).contains("65 bytes"));
        assert!(
            refusal(|d| d.cohorts = (0..=limits::MAX_COHORTS).map(|n| n.to_string()).collect())
                .contains("10001 cohorts")
        );
        assert!(
            refusal(|d| d.streams = vec![stream(vec!["*".to_owned()]); limits::MAX_STREAMS + 1])
                .contains("10001 streams")
        );
        assert!(
            refusal(|d| d
                .streams
                .push(stream(vec!["*".to_owned(); limits::MAX_NAMES + 1])))
            .contains("1001 event names")
        );
        assert!(
            refusal(|d| d.user_properties = vec![property("p"); limits::MAX_PROPERTIES + 1])
                .contains("10001 user properties")
        );
        assert!(
            refusal(|d| d.calendars = vec![calendar("UTC", None); limits::MAX_CALENDARS + 1])
                .contains("1001 calendars")
        );
        assert!(refusal(|d| d.lists.push(long.clone())).contains("4097 bytes"));
        assert!(
            refusal(|d| d.lists = vec!["staff".to_owned(); limits::MAX_LISTS + 1])
                .contains("10001 lists")
        );
        let fields = vec![property("p"); limits::MAX_PROPERTIES + 1];
        assert!(
            refusal(|d| d.streams[0].properties = fields).contains("10001 properties in a stream")
        );
    }
}

//! Checks what a rule says of itself.

use std::collections::HashSet;

use muster_model::CohortId;

use crate::contract::{Description, Property};
use crate::error::DescriptionError;
use crate::{limits, text};

/// How much of a name an error shows, in bytes: an id and a little more.
const SHOWN: usize = 80;

/// Checks a description against the contract and the limits.
pub(crate) fn check(description: &Description) -> Result<(), DescriptionError> {
    cohorts(&description.cohorts)?;
    properties("user properties", &description.user_properties)?;
    properties("property histories", &description.property_histories)?;
    at_most("streams", description.streams.len(), limits::MAX_STREAMS)?;
    for (index, stream) in description.streams.iter().enumerate() {
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
        properties("properties in a stream", &stream.properties)?;
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
        if calendar.count == 0 {
            return Err(DescriptionError::EmptyCalendar(index));
        }
    }
    Ok(())
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

fn properties(what: &'static str, properties: &[Property]) -> Result<(), DescriptionError> {
    at_most(what, properties.len(), limits::MAX_PROPERTIES)?;
    properties
        .iter()
        .try_for_each(|property| name("the property", &property.name, limits::MAX_NAME_BYTES))
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
    use crate::contract::{Calendar, CalendarUnit, Kind, StreamReads};

    fn sound() -> Description {
        Description {
            cohorts: vec!["vip".to_owned()],
            user_properties: vec![property("city")],
            property_histories: vec![property("plan")],
            streams: vec![stream(vec!["Purchase".to_owned()])],
            calendars: vec![calendar("Europe/Berlin", 1)],
            user_hashes: false,
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

    fn calendar(time_zone: &str, count: u32) -> Calendar {
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
    fn each_fault_has_its_text() {
        assert_eq!(refusal(|d| d.cohorts.clear()), "it names no cohort");
        assert!(refusal(|d| d.cohorts.push("a b".to_owned())).contains("a b"));
        assert_eq!(
            refusal(|d| d.cohorts.push("vip".to_owned())),
            "it names the cohort `vip` twice"
        );
        assert!(refusal(|d| d.user_properties.push(property(""))).contains("has 0 bytes"));
        assert!(refusal(|d| d.streams.push(stream(Vec::new()))).starts_with("stream 1"));
        assert!(refusal(|d| d.calendars.push(calendar("UTC", 0))).starts_with("calendar 1"));
        assert!(refusal(|d| d.calendars.push(calendar("", 1))).contains("time zone"));
    }

    #[test]
    fn each_limit_holds() {
        let long = "x".repeat(limits::MAX_NAME_BYTES + 1);
        assert!(refusal(|d| d.property_histories.push(property(&long))).contains("4097 bytes"));
        assert!(refusal(|d| d.streams.push(stream(vec![long.clone()]))).contains("4097 bytes"));
        let zone = "z".repeat(limits::MAX_TIME_ZONE_BYTES + 1);
        assert!(refusal(|d| d.calendars.push(calendar(&zone, 1))).contains("65 bytes"));
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
            refusal(|d| d.calendars = vec![calendar("UTC", 1); limits::MAX_CALENDARS + 1])
                .contains("1001 calendars")
        );
    }
}

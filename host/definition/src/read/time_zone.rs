//! Reads the name of a time zone.

use jiff::tz::TimeZoneDatabase;
use muster_document::{Node, YamlReader, closest, quote};

use crate::clause::TimeZoneName;

/// Abbreviations of zones that are no names of the database, each with a place that uses it.
/// Those that several countries use differently, such as `IST` and `CST` in Asia, are left out.
const ABBREVIATIONS: [(&str, &str); 16] = [
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("PT", "America/Los_Angeles"),
    ("MDT", "America/Denver"),
    ("MT", "America/Denver"),
    ("CDT", "America/Chicago"),
    ("CT", "America/Chicago"),
    ("EDT", "America/New_York"),
    ("ET", "America/New_York"),
    ("AKST", "America/Anchorage"),
    ("AKDT", "America/Anchorage"),
    ("CEST", "Europe/Berlin"),
    ("JST", "Asia/Tokyo"),
    ("KST", "Asia/Seoul"),
    ("AEST", "Australia/Sydney"),
    ("AEDT", "Australia/Sydney"),
];

/// Reads the name of a time zone: the value of `time_zone:` in definitions and in `muster.yaml`.
/// The database is the built-in one, so every machine knows the same zones.
pub fn time_zone(reader: &mut YamlReader<'_>, node: &Node) -> Option<TimeZoneName> {
    let text = reader.text(node, "a time zone")?;
    if let Some(zone) = TimeZoneName::new(text) {
        return Some(zone);
    }
    let database = TimeZoneDatabase::bundled();
    // Short names such as `EST` are zones of their own, and never what another abbreviation means.
    let names: Vec<_> = database
        .available()
        .map(|name| name.to_string())
        .filter(|name| name.contains('/'))
        .collect();
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let short = text.to_ascii_uppercase();
    let place = ABBREVIATIONS.iter().find(|(name, _)| *name == short);
    let near = || closest(text, names.iter().map(String::as_str));
    let of_city = || {
        let wanted = text.replace(' ', "_");
        let mut names = names.iter().map(String::as_str);
        names.find(|name| city(name).eq_ignore_ascii_case(&wanted))
    };
    let meant = match place {
        Some((_, place)) => Some(*place),
        None => near().or_else(of_city),
    };
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "write a name of the IANA database, such as `Europe/Berlin`, `America/Los_Angeles` or `UTC`".to_owned(),
    };
    reader.wrong(
        node.span,
        format!("unknown time zone {}", quote(text)),
        help,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_name_places_of_the_database() {
        for (abbreviation, place) in ABBREVIATIONS {
            assert_eq!(TimeZoneName::new(abbreviation), None, "{abbreviation}");
            assert!(TimeZoneName::new(place).is_some(), "{place}");
        }
    }
}

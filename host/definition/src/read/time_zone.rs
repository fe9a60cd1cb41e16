//! Reads the name of a time zone.

use jiff::tz::TimeZoneDatabase;
use muster_document::{Node, YamlReader, closest, quote};

use crate::clause::TimeZoneName;

/// Reads the name of a time zone: the value of `time_zone:` in definitions and in `muster.yaml`.
/// The database is the built-in one, so every machine knows the same zones.
pub fn time_zone(reader: &mut YamlReader<'_>, node: &Node) -> Option<TimeZoneName> {
    let text = reader.text(node, "a time zone")?;
    if let Some(zone) = TimeZoneName::new(text) {
        return Some(zone);
    }
    let database = TimeZoneDatabase::bundled();
    let names: Vec<_> = database.available().map(|name| name.to_string()).collect();
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let meant = closest(text, names.iter().map(String::as_str)).or_else(|| {
        names
            .iter()
            .map(String::as_str)
            .find(|name| city(name).eq_ignore_ascii_case(&text.replace(' ', "_")))
    });
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

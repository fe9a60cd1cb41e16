//! Calendar days, ISO weeks and months in a clause's time zone.

use muster_model::{Millis, Units};

use crate::{TimeZoneName, Unit};

/// The first instant of the unit that comes `steps` units after the one that holds an instant
/// (before it, if negative).
pub(super) fn start(unit: Unit, zone: &TimeZoneName, at: Millis, steps: i64) -> Millis {
    // A name was checked when it was made; the zones are built in.
    Units::new(unit, zone.as_str()).map_or(at, |units| units.start_of(at, steps))
}

//! Calendar days, ISO weeks and months in a clause's time zone.

use muster_model::{Millis, Units};

use crate::{TimeZoneName, Unit};

/// Returns the first instant of the unit that lies `steps` units after the unit of an instant
/// (before it, if negative).
pub(super) fn start(unit: Unit, zone: &TimeZoneName, at: Millis, steps: i64) -> Millis {
    // The name was checked when it was made, and the zones are built in.
    Units::new(unit, zone.as_str()).map_or(at, |units| units.start_of(at, steps))
}

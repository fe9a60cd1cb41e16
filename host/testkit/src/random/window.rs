//! Random lengths, calendar units and windows.

use muster_definition::{Duration, End, Start, TimeZoneName, Unit, Window};
use proptest::prelude::*;
use proptest::sample::select;

use super::{Era, HOUR, ZONES, instant};

pub(super) fn length() -> impl Strategy<Value = Duration> {
    let hours = select(&[1_u64, 3, 6, 12, 24, 24, 48, 48, 72, 72, 168, 168, 168, 336][..]);
    hours.prop_map(|hours| Duration::from_millis(hours * HOUR as u64))
}

pub(super) fn zone() -> impl Strategy<Value = TimeZoneName> {
    select(&ZONES[..]).prop_map(|name| TimeZoneName::new(name).unwrap())
}

pub(super) fn unit() -> impl Strategy<Value = Unit> {
    select(&[Unit::Day, Unit::Day, Unit::Week, Unit::Month][..])
}

/// Generates a calendar window in which whole units of `each` fit.
pub(super) fn calendar(each: Option<Unit>) -> impl Strategy<Value = Start> {
    let units = match each {
        None => vec![Unit::Day, Unit::Day, Unit::Week, Unit::Month],
        Some(Unit::Day) => vec![Unit::Day, Unit::Day, Unit::Week],
        Some(unit) => vec![unit],
    };
    let count = select(&[1_u32, 1, 2, 3, 7][..]);
    (select(units), count, zone()).prop_map(|(unit, count, zone)| Start::Calendar {
        unit,
        // Months beyond the era add nothing new.
        count: if unit == Unit::Month {
            count.min(2)
        } else {
            count
        },
        zone,
    })
}

/// Generates a window with any start and any end.
pub(super) fn window(era: Era) -> impl Strategy<Value = Window> {
    let start = prop_oneof![
        5 => length().prop_map(Start::Last),
        3 => calendar(None),
        2 => instant(era).prop_map(Start::At),
        2 => Just(Start::Ever),
    ];
    let end = prop_oneof![
        6 => Just(End::Now),
        3 => length().prop_map(End::Before),
        2 => instant(era).prop_map(End::At),
    ];
    (start, end).prop_map(|(start, end)| Window { start, end })
}

/// Generates a window of events, which may be that of the user's first days.
pub(super) fn window_of_events(era: Era) -> impl Strategy<Value = Window> {
    let first = length().prop_map(|length| Window {
        start: Start::Ever,
        end: End::WithinFirst(length),
    });
    prop_oneof![9 => window(era), 1 => first]
}

//! The answer of `describe`, laid out at compile time: the events and properties that the module
//! reads, and its cohorts.

use muster_definition::Unit;

use crate::layout::StaticData;
use crate::plan::{Plan, PlanCalendar, PlanColumn, PlanStream, ReadKind};

/// Puts the record `description` into the static data. Returns its address.
pub(crate) fn put(data: &mut StaticData, plan: &Plan) -> u32 {
    let cohorts: Vec<_> = plan
        .cohorts
        .iter()
        .map(|(id, _)| text(data, id.as_str()))
        .collect();
    let cohorts = pairs(data, &cohorts);
    let user_properties = properties(data, &plan.user_columns);
    let streams = streams(data, &plan.streams);
    let histories = properties(data, &plan.histories);
    let calendars = calendars(data, &plan.calendars);
    let lists: Vec<_> = plan.lists.iter().map(|name| text(data, name)).collect();
    let lists = pairs(data, &lists);
    let hashes = u32::from(plan.reads_hashes());
    // record description: cohorts, user-properties, property-histories, streams, calendars,
    // user-hashes (and padding), lists
    let mut words = [cohorts, user_properties, histories, streams, calendars].concat();
    words.push(hashes);
    words.extend(lists);
    data.put_words(&words)
}

/// Puts a `list<calendar>`: time zone, unit and padding, `option<u32>`.
fn calendars(data: &mut StaticData, calendars: &[PlanCalendar]) -> [u32; 2] {
    let mut words = Vec::new();
    for calendar in calendars {
        words.extend(text(data, calendar.zone.as_str()));
        words.push(match calendar.unit {
            Unit::Day => 0,
            Unit::Week => 1,
            Unit::Month => 2,
        });
        words.push(u32::from(calendar.count.is_some()));
        words.push(calendar.count.unwrap_or(0));
    }
    [data.put_words(&words), length(calendars.len())]
}

fn text(data: &mut StaticData, text: &str) -> [u32; 2] {
    [data.put(1, text.as_bytes()), length(text.len())]
}

/// Puts a `list<string>`: pairs of pointer and length.
fn pairs(data: &mut StaticData, pairs: &[[u32; 2]]) -> [u32; 2] {
    [data.put_words(&pairs.concat()), length(pairs.len())]
}

/// Puts a `list<property>`: name, kind, padding.
fn properties(data: &mut StaticData, columns: &[PlanColumn]) -> [u32; 2] {
    let mut words = Vec::new();
    for column in columns {
        words.extend(text(data, &column.name));
        words.push(match column.kind {
            ReadKind::Text => 0,
            ReadKind::Number => 1,
            // 2 is `flag`, which no clause reads.
            ReadKind::Instant => 3,
        });
    }
    [data.put_words(&words), length(columns.len())]
}

/// Puts a `list<stream-reads>`: names, properties, `option<u64>` at the next eight bytes.
fn streams(data: &mut StaticData, streams: &[PlanStream]) -> [u32; 2] {
    let mut bytes = Vec::new();
    for stream in streams {
        let names: Vec<_> = stream.names.iter().map(|name| text(data, name)).collect();
        let names = pairs(data, &names);
        let properties = properties(data, &stream.columns);
        for word in names
            .into_iter()
            .chain(properties)
            .chain([u32::from(stream.lookback.is_some()), 0])
        {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(stream.lookback.unwrap_or(0).to_le_bytes());
    }
    [data.put(8, &bytes), length(streams.len())]
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

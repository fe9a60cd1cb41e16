//! The answer of `describe`, laid out at compile time: what the module reads and whom it answers for.

use crate::layout::StaticData;
use crate::plan::{Column, Kind, Plan, Stream};

/// Puts the record `description` and says where.
pub(crate) fn put(data: &mut StaticData, plan: &Plan) -> u32 {
    let cohorts: Vec<_> = plan
        .cohorts
        .iter()
        .map(|(id, _)| text(data, id.as_str()))
        .collect();
    let cohorts = pairs(data, &cohorts);
    let user_properties = properties(data, &plan.user_columns);
    let streams = streams(data, &plan.streams);
    let none = [0, 0];
    // record description: cohorts, user-properties, property-histories, streams, calendars, user-hashes, lists
    let lists = [cohorts, user_properties, none, streams, none];
    data.put_words(&[&lists.concat()[..], &[0], &none].concat())
}

fn text(data: &mut StaticData, text: &str) -> [u32; 2] {
    [data.put(1, text.as_bytes()), length(text.len())]
}

/// A `list<string>`: pairs of pointer and length.
fn pairs(data: &mut StaticData, pairs: &[[u32; 2]]) -> [u32; 2] {
    [data.put_words(&pairs.concat()), length(pairs.len())]
}

/// A `list<property>`: name, kind, padding.
fn properties(data: &mut StaticData, columns: &[Column]) -> [u32; 2] {
    let mut words = Vec::new();
    for column in columns {
        words.extend(text(data, &column.name));
        words.push(match column.kind {
            Kind::Text => 0,
            Kind::Number => 1,
        });
    }
    [data.put_words(&words), length(columns.len())]
}

/// A `list<stream-reads>`: names, properties, `option<u64>` at the next eight bytes.
fn streams(data: &mut StaticData, streams: &[Stream]) -> [u32; 2] {
    let mut bytes = Vec::new();
    for stream in streams {
        let names: Vec<_> = stream.names.iter().map(|name| text(data, name)).collect();
        let names = pairs(data, &names);
        let properties = properties(data, &stream.columns);
        for word in names
            .into_iter()
            .chain(properties)
            .chain([u32::from(stream.reach.is_some()), 0])
        {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(stream.reach.unwrap_or(0).to_le_bytes());
    }
    [data.put(8, &bytes), length(streams.len())]
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

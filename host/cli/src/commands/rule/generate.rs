//! Users with random values for all that a rule reads.

use muster_sandbox::{Batch, Column, Description, Dictionary, EventRows, Kind, Property};

/// The texts that a property takes.
pub(super) struct TextValues {
    property: String,
    texts: Vec<String>,
}

impl TextValues {
    /// Reads `city=Seattle,Berlin`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (property, texts) = text.split_once('=')?;
        Some(Self {
            property: property.to_owned(),
            texts: texts.split(',').map(str::to_owned).collect(),
        })
    }
}

/// The texts of other properties.
const TEXTS: [&str; 4] = ["red", "green", "blue", "Zürich"];

const DAY: i64 = 86_400_000;

/// 2026-03-01T00:00:00Z.
const NOW: i64 = 1_772_323_200_000;

/// The time over which events without a lookback are spread, in days.
const DAYS: i64 = 90;

/// The part of values that are absent: one in so many.
const ABSENT: u64 = 20;

/// Generated columns.
pub(super) struct GeneratedUsers {
    users: u32,
    offsets: Vec<u32>,
    bytes: Vec<u8>,
    first_seen: Vec<i64>,
    hashes: Vec<u64>,
    properties: Vec<OwnColumn>,
    histories: Vec<OwnRows>,
    streams: Vec<OwnRows>,
    lists: Vec<Vec<u64>>,
}

enum OwnColumn {
    Number(Vec<f64>),
    Flag(Vec<u8>),
    Text(Vec<u32>),
}

struct OwnRows {
    starts: Vec<u32>,
    times: Vec<i64>,
    columns: Vec<OwnColumn>,
}

/// Random numbers that are the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// Returns a number below `most`.
    fn below(&mut self, most: u64) -> u64 {
        self.next() % most.max(1)
    }
}

impl GeneratedUsers {
    /// Generates users of a batch, each with so many events in each stream.
    pub(super) fn new(
        description: &Description,
        users: u32,
        events: u32,
        values: &[TextValues],
    ) -> Self {
        let mut texts: Vec<&str> = TEXTS.to_vec();
        let mut codes = Vec::new();
        for of_property in values {
            let first = texts.len();
            texts.extend(of_property.texts.iter().map(String::as_str));
            codes.push((of_property.property.as_str(), first..texts.len()));
        }
        let (mut offsets, mut bytes) = (vec![0], Vec::new());
        for text in texts {
            bytes.extend(text.as_bytes());
            offsets.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        }
        let mut random = Random(7);
        let column = |property: &Property, rows: usize, random: &mut Random| {
            let known = codes.iter().find(|(name, _)| *name == property.name);
            let codes = known.map_or(0..TEXTS.len(), |(_, codes)| codes.clone());
            generate(property.kind, rows, &codes, random)
        };
        let all = users as usize;
        let properties = (description.user_properties.iter())
            .map(|property| column(property, all, &mut random))
            .collect();
        let rows = |properties: &[Property], events: u32, days: i64, random: &mut Random| {
            let (mut starts, mut times) = (vec![0], Vec::new());
            for _ in 0..users {
                let first = times.len();
                // Half of the users have none, so that conditions on absence are met too.
                let events = match random.below(2) {
                    0 => 0,
                    _ => 2 * events,
                };
                times.extend((0..events).map(|_| {
                    let span = u64::try_from(days * DAY).unwrap_or_default();
                    NOW - i64::try_from(random.below(span)).unwrap_or_default()
                }));
                if let Some(times) = times.get_mut(first..) {
                    times.sort_unstable();
                }
                starts.push(u32::try_from(times.len()).unwrap_or(u32::MAX));
            }
            let columns = properties
                .iter()
                .map(|property| column(property, times.len(), random));
            OwnRows {
                columns: columns.collect(),
                starts,
                times,
            }
        };
        let histories = (description.property_histories.iter())
            .map(|property| rows(std::slice::from_ref(property), 2, DAYS, &mut random))
            .collect();
        let streams = (description.streams.iter())
            .map(|stream| {
                let reach = stream.reach.and_then(|ms| i64::try_from(ms).ok());
                let days = reach.map_or(DAYS, |ms| (ms / DAY).clamp(1, DAYS));
                rows(&stream.properties, events, days, &mut random)
            })
            .collect();
        let hashes = if description.user_hashes { all } else { 0 };
        Self {
            users,
            offsets,
            bytes,
            first_seen: vec![NOW - DAYS * DAY; all],
            hashes: (0..hashes).map(|_| random.next()).collect(),
            properties,
            histories,
            streams,
            lists: vec![vec![0; all.div_ceil(64)]; description.lists.len()],
        }
    }

    /// Calls a function with the batch.
    pub(super) fn with_batch<T>(&self, call: impl FnOnce(&Batch<'_>) -> T) -> T {
        let properties = borrowed(&self.properties);
        let histories: Vec<_> = self
            .histories
            .iter()
            .map(|rows| borrowed(&rows.columns))
            .collect();
        let streams: Vec<_> = self
            .streams
            .iter()
            .map(|rows| borrowed(&rows.columns))
            .collect();
        let histories = event_rows(&self.histories, &histories);
        let streams = event_rows(&self.streams, &streams);
        let lists: Vec<&[u64]> = self.lists.iter().map(Vec::as_slice).collect();
        call(&Batch {
            now: NOW,
            users: self.users,
            dictionary: Dictionary {
                offsets: &self.offsets,
                bytes: &self.bytes,
            },
            first_seen: &self.first_seen,
            user_hash: &self.hashes,
            user_properties: &properties,
            property_histories: &histories,
            streams: &streams,
            calendars: &[],
            lists: &lists,
        })
    }
}

fn event_rows<'a>(rows: &'a [OwnRows], columns: &'a [Vec<Column<'a>>]) -> Vec<EventRows<'a>> {
    let row = |(rows, columns): (&'a OwnRows, &'a Vec<Column<'a>>)| EventRows {
        starts: &rows.starts,
        times: &rows.times,
        columns,
    };
    rows.iter().zip(columns).map(row).collect()
}

fn borrowed<'a>(columns: &'a [OwnColumn]) -> Vec<Column<'a>> {
    let borrow = |column: &'a OwnColumn| match column {
        OwnColumn::Number(values) => Column::Number(values),
        OwnColumn::Flag(values) => Column::Flag(values),
        OwnColumn::Text(codes) => Column::Text(codes),
    };
    columns.iter().map(borrow).collect()
}

/// Generates the values of a column. Texts are those with the given indices of the dictionary.
fn generate(
    kind: Kind,
    rows: usize,
    texts: &std::ops::Range<usize>,
    random: &mut Random,
) -> OwnColumn {
    let hundredths = |number: u64| f64::from(u32::try_from(number).unwrap_or_default()) / 100.0;
    match kind {
        Kind::Number => OwnColumn::Number(
            (0..rows)
                .map(|_| match random.below(ABSENT) {
                    0 => f64::NAN,
                    _ => hundredths(random.below(10_000)),
                })
                .collect(),
        ),
        Kind::Instant => OwnColumn::Number(
            (0..rows)
                .map(|_| {
                    let days = i32::try_from(random.below(180)).unwrap_or_default() - 90;
                    (NOW + i64::from(days) * DAY) as f64
                })
                .collect(),
        ),
        Kind::Flag => OwnColumn::Flag(
            (0..rows)
                .map(|_| u8::try_from(random.below(3)).unwrap_or(2))
                .collect(),
        ),
        Kind::Text => OwnColumn::Text(
            (0..rows)
                .map(|_| {
                    let text = texts.start as u64 + random.below(texts.len() as u64);
                    // Code 0 is absent, so the first text has code 1.
                    u32::try_from(text + 1).unwrap_or_default()
                })
                .collect(),
        ),
    }
}

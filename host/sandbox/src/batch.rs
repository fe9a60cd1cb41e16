//! A check that a batch matches a module's description. It compares only lengths, so its cost grows
//! with the number of columns, not of rows.

use crate::contract::{Batch, Column, Description, EventRows, Kind, Property};
use crate::error::ModuleError;

/// Checks a batch against a description. Its columns may take `limit` bytes.
pub(crate) fn check(
    description: &Description,
    batch: &Batch<'_>,
    limit: usize,
) -> Result<(), ModuleError> {
    shape(description, batch).map_err(ModuleError::BadBatch)?;
    let bytes = size(batch);
    if bytes > limit {
        return Err(ModuleError::LargeBatch { bytes, limit });
    }
    Ok(())
}

fn shape(description: &Description, batch: &Batch<'_>) -> Result<(), String> {
    if batch.now < 0 {
        return Err(format!("now is {}, before 1970", batch.now));
    }
    let users = batch.users as usize;
    same("first-seen", batch.first_seen.len(), users)?;
    let hashes = if description.user_hashes { users } else { 0 };
    same("user-hash", batch.user_hash.len(), hashes)?;
    let texts = batch.dictionary.offsets.last().copied();
    if texts.map(|end| end as usize) != Some(batch.dictionary.bytes.len()) {
        return Err("the dictionary's offsets do not end with its bytes".to_owned());
    }
    columns(
        "user-properties",
        &description.user_properties,
        batch.user_properties,
        users,
    )?;
    same(
        "property-histories",
        batch.property_histories.len(),
        description.property_histories.len(),
    )?;
    for (rows, property) in batch
        .property_histories
        .iter()
        .zip(&description.property_histories)
    {
        event_rows(
            "a property history",
            std::slice::from_ref(property),
            rows,
            users,
        )?;
    }
    same("streams", batch.streams.len(), description.streams.len())?;
    for (rows, stream) in batch.streams.iter().zip(&description.streams) {
        event_rows("a stream", &stream.properties, rows, users)?;
    }
    same(
        "calendars",
        batch.calendars.len(),
        description.calendars.len(),
    )?;
    if batch
        .calendars
        .iter()
        .any(|window| window.starts.is_empty())
    {
        return Err("a calendar window has no start".to_owned());
    }
    same("lists", batch.lists.len(), description.lists.len())?;
    let words = users.div_ceil(u64::BITS as usize);
    for (bitmap, list) in batch.lists.iter().zip(&description.lists) {
        same(&format!("the list `{list}`"), bitmap.len(), words)?;
    }
    Ok(())
}

fn event_rows(
    what: &str,
    properties: &[Property],
    rows: &EventRows<'_>,
    users: usize,
) -> Result<(), String> {
    starts(what, rows.starts, users, rows.times.len())?;
    columns(what, properties, rows.columns, rows.times.len())
}

fn columns(
    what: &str,
    properties: &[Property],
    columns: &[Column<'_>],
    rows: usize,
) -> Result<(), String> {
    same(what, columns.len(), properties.len())?;
    for (column, property) in columns.iter().zip(properties) {
        let found = match (column, property.kind) {
            (Column::Number(values), Kind::Number | Kind::Instant) => values.len(),
            (Column::Flag(values), Kind::Flag) => values.len(),
            (Column::Text(codes), Kind::Text) => codes.len(),
            (Column::Texts(lists), Kind::Text) => {
                starts(&property.name, lists.starts, rows, lists.codes.len())?;
                rows
            }
            _ => {
                let name = &property.name;
                let kind = match property.kind {
                    Kind::Text => "text",
                    Kind::Number => "number",
                    Kind::Flag => "flag",
                    Kind::Instant => "instant",
                };
                return Err(format!("the column `{name}` of {what} is not {kind}"));
            }
        };
        same(&property.name, found, rows)?;
    }
    Ok(())
}

fn starts(what: &str, starts: &[u32], rows: usize, end: usize) -> Result<(), String> {
    same(what, starts.len(), rows + 1)?;
    if starts.last().map(|last| *last as usize) == Some(end) {
        Ok(())
    } else {
        Err(format!("the starts of {what} do not end with its rows"))
    }
}

fn same(what: &str, found: usize, wanted: usize) -> Result<(), String> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what} has {found} values in place of {wanted}"))
    }
}

/// Returns the bytes of a batch's columns in the module's memory.
fn size(batch: &Batch<'_>) -> usize {
    let rows = |rows: &EventRows<'_>| {
        size_of_val(rows.starts) + size_of_val(rows.times) + columns_size(rows.columns)
    };
    size_of_val(batch.dictionary.offsets)
        + size_of_val(batch.dictionary.bytes)
        + size_of_val(batch.first_seen)
        + size_of_val(batch.user_hash)
        + columns_size(batch.user_properties)
        + batch.property_histories.iter().map(rows).sum::<usize>()
        + batch.streams.iter().map(rows).sum::<usize>()
        + (batch.calendars.iter())
            .map(|window| size_of_val(window.starts))
            .sum::<usize>()
        + (batch.lists.iter())
            .map(|bitmap| size_of_val(*bitmap))
            .sum::<usize>()
}

fn columns_size(columns: &[Column<'_>]) -> usize {
    let size = |column: &Column<'_>| match column {
        Column::Number(values) => size_of_val(*values),
        Column::Flag(values) => size_of_val(*values),
        Column::Text(codes) => size_of_val(*codes),
        Column::Texts(lists) => size_of_val(lists.starts) + size_of_val(lists.codes),
    };
    columns.iter().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{
        Calendar, CalendarBounds, CalendarUnit, Dictionary, StreamReads, TextLists,
    };
    use crate::limits;

    const LIMIT: usize = limits::MAX_BATCH_BYTES;

    fn description() -> Description {
        let property = |name: &str, kind| Property {
            name: name.to_owned(),
            kind,
        };
        Description {
            cohorts: vec!["vip".to_owned()],
            user_properties: vec![property("city", Kind::Text)],
            property_histories: Vec::new(),
            streams: vec![StreamReads {
                names: vec!["Purchase".to_owned()],
                properties: vec![
                    property("amount", Kind::Number),
                    property("due", Kind::Instant),
                    property("", Kind::Text),
                ],
                reach: None,
            }],
            calendars: vec![Calendar {
                time_zone: "UTC".to_owned(),
                unit: CalendarUnit::Day,
                count: None,
            }],
            user_hashes: true,
            lists: vec!["staff".to_owned()],
        }
    }

    const BATCH: Batch<'static> = Batch {
        now: 10,
        users: 2,
        dictionary: Dictionary {
            offsets: &[0, 3],
            bytes: b"abc",
        },
        first_seen: &[1, 2],
        user_hash: &[7, 8],
        user_properties: &[Column::Texts(TextLists {
            starts: &[0, 1, 1],
            codes: &[1],
        })],
        property_histories: &[],
        streams: &[EventRows {
            starts: &[0, 2, 3],
            times: &[1, 2, 3],
            columns: &[
                Column::Number(&[1.0, 2.0, 3.0]),
                Column::Number(&[f64::NAN, 2.0, 3.0]),
                NAMES,
            ],
        }],
        calendars: &[CalendarBounds {
            starts: &[0],
            moves_at: 86_400_000,
        }],
        lists: &[&[0b10]],
    };
    const NAMES: Column<'static> = Column::Text(&[1, 1, 1]);

    #[test]
    fn a_right_batch_passes() {
        assert_eq!(check(&description(), &BATCH, LIMIT), Ok(()));
    }

    #[test]
    fn each_wrong_shape_is_named() {
        let stream = |starts, times, columns| EventRows {
            starts,
            times,
            columns,
        };
        let numbers = Column::Number(&[1.0; 3]);
        let columns = [Column::Number(&[1.0]), numbers.clone(), NAMES];
        let short = [stream(&[0, 2, 3], &[1, 2, 3], &columns)];
        let columns = [Column::Flag(&[1, 1, 1]), numbers.clone(), NAMES];
        let kind = [stream(&[0, 2, 3], &[1, 2, 3], &columns)];
        let columns = [numbers.clone(), Column::Flag(&[1, 1, 1]), NAMES];
        let instant = [stream(&[0, 2, 3], &[1, 2, 3], &columns)];
        let columns = [numbers.clone(), numbers.clone(), numbers.clone()];
        let name = [stream(&[0, 2, 3], &[1, 2, 3], &columns)];
        let columns = [numbers.clone(), numbers, NAMES];
        let starts = [stream(&[0, 2, 2], &[1, 2, 3], &columns)];
        let calendars = [CalendarBounds {
            starts: &[],
            moves_at: 11,
        }];
        let dictionary = Dictionary {
            offsets: &[],
            bytes: &[],
        };
        for (batch, says) in [
            (Batch { now: -1, ..BATCH }, "before 1970"),
            (
                Batch { users: 3, ..BATCH },
                "first-seen has 2 values in place of 3",
            ),
            (
                Batch {
                    user_hash: &[],
                    ..BATCH
                },
                "user-hash has 0",
            ),
            (
                Batch {
                    dictionary,
                    ..BATCH
                },
                "dictionary",
            ),
            (
                Batch {
                    user_properties: &[],
                    ..BATCH
                },
                "user-properties has 0",
            ),
            (
                Batch {
                    streams: &[],
                    ..BATCH
                },
                "streams has 0",
            ),
            (
                Batch {
                    streams: &short,
                    ..BATCH
                },
                "amount has 1 values in place of 3",
            ),
            (
                Batch {
                    streams: &kind,
                    ..BATCH
                },
                "the column `amount` of a stream is not number",
            ),
            (
                Batch {
                    streams: &starts,
                    ..BATCH
                },
                "the starts of a stream",
            ),
            (
                Batch {
                    streams: &instant,
                    ..BATCH
                },
                "the column `due` of a stream is not instant",
            ),
            (
                Batch {
                    streams: &name,
                    ..BATCH
                },
                "the column `` of a stream is not text",
            ),
            (
                Batch {
                    calendars: &[],
                    ..BATCH
                },
                "calendars has 0 values in place of 1",
            ),
            (
                Batch {
                    calendars: &calendars,
                    ..BATCH
                },
                "a calendar window has no start",
            ),
            (
                Batch {
                    lists: &[],
                    ..BATCH
                },
                "lists has 0 values in place of 1",
            ),
            (
                Batch {
                    lists: &[&[0, 0]],
                    ..BATCH
                },
                "the list `staff` has 2 values in place of 1",
            ),
        ] {
            let error = check(&description(), &batch, LIMIT)
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn the_limit_on_bytes_holds() {
        let bytes = vec![b'x'; limits::MAX_BATCH_BYTES];
        let dictionary = Dictionary {
            offsets: &[0, limits::MAX_BATCH_BYTES as u32],
            bytes: &bytes,
        };
        let error = check(
            &description(),
            &Batch {
                dictionary,
                ..BATCH
            },
            LIMIT,
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("at most 134217728 are allowed"),
            "{error}"
        );
        let starts = vec![0; limits::MAX_BATCH_BYTES / size_of::<i64>()];
        let calendars = [CalendarBounds {
            starts: &starts,
            moves_at: 11,
        }];
        let batch = Batch {
            calendars: &calendars,
            ..BATCH
        };
        let error = check(&description(), &batch, LIMIT)
            .unwrap_err()
            .to_string();
        assert!(error.contains("at most 134217728 are allowed"), "{error}");
    }
}

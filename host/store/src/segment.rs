//! The record of a segment, which is known without reading its blocks.

use crate::StoreError;
use crate::codec::{ByteReader, put_length, put_varint, unzigzag, zigzag};
use crate::spread::Spread;
use crate::terms::OPERATIONS;

/// An immutable set of rows in column blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) id: u32,
    /// The place by which segments sort: rows of a lower one arrived earlier. It is not the id,
    /// because a merged segment takes the place of the segments that it replaces.
    pub(crate) place: u64,
    /// The rows of each name, by name.
    pub(crate) names: Vec<SegmentName>,
    /// The distribution of its events over time. It includes events of forgotten users.
    pub(crate) spread: Spread,
    /// The bytes of its blocks.
    pub(crate) bytes: u64,
}

/// The rows of one event name in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentName {
    pub(crate) name: u32,
    pub(crate) rows: u64,
    /// The earliest time of the rows; `max` is the latest.
    pub(crate) min: i64,
    pub(crate) max: i64,
    /// For each column, the number of rows that have it, by column.
    pub(crate) columns: Vec<(u32, u64)>,
}

impl Segment {
    pub(crate) fn name(&self, name: u32) -> Option<&SegmentName> {
        let at = self
            .names
            .binary_search_by_key(&name, |each| each.name)
            .ok()?;
        self.names.get(at)
    }

    /// Returns the id in a key of the table of segments.
    pub(crate) fn id_of(key: &[u8]) -> Result<u32, StoreError> {
        let key = key.try_into().map_err(|_| StoreError::Corrupt {
            what: "the key of a segment",
        })?;
        Ok(u32::from_be_bytes(key))
    }

    /// Subtracts rows of a name, and their values by column. The earliest and latest time stay,
    /// because they are bounds.
    pub(crate) fn subtract(&mut self, name: u32, rows: u32, columns: &[(u32, u32)]) {
        let Some(held) = self.names.iter_mut().find(|each| each.name == name) else {
            return;
        };
        held.rows = held.rows.saturating_sub(u64::from(rows));
        for (column, rows) in columns {
            if let Some((_, count)) = held.columns.iter_mut().find(|each| each.0 == *column) {
                *count = count.saturating_sub(u64::from(*rows));
            }
        }
        held.columns.retain(|(_, count)| *count > 0);
    }

    /// Adds rows of a name to the counts.
    pub(crate) fn add(&mut self, name: &SegmentName) {
        let Some(held) = self.names.iter_mut().find(|each| each.name == name.name) else {
            return;
        };
        held.rows += name.rows;
        for (column, rows) in &name.columns {
            match held.columns.binary_search_by_key(column, |each| each.0) {
                Ok(at) => {
                    if let Some((_, count)) = held.columns.get_mut(at) {
                        *count += rows;
                    }
                }
                Err(at) => held.columns.insert(at, (*column, *rows)),
            }
        }
    }

    /// Returns the time of the latest event. Returns `None` if there is no event.
    pub(crate) fn newest_event(&self) -> Option<i64> {
        let events = self.names.iter().filter(|name| name.name != OPERATIONS);
        events.map(|name| name.max).max()
    }

    pub(crate) fn rows(&self) -> u64 {
        self.names.iter().map(|name| name.rows).sum()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.place);
        put_varint(&mut out, self.bytes);
        put_length(&mut out, self.names.len());
        for name in &self.names {
            put_varint(&mut out, u64::from(name.name));
            put_varint(&mut out, name.rows);
            put_varint(&mut out, zigzag(name.min));
            put_varint(&mut out, zigzag(name.max.wrapping_sub(name.min)));
            put_length(&mut out, name.columns.len());
            for (column, rows) in &name.columns {
                put_varint(&mut out, u64::from(*column));
                put_varint(&mut out, *rows);
            }
        }
        self.spread.encode(&mut out);
        out
    }

    pub(crate) fn decode(id: u32, bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = ByteReader::new(bytes, "what a segment holds");
        let place = reader.varint()?;
        let bytes = reader.varint()?;
        let count = reader.count()?;
        let mut names = Vec::with_capacity(count);
        let mut all = 0_u64;
        for _ in 0..count {
            let name = reader.varint_u32()?;
            let rows = reader.varint()?;
            // The rows of names are added up later.
            all = all.checked_add(rows).ok_or_else(|| reader.corrupt())?;
            let min = unzigzag(reader.varint()?);
            let max = min.wrapping_add(unzigzag(reader.varint()?));
            let mut columns = Vec::new();
            for _ in 0..reader.count()? {
                columns.push((reader.varint_u32()?, reader.varint()?));
            }
            names.push(SegmentName {
                name,
                rows,
                min,
                max,
                columns,
            });
        }
        let spread = Spread::decode(&mut reader)?;
        Ok(Self {
            id,
            place,
            names,
            spread,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_rows_than_can_be_counted_are_damage() {
        let name = |name| SegmentName {
            name,
            rows: u64::MAX,
            min: 0,
            max: 0,
            columns: Vec::new(),
        };
        let mut segment = Segment {
            id: 1,
            place: 1,
            names: vec![name(1)],
            spread: Spread::default(),
            bytes: 1,
        };
        assert_eq!(Segment::decode(1, &segment.encode()).unwrap(), segment);
        segment.names.push(name(2));
        assert!(Segment::decode(1, &segment.encode()).is_err());
    }
}

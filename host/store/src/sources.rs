//! Sources of events: their positions, and the segments of unfinished imports.

use std::collections::BTreeSet;

use heed::RwTxn;

use crate::codec::{ByteReader, put_length};
use crate::environment::{ReadTxn, Tables};
use crate::{SourceKey, StoreError};

/// The progress of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SourceState {
    /// All events up to this position are visible.
    At(Vec<u8>),
    /// An unfinished import: its invisible segments, and the position that they reach.
    Importing {
        segments: Vec<u32>,
        position: Vec<u8>,
    },
}

const AT: u8 = 0;
const IMPORTING: u8 = 1;

pub(crate) fn read(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    source: &SourceKey,
) -> Result<Option<SourceState>, StoreError> {
    tables
        .sources
        .get(txn, source.as_str().as_bytes())?
        .map(decode)
        .transpose()
}

/// Returns the position up to which all events of a source are visible.
pub(crate) fn position(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    source: &SourceKey,
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(match read(txn, tables, source)? {
        Some(SourceState::At(position)) => Some(position),
        _ => None,
    })
}

pub(crate) fn write(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    source: &SourceKey,
    state: &SourceState,
) -> Result<(), StoreError> {
    let mut value = Vec::new();
    match state {
        SourceState::At(position) => {
            value.push(AT);
            value.extend_from_slice(position);
        }
        SourceState::Importing { segments, position } => {
            value.push(IMPORTING);
            put_length(&mut value, segments.len());
            for segment in segments {
                value.extend_from_slice(&segment.to_le_bytes());
            }
            value.extend_from_slice(position);
        }
    }
    let key = source.as_str().as_bytes();
    tables.sources.put(txn, key, &value)?;
    Ok(())
}

/// Returns the segments of all unfinished imports.
pub(crate) fn importing_segments(
    txn: &ReadTxn<'_>,
    tables: &Tables,
) -> Result<BTreeSet<u32>, StoreError> {
    let mut staged = BTreeSet::new();
    for entry in tables.sources.iter(txn)? {
        if let SourceState::Importing { segments, .. } = decode(entry?.1)? {
            staged.extend(segments);
        }
    }
    Ok(staged)
}

fn decode(value: &[u8]) -> Result<SourceState, StoreError> {
    let mut reader = ByteReader::new(value, "the state of a source");
    Ok(match reader.byte()? {
        AT => SourceState::At(reader.rest().to_vec()),
        IMPORTING => {
            let count = reader.count()?;
            let mut segments = Vec::with_capacity(count);
            for _ in 0..count {
                segments.push(reader.u32()?);
            }
            SourceState::Importing {
                segments,
                position: reader.rest().to_vec(),
            }
        }
        _ => return Err(reader.corrupt()),
    })
}

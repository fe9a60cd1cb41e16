//! The table of blocks: its keys, and dropping a segment's.

use std::ops::Bound::Included;

use heed::RwTxn;

use crate::StoreError;
use crate::environment::Tables;

/// The key of a block.
pub(crate) fn key(segment: u32, name: u32, group: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (parts, _) = key.as_chunks_mut::<4>();
    for (part, number) in parts.iter_mut().zip([segment, name, group]) {
        *part = number.to_be_bytes();
    }
    key
}

/// The segment of a block's key.
pub(crate) fn segment_of(key: &[u8]) -> Result<u32, StoreError> {
    key.first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
        .ok_or(StoreError::Corrupt {
            what: "the key of a block",
        })
}

/// The event name of a block's key.
pub(crate) fn name_of(key: &[u8]) -> Result<u32, StoreError> {
    match key {
        [_, _, _, _, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(StoreError::Corrupt {
            what: "the key of a block",
        }),
    }
}

/// The group of a block's key.
pub(crate) fn group_of(key: &[u8]) -> Result<u32, StoreError> {
    key.last_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
        .ok_or(StoreError::Corrupt {
            what: "the key of a block",
        })
}

/// Drops a segment: its blocks and what is known of it.
pub(crate) fn drop_segment(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    segment: u32,
) -> Result<(), StoreError> {
    let (first, last) = (key(segment, 0, 0), key(segment, u32::MAX, u32::MAX));
    let range = (Included(first.as_slice()), Included(last.as_slice()));
    tables.blocks.delete_range(txn, &range)?;
    tables.segments.delete(txn, &segment.to_be_bytes())?;
    Ok(())
}

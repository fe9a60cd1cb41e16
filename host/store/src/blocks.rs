//! The table of blocks: its keys, and dropping the blocks of a segment slice by slice.

use std::ops::Bound::Included;

use heed::RwTxn;
use heed::types::DecodeIgnore;

use crate::block::Block;
use crate::environment::{ReadTxn, Tables};
use crate::{StoreError, slices};

/// Returns the key of the first block of a name and group. Nearly always it is the only block.
pub(crate) fn key(segment: u32, name: u32, group: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (parts, _) = key.as_chunks_mut::<4>();
    for (part, number) in parts.iter_mut().zip([segment, name, group]) {
        *part = number.to_be_bytes();
    }
    key
}

/// Returns the key of a part of a group that was cut. The first part has the key of a whole group;
/// the others sort behind it, by number.
pub(crate) fn part_key(first: [u8; 12], part: u32) -> Vec<u8> {
    let mut key = first.to_vec();
    if part > 0 {
        key.extend_from_slice(&part.to_be_bytes());
    }
    key
}

/// Calls `f` with each block of a name and group in a segment, and the block's size in bytes. There
/// is no block, one block, or one for each part of a cut group, in their order.
pub(crate) fn each<'t>(
    txn: &'t ReadTxn<'_>,
    tables: &Tables,
    first: [u8; 12],
    mut f: impl FnMut(Block<'t>, usize),
) -> Result<(), StoreError> {
    let mut bytes = tables.blocks.get(txn, &first)?;
    let mut part = 0;
    while let Some(held) = bytes {
        let block = Block::parse(held)?;
        bytes = if block.more {
            part += 1;
            let next = tables.blocks.get(txn, &part_key(first, part))?;
            Some(next.ok_or(StoreError::Corrupt {
                what: "the parts of a block",
            })?)
        } else {
            None
        };
        f(block, held.len());
    }
    Ok(())
}

/// Deletes the blocks of a name and group in a segment.
pub(crate) fn delete(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    first: [u8; 12],
) -> Result<(), StoreError> {
    let last = part_key(first, u32::MAX);
    let range = (Included(first.as_slice()), Included(last.as_slice()));
    tables.blocks.delete_range(txn, &range)?;
    Ok(())
}

/// Returns the segment in a block's key.
pub(crate) fn segment_of(key: &[u8]) -> Result<u32, StoreError> {
    key.first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
        .ok_or(StoreError::Corrupt {
            what: "the key of a block",
        })
}

/// Returns the event name in a block's key.
pub(crate) fn name_of(key: &[u8]) -> Result<u32, StoreError> {
    match key {
        [_, _, _, _, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(StoreError::Corrupt {
            what: "the key of a block",
        }),
    }
}

/// Returns the group in a block's key.
pub(crate) fn group_of(key: &[u8]) -> Result<u32, StoreError> {
    match key {
        [_, _, _, _, _, _, _, _, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(StoreError::Corrupt {
            what: "the key of a block",
        }),
    }
}

/// The number of blocks dropped in one commit, which bounds the time that writers wait for it. LMDB
/// keeps values of up to about 2 KB in leaf pages, so a slice changes at most 2,048 of those, 8
/// MiB.
pub(crate) const SLICE: usize = 4096;

/// Drops the record of a segment, so that no reader uses the segment any more. [`drop_slice`] drops
/// its blocks later; after a restart [`leftovers`] finds them.
pub(crate) fn drop_segment(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    segment: u32,
) -> Result<(), StoreError> {
    tables.segments.delete(txn, &segment.to_be_bytes())?;
    Ok(())
}

/// Drops up to [`SLICE`] blocks of a segment that no reader uses. Returns true if there are more.
pub(crate) fn drop_slice(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    segment: u32,
) -> Result<bool, StoreError> {
    let (first, last) = (key(segment, 0, 0), key(segment, u32::MAX, u32::MAX));
    slices::delete(txn, &tables.blocks, &first, &last, SLICE)
}

/// Returns the segments that have blocks but no record. They were dropped, or being merged, when
/// the process ended.
pub(crate) fn leftovers(txn: &ReadTxn<'_>, tables: &Tables) -> Result<Vec<u32>, StoreError> {
    let keys = tables.blocks.remap_data_type::<DecodeIgnore>();
    let mut leftovers = Vec::new();
    let mut next = Some(0_u32);
    while let Some(from) = next {
        let start = key(from, 0, 0);
        let found = keys.get_greater_than_or_equal_to(txn, start.as_slice())?;
        let Some((found, ())) = found else {
            break;
        };
        let id = segment_of(found)?;
        if tables.segments.get(txn, &id.to_be_bytes())?.is_none() {
            leftovers.push(id);
        }
        next = id.checked_add(1);
    }
    Ok(leftovers)
}

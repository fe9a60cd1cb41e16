//! The keys of the table: the ids of the log, the records of segments, and their blocks.

use crate::StoreError;

/// The first byte of a key: ids of the log, records of segments, or blocks of segments.
pub(super) const LOG: u8 = 0;
pub(super) const RECORD: u8 = 1;
const BLOCK: u8 = 2;

pub(super) const CORRUPT: StoreError = StoreError::Corrupt {
    what: "a block of insert ids",
};

pub(super) fn record_key(segment: u32) -> [u8; 5] {
    let [a, b, c, d] = segment.to_be_bytes();
    [RECORD, a, b, c, d]
}

pub(super) fn block_key(segment: u32, first: u64) -> [u8; 13] {
    let mut key = [BLOCK; 13];
    let (_, numbers) = key.split_at_mut(1);
    let (number, id) = numbers.split_at_mut(4);
    number.copy_from_slice(&segment.to_be_bytes());
    id.copy_from_slice(&first.to_be_bytes());
    key
}

/// Returns the id segment of a record's key or a block's.
pub(super) fn number_of(key: &[u8]) -> Result<u32, StoreError> {
    match key {
        [_, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(CORRUPT),
    }
}

/// Returns the first id of a block by its key; `None` if it is no block of the segment.
pub(super) fn first_of(key: &[u8], segment: u32) -> Option<u64> {
    let (segment_of, id) = key.strip_prefix(&[BLOCK])?.split_at_checked(4)?;
    (segment_of == segment.to_be_bytes()).then_some(u64::from_be_bytes(id.try_into().ok()?))
}

/// Returns the key of the ids that a commit added to the log.
pub(super) fn log_key(sequence: u64) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = sequence.to_be_bytes();
    [LOG, a, b, c, d, e, f, g, h]
}

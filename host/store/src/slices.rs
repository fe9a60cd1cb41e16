//! Deleting many entries of a table, slice by slice.

use std::ops::Bound::{Excluded, Included};

use heed::RwTxn;
use heed::types::DecodeIgnore;

use crate::StoreError;
use crate::environment::Table;

/// Deletes up to `most` entries from `first` to `last`, both included. Returns true if there are
/// more. A slice bounds the time for which writers wait for a commit.
pub(crate) fn delete(
    txn: &mut RwTxn<'_>,
    table: &Table,
    first: &[u8],
    last: &[u8],
    most: usize,
) -> Result<bool, StoreError> {
    let all = (Included(first), Included(last));
    // Reads keys only: values are large, and many are in pages that are not in memory.
    let keys = table.remap_data_type::<DecodeIgnore>();
    let next = match keys.range(txn, &all)?.nth(most) {
        Some(entry) => Some(entry?.0.to_vec()),
        None => None,
    };
    match &next {
        Some(next) => {
            let slice = (Included(first), Excluded(next.as_slice()));
            keys.delete_range(txn, &slice)?;
        }
        None => {
            keys.delete_range(txn, &all)?;
        }
    }
    Ok(next.is_some())
}

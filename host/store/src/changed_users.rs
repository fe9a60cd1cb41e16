//! Changed users: which users got new rows in which commit. An entry is kept until every module has
//! processed it.
//!
//! An entry holds the users of all commits after the entry before it, up to its own sequence.
//! Joining neighbours therefore loses only precision: a module between them gets a few users too
//! many, never one too few.

use std::ops::Bound::{Excluded, Included, Unbounded};

use heed::RwTxn;
use roaring::RoaringBitmap;

use crate::codec::ByteReader;
use crate::environment::{ReadTxn, Tables};
use crate::meta::Counter;
use crate::{StoreError, UserKey, bitmap};

const WHAT: &str = "the changed users";

/// Records the users of a commit of history.
pub(crate) fn add(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    sequence: u64,
    users: &RoaringBitmap,
) -> Result<(), StoreError> {
    if tables.modules.is_empty(txn)? {
        // No module is registered. A module that reads later gets all users.
        return Counter::ChangedUsersFloor.set(txn, tables, sequence);
    }
    let value = bitmap::encode(users);
    tables
        .changed_users
        .put(txn, &sequence.to_be_bytes(), &value)?;
    Ok(())
}

/// Returns the users that changed after a sequence. Returns `None` if that is no longer known.
pub(crate) fn after(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    sequence: u64,
) -> Result<Option<RoaringBitmap>, StoreError> {
    if sequence < Counter::ChangedUsersFloor.get(txn, tables)? {
        return Ok(None);
    }
    let mut users = RoaringBitmap::new();
    let key = sequence.to_be_bytes();
    let range = (Excluded(key.as_slice()), Unbounded);
    for entry in tables.changed_users.range(txn, &range)? {
        users |= bitmap::decode(entry?.1, WHAT)?;
    }
    Ok(Some(users))
}

/// Drops the entries that every module has processed.
pub(crate) fn prune(txn: &mut RwTxn<'_>, tables: &Tables) -> Result<(), StoreError> {
    let mut seen = Counter::Sequence.get(txn, tables)?;
    for entry in tables.modules.iter(txn)? {
        seen = seen.min(seen_by(entry?.1)?);
    }
    let key = seen.to_be_bytes();
    let range = (Unbounded, Included(key.as_slice()));
    tables.changed_users.delete_range(txn, &range)?;
    if seen > Counter::ChangedUsersFloor.get(txn, tables)? {
        Counter::ChangedUsersFloor.set(txn, tables, seen)?;
    }
    Ok(())
}

/// Removes a user from all entries.
pub(crate) fn forget(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    user: UserKey,
) -> Result<(), StoreError> {
    let mut changed = Vec::new();
    for entry in tables.changed_users.iter(txn)? {
        let (key, value) = entry?;
        let mut users = bitmap::decode(value, WHAT)?;
        if users.remove(user.0) {
            changed.push((key.to_vec(), users));
        }
    }
    for (key, users) in changed {
        tables
            .changed_users
            .put(txn, &key, &bitmap::encode(&users))?;
    }
    Ok(())
}

/// Joins entries between which no module stands. Without this, a daily module would make the store
/// keep an entry for each of a day's commits.
pub(crate) fn join(txn: &mut RwTxn<'_>, tables: &Tables) -> Result<(), StoreError> {
    let mut seen = Vec::new();
    for entry in tables.modules.iter(txn)? {
        seen.push(seen_by(entry?.1)?);
    }
    seen.sort_unstable();
    let mut joined: Vec<(u64, usize, RoaringBitmap)> = Vec::new();
    let mut entries = 0;
    for entry in tables.changed_users.iter(txn)? {
        let (key, value) = entry?;
        let sequence: [u8; 8] = key
            .try_into()
            .map_err(|_| StoreError::Corrupt { what: WHAT })?;
        let sequence = u64::from_be_bytes(sequence);
        let users = bitmap::decode(value, WHAT)?;
        // The modules that have not processed this entry.
        let before = seen.partition_point(|seen| *seen < sequence);
        entries += 1;
        match joined.last_mut() {
            Some((last, count, all)) if *count == before => {
                *last = sequence;
                *all |= users;
            }
            _ => joined.push((sequence, before, users)),
        }
    }
    if joined.len() < entries {
        tables.changed_users.clear(txn)?;
        for (sequence, _, users) in joined {
            let value = bitmap::encode(&users);
            tables
                .changed_users
                .put(txn, &sequence.to_be_bytes(), &value)?;
        }
    }
    Ok(())
}

/// Returns the sequence up to which a module has processed changed users. It is the head of the
/// module's state.
pub(crate) fn seen_by(state: &[u8]) -> Result<u64, StoreError> {
    ByteReader::new(state, "the state of a module").u64()
}

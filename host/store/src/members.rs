//! Who is in which cohort: a bitmap for each 65,536 users, so that a change rewrites 8 KiB at most.

use std::collections::BTreeMap;

use heed::RwTxn;
use muster_model::CohortId;
use roaring::RoaringBitmap;

use crate::environment::{ReadTxn, Tables};
use crate::keys::numbered;
use crate::{StoreError, UserKey, bitmap};

const CHUNK_BITS: u32 = 16;
const WHAT: &str = "the members of a cohort";

/// Who enters and leaves a cohort.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberChange {
    /// The cohort.
    pub cohort: CohortId,
    /// Users that are members from now on.
    pub entered: RoaringBitmap,
    /// Users that no longer are.
    pub exited: RoaringBitmap,
}

pub(crate) fn apply(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    change: &MemberChange,
) -> Result<(), StoreError> {
    let mut chunks: BTreeMap<u32, (RoaringBitmap, RoaringBitmap)> = BTreeMap::new();
    for user in &change.entered {
        chunks.entry(user >> CHUNK_BITS).or_default().0.insert(user);
    }
    for user in &change.exited {
        chunks.entry(user >> CHUNK_BITS).or_default().1.insert(user);
    }
    for (chunk, (entered, exited)) in chunks {
        let key = numbered(change.cohort.as_str().as_bytes(), u64::from(chunk));
        let mut members = match tables.members.get(txn, &key)? {
            Some(value) => bitmap::decode(value, WHAT)?,
            None => RoaringBitmap::new(),
        };
        members -= exited;
        members |= entered;
        put(txn, tables, &key, &members)?;
    }
    Ok(())
}

/// Takes a user out of all cohorts.
pub(crate) fn forget(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    user: UserKey,
) -> Result<(), StoreError> {
    let chunk = u64::from(user.0 >> CHUNK_BITS);
    let mut next = tables.members.first(txn)?.map(|(key, _)| key.to_vec());
    while let Some(key) = next {
        let cohort = match key.split_last_chunk::<8>() {
            Some(([cohort @ .., 0], _)) => cohort,
            _ => return Err(StoreError::Corrupt { what: WHAT }),
        };
        let key = numbered(cohort, chunk);
        if let Some(value) = tables.members.get(txn, &key)? {
            let mut members = bitmap::decode(value, WHAT)?;
            if members.remove(user.0) {
                put(txn, tables, &key, &members)?;
            }
        }
        let last = numbered(cohort, u64::MAX);
        let after = tables.members.get_greater_than(txn, &last)?;
        next = after.map(|(key, _)| key.to_vec());
    }
    Ok(())
}

fn put(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    key: &[u8],
    members: &RoaringBitmap,
) -> Result<(), StoreError> {
    if members.is_empty() {
        tables.members.delete(txn, key)?;
    } else {
        tables.members.put(txn, key, &bitmap::encode(members))?;
    }
    Ok(())
}

pub(crate) fn read(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    cohort: &CohortId,
) -> Result<RoaringBitmap, StoreError> {
    let mut members = RoaringBitmap::new();
    let prefix = prefix(cohort);
    for entry in tables.members.prefix_iter(txn, &prefix)? {
        members |= bitmap::decode(entry?.1, WHAT)?;
    }
    Ok(members)
}

/// What the keys of a cohort's chunks and records begin with.
pub(crate) fn prefix(cohort: &CohortId) -> Vec<u8> {
    let mut prefix = cohort.as_str().as_bytes().to_vec();
    prefix.push(0);
    prefix
}

//! Who is in which cohort: a bitmap for each 65,536 users, so that a change rewrites 8 KiB at most, and behind them how many there are.

use std::collections::BTreeMap;
use std::ops::{Bound::Included, RangeInclusive};

use heed::RwTxn;
use muster_model::CohortId;
use roaring::RoaringBitmap;

use crate::environment::{ReadTxn, Tables};
use crate::keys::numbered;
use crate::{StoreError, UserKey, bitmap};

const CHUNK_BITS: u32 = 16;
/// The chunk in whose place a cohort's size is kept, as a number of 8 bytes: no user is in it.
const SIZE: u64 = u64::MAX;
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
    let cohort = change.cohort.as_str().as_bytes();
    let before = size_of(tables.members.get(txn, &numbered(cohort, SIZE))?)?;
    let mut size = before;
    for (chunk, (entered, exited)) in chunks {
        let key = numbered(cohort, u64::from(chunk));
        let mut members = match tables.members.get(txn, &key)? {
            Some(value) => bitmap::decode(value, WHAT)?,
            None => RoaringBitmap::new(),
        };
        size = size.saturating_sub(members.len());
        members -= exited;
        members |= entered;
        size += members.len();
        put(txn, tables, &key, &members)?;
    }
    if size == before {
        return Ok(());
    }
    put_size(txn, tables, cohort, size)
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
                let size = size_of(tables.members.get(txn, &numbered(cohort, SIZE))?)?;
                put_size(txn, tables, cohort, size.saturating_sub(1))?;
            }
        }
        let last = numbered(cohort, SIZE);
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

fn put_size(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    cohort: &[u8],
    size: u64,
) -> Result<(), StoreError> {
    let key = numbered(cohort, SIZE);
    match size {
        0 => tables.members.delete(txn, &key).map(drop)?,
        size => tables.members.put(txn, &key, &size.to_le_bytes())?,
    }
    Ok(())
}

fn size_of(value: Option<&[u8]>) -> Result<u64, StoreError> {
    let Some(value) = value else { return Ok(0) };
    match value.try_into() {
        Ok(size) => Ok(u64::from_le_bytes(size)),
        Err(_) => Err(StoreError::Corrupt { what: WHAT }),
    }
}

/// How many members there are.
pub(crate) fn len(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    cohort: &CohortId,
) -> Result<u64, StoreError> {
    let key = numbered(cohort.as_str().as_bytes(), SIZE);
    size_of(tables.members.get(txn, &key)?)
}

/// The members within a range of users.
pub(crate) fn within(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    cohort: &CohortId,
    users: &RangeInclusive<u32>,
) -> Result<RoaringBitmap, StoreError> {
    let key = |user: u32| numbered(cohort.as_str().as_bytes(), u64::from(user >> CHUNK_BITS));
    let (first, last) = (key(*users.start()), key(*users.end()));
    let range = (Included(first.as_slice()), Included(last.as_slice()));
    let mut members = RoaringBitmap::new();
    for entry in tables.members.range(txn, &range)? {
        members |= bitmap::decode(entry?.1, WHAT)?;
    }
    if let Some(before) = users.start().checked_sub(1) {
        members.remove_range(..=before);
    }
    if let Some(after) = users.end().checked_add(1) {
        members.remove_range(after..);
    }
    Ok(members)
}

/// Those of some users who are members. It reads only the chunks that these users are in.
pub(crate) fn among(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    cohort: &CohortId,
    users: &RoaringBitmap,
) -> Result<RoaringBitmap, StoreError> {
    let mut members = RoaringBitmap::new();
    let mut next = users.min();
    while let Some(user) = next {
        let chunk = user >> CHUNK_BITS;
        let key = numbered(cohort.as_str().as_bytes(), u64::from(chunk));
        if let Some(value) = tables.members.get(txn, &key)? {
            members |= bitmap::decode(value, WHAT)?;
        }
        next = (chunk + 1)
            .checked_mul(1 << CHUNK_BITS)
            .and_then(|from| users.range(from..).next());
    }
    members &= users;
    Ok(members)
}

/// What the keys of a cohort's chunks and records begin with.
pub(crate) fn prefix(cohort: &CohortId) -> Vec<u8> {
    let mut prefix = cohort.as_str().as_bytes().to_vec();
    prefix.push(0);
    prefix
}

//! The members of cohorts: a set of users each, and after its chunks the number of users.

use std::ops::RangeInclusive;

use heed::RwTxn;
use muster_model::CohortId;
use roaring::RoaringBitmap;

use crate::chunks::{self, UserSetChunks};
use crate::environment::{ReadTxn, Tables};
use crate::keys::numbered;
use crate::{StoreError, UserKey};

/// The number of the chunk in whose place a cohort's size is kept, as 8 bytes: no user is in it.
const SIZE: u64 = u64::MAX;
const WHAT: &str = "the members of a cohort";

/// The entries and exits of a cohort.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberChange {
    /// The cohort.
    pub cohort: CohortId,
    /// Users that become members.
    pub entered: RoaringBitmap,
    /// Users that stop being members.
    pub exited: RoaringBitmap,
}

fn set<'a>(tables: &'a Tables, cohort: &'a [u8]) -> UserSetChunks<'a> {
    UserSetChunks {
        table: &tables.members,
        name: cohort,
        what: WHAT,
    }
}

pub(crate) fn apply(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    change: &MemberChange,
) -> Result<(), StoreError> {
    let cohort = change.cohort.as_str().as_bytes();
    let users = &change.entered | &change.exited;
    let changed = set(tables, cohort).change(txn, &users, |members, users| {
        *members -= users & &change.exited;
        *members |= users & &change.entered;
    })?;
    if changed.added == changed.removed {
        return Ok(());
    }
    let size = size_of(tables.members.get(txn, &numbered(cohort, SIZE))?)?;
    let size = (size + changed.added).saturating_sub(changed.removed);
    put_size(txn, tables, cohort, size)
}

/// Removes a user from all cohorts.
pub(crate) fn forget(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    user: UserKey,
) -> Result<(), StoreError> {
    chunks::forget(txn, &tables.members, user.0, WHAT, |txn, cohort| {
        let size = size_of(tables.members.get(txn, &numbered(cohort, SIZE))?)?;
        put_size(txn, tables, cohort, size.saturating_sub(1))
    })
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

/// Returns the number of members.
pub(crate) fn len(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    cohort: &CohortId,
) -> Result<u64, StoreError> {
    let key = numbered(cohort.as_str().as_bytes(), SIZE);
    size_of(tables.members.get(txn, &key)?)
}

/// Returns the members within a range of users.
pub(crate) fn within(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    cohort: &CohortId,
    users: &RangeInclusive<u32>,
) -> Result<RoaringBitmap, StoreError> {
    set(tables, cohort.as_str().as_bytes()).within(txn, users)
}

/// Returns those of the given users that are members. It reads only the chunks of these users.
pub(crate) fn among(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    cohort: &CohortId,
    users: &RoaringBitmap,
) -> Result<RoaringBitmap, StoreError> {
    set(tables, cohort.as_str().as_bytes()).among(txn, users)
}

/// Returns the prefix of the keys of a cohort's chunks and records.
pub(crate) fn prefix(cohort: &CohortId) -> Vec<u8> {
    let mut prefix = cohort.as_str().as_bytes().to_vec();
    prefix.push(0);
    prefix
}

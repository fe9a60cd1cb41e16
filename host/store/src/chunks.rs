//! Sets of users in a table: a bitmap for each 65,536 users, so that a change rewrites at most 8
//! KiB.

use std::collections::BTreeMap;
use std::ops::{Bound::Included, RangeInclusive};

use heed::RwTxn;
use roaring::RoaringBitmap;

use crate::environment::{ReadTxn, Table};
use crate::keys::numbered;
use crate::{StoreError, bitmap};

const CHUNK_BITS: u32 = 16;

/// One set of users: the chunks of a table whose keys begin with a name.
#[derive(Clone, Copy)]
pub(crate) struct UserSetChunks<'a> {
    pub(crate) table: &'a Table,
    /// The set's name in its keys; a zero byte and the chunk's number follow.
    pub(crate) name: &'a [u8],
    /// The set's name in errors.
    pub(crate) what: &'static str,
}

impl UserSetChunks<'_> {
    fn key(&self, user: u32) -> Vec<u8> {
        numbered(self.name, u64::from(user >> CHUNK_BITS))
    }

    /// Changes the chunks of some users. Returns the number of users that the set gained and lost.
    pub(crate) fn change(
        &self,
        txn: &mut RwTxn<'_>,
        users: &RoaringBitmap,
        change: impl Fn(&mut RoaringBitmap, &RoaringBitmap),
    ) -> Result<Changed, StoreError> {
        let mut changed = Changed::default();
        for (chunk, users) in split(users) {
            let key = numbered(self.name, u64::from(chunk));
            let before = match self.table.get(txn, &key)? {
                Some(value) => bitmap::decode(value, self.what)?,
                None => RoaringBitmap::new(),
            };
            let mut after = before.clone();
            change(&mut after, &users);
            if after == before {
                continue;
            }
            let common = before.intersection_len(&after);
            changed.added += after.len() - common;
            changed.removed += before.len() - common;
            if after.is_empty() {
                self.table.delete(txn, &key)?;
            } else {
                self.table.put(txn, &key, &bitmap::encode(&after))?;
            }
        }
        Ok(changed)
    }

    /// Returns the users of the set within a range.
    pub(crate) fn within(
        &self,
        txn: &ReadTxn<'_>,
        users: &RangeInclusive<u32>,
    ) -> Result<RoaringBitmap, StoreError> {
        let (first, last) = (self.key(*users.start()), self.key(*users.end()));
        let range = (Included(first.as_slice()), Included(last.as_slice()));
        let mut found = RoaringBitmap::new();
        for entry in self.table.range(txn, &range)? {
            found |= bitmap::decode(entry?.1, self.what)?;
        }
        if let Some(before) = users.start().checked_sub(1) {
            found.remove_range(..=before);
        }
        if let Some(after) = users.end().checked_add(1) {
            found.remove_range(after..);
        }
        Ok(found)
    }

    /// Returns the subset of the given users that are in the set. It reads only the chunks of these
    /// users.
    pub(crate) fn among(
        &self,
        txn: &ReadTxn<'_>,
        users: &RoaringBitmap,
    ) -> Result<RoaringBitmap, StoreError> {
        let mut found = RoaringBitmap::new();
        let mut next = users.min();
        while let Some(user) = next {
            if let Some(value) = self.table.get(txn, &self.key(user))? {
                found |= bitmap::decode(value, self.what)?;
            }
            next = ((user >> CHUNK_BITS) + 1)
                .checked_mul(1 << CHUNK_BITS)
                .and_then(|from| users.range(from..).next());
        }
        found &= users;
        Ok(found)
    }
}

/// The change of a set's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) added: u64,
    pub(crate) removed: u64,
}

/// Splits users by chunk.
fn split(users: &RoaringBitmap) -> BTreeMap<u32, RoaringBitmap> {
    let mut chunks: BTreeMap<u32, RoaringBitmap> = BTreeMap::new();
    for user in users {
        chunks.entry(user >> CHUNK_BITS).or_default().insert(user);
    }
    chunks
}

/// Removes a user from every set of a table, and calls `removed` with the name of each set that
/// contained the user.
pub(crate) fn forget(
    txn: &mut RwTxn<'_>,
    table: &Table,
    user: u32,
    what: &'static str,
    mut removed: impl FnMut(&mut RwTxn<'_>, &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let alone = RoaringBitmap::from_iter([user]);
    let mut next = table.first(txn)?.map(|(key, _)| key.to_vec());
    while let Some(key) = next {
        let name = match key.split_last_chunk::<8>() {
            Some(([name @ .., 0], _)) => name,
            _ => return Err(StoreError::Corrupt { what }),
        };
        let chunks = UserSetChunks { table, name, what };
        let changed = chunks.change(txn, &alone, |set, users| *set -= users)?;
        if changed.removed > 0 {
            removed(txn, name)?;
        }
        let last = numbered(name, u64::MAX);
        let after = table.get_greater_than(txn, &last)?;
        next = after.map(|(key, _)| key.to_vec());
    }
    Ok(())
}

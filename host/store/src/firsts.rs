//! The first times of each user: of the first event, and of the first row of any kind.

use heed::RwTxn;
use roaring::RoaringBitmap;

use crate::environment::{ReadTxn, Tables};
use crate::instant;
use crate::keys::{GROUP, GROUP_BITS};
use crate::{StoreError, UserKey};

/// The first times of a user; `i64::MAX` means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First {
    /// The time of the earliest event.
    pub(crate) event: i64,
    /// The time of the earliest event or user-property operation.
    pub(crate) known: i64,
}

impl First {
    pub(crate) const NONE: Self = Self {
        event: i64::MAX,
        known: i64::MAX,
    };
}

/// The first times of all users, 16 bytes each, and the groups of users that changed since the last
/// commit.
#[derive(Default)]
pub(crate) struct Firsts {
    all: Vec<First>,
    changed: RoaringBitmap,
}

impl Firsts {
    /// Updates the user's first times for a row.
    pub(crate) fn update(&mut self, user: u32, time: i64, event: bool) {
        let at = user as usize;
        if self.all.len() <= at {
            self.all.resize(at + 1, First::NONE);
        }
        let Some(first) = self.all.get_mut(at) else {
            return;
        };
        if time < first.known || (event && time < first.event) {
            first.known = first.known.min(time);
            if event {
                first.event = first.event.min(time);
            }
            self.changed.insert(user >> GROUP_BITS);
        }
    }

    /// Removes a user.
    pub(crate) fn forget(&mut self, user: u32) {
        if let Some(first) = self.all.get_mut(user as usize) {
            *first = First::NONE;
            self.changed.insert(user >> GROUP_BITS);
        }
    }

    /// Writes the groups that changed.
    pub(crate) fn save(&self, txn: &mut RwTxn<'_>, tables: &Tables) -> Result<(), StoreError> {
        let mut value = Vec::with_capacity(GROUP * 2 * instant::BYTES);
        for group in &self.changed {
            let start = (group as usize) << GROUP_BITS;
            let end = (start + GROUP).min(self.all.len());
            value.clear();
            for first in self.all.get(start..end).unwrap_or_default() {
                value.extend_from_slice(&instant::encode(first.event));
                value.extend_from_slice(&instant::encode(first.known));
            }
            tables.firsts.put(txn, &group.to_be_bytes(), &value)?;
        }
        Ok(())
    }

    /// Marks the written groups as committed.
    pub(crate) fn saved(&mut self) {
        self.changed.clear();
    }

    /// Reads the changed groups from the database again, because their commit failed.
    pub(crate) fn undo(&mut self, txn: &ReadTxn<'_>, tables: &Tables) -> Result<(), StoreError> {
        let mut held = [First::NONE; GROUP];
        for group in std::mem::take(&mut self.changed) {
            of_group(txn, tables, group, &mut held)?;
            let start = (group as usize) << GROUP_BITS;
            let places = self.all.iter_mut().skip(start);
            for (place, first) in places.zip(held) {
                *place = first;
            }
        }
        Ok(())
    }

    pub(crate) fn load(txn: &ReadTxn<'_>, tables: &Tables) -> Result<Self, StoreError> {
        let mut firsts = Self::default();
        for entry in tables.firsts.iter(txn)? {
            let (key, value) = entry?;
            let start = group_of(key)? << GROUP_BITS;
            firsts.all.resize(start as usize, First::NONE);
            firsts.all.extend(decode(value)?);
        }
        Ok(firsts)
    }
}

/// Returns the first times of a group of users. Users past its end have none.
pub(crate) fn of_group(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    group: u32,
    into: &mut [First; GROUP],
) -> Result<(), StoreError> {
    into.fill(First::NONE);
    if let Some(value) = tables.firsts.get(txn, &group.to_be_bytes())? {
        for (place, first) in into.iter_mut().zip(decode(value)?) {
            *place = first;
        }
    }
    Ok(())
}

/// Returns the users known at `now`, and the users known only later, with the instant.
pub(crate) fn known(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    now: i64,
) -> Result<(RoaringBitmap, Vec<(UserKey, i64)>), StoreError> {
    let mut known = RoaringBitmap::new();
    let mut later = Vec::new();
    for entry in tables.firsts.iter(txn)? {
        let (key, value) = entry?;
        let start = group_of(key)? << GROUP_BITS;
        // Adds long sequences of known users as ranges: there are millions of users.
        let mut run = start..start;
        for (user, first) in (start..).zip(decode(value)?) {
            if first.known <= now {
                run.end = user + 1;
                continue;
            }
            known.insert_range(run.clone());
            run = user + 1..user + 1;
            if first.known != i64::MAX {
                later.push((UserKey(user), first.known));
            }
        }
        known.insert_range(run);
    }
    Ok((known, later))
}

/// Returns the same as [`known`], for the given users only.
pub(crate) fn known_among(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    users: &RoaringBitmap,
    now: i64,
) -> Result<(RoaringBitmap, Vec<(UserKey, i64)>), StoreError> {
    let mut known = RoaringBitmap::new();
    let mut later = Vec::new();
    let (mut group, mut firsts): (_, &[Pair]) = (None, &[]);
    for user in users {
        if group != Some(user >> GROUP_BITS) {
            group = Some(user >> GROUP_BITS);
            let value = tables
                .firsts
                .get(txn, &(user >> GROUP_BITS).to_be_bytes())?;
            firsts = pairs(value.unwrap_or_default())?;
        }
        let place = user as usize & (GROUP - 1);
        let first = firsts.get(place).map_or(First::NONE, first);
        if first.known <= now {
            known.insert(user);
        } else if first.known != i64::MAX {
            later.push((UserKey(user), first.known));
        }
    }
    Ok((known, later))
}

/// The first times of a user, as stored.
type Pair = [u8; 2 * instant::BYTES];

fn pairs(value: &[u8]) -> Result<&[Pair], StoreError> {
    match value.as_chunks() {
        (pairs, []) => Ok(pairs),
        _ => Err(CORRUPT),
    }
}

fn first([a, b, c, d, e, f, g, h, i, j, k, l]: &Pair) -> First {
    First {
        event: instant::decode([*a, *b, *c, *d, *e, *f]),
        known: instant::decode([*g, *h, *i, *j, *k, *l]),
    }
}

fn decode(value: &[u8]) -> Result<impl Iterator<Item = First> + use<'_>, StoreError> {
    Ok(pairs(value)?.iter().map(first))
}

fn group_of(key: &[u8]) -> Result<u32, StoreError> {
    let key: [u8; 4] = key.try_into().map_err(|_| CORRUPT)?;
    let group = u32::from_be_bytes(key);
    if group >> (32 - GROUP_BITS) != 0 {
        return Err(CORRUPT);
    }
    Ok(group)
}

const CORRUPT: StoreError = StoreError::Corrupt {
    what: "the first times of a group of users",
};

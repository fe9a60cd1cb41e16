//! Until when each user's answer stands, per rule: six bytes a user in chunks of 256, with the chunk's earliest in front.

use std::collections::BTreeMap;
use std::ops::Bound::Included;

use heed::RwTxn;
use roaring::RoaringBitmap;

use crate::environment::{ReadTxn, Tables};
use crate::keys::{GROUP, GROUP_BITS};
use crate::{RuleKey, StoreError, UserKey, instant};

const WHAT: &str = "the deadlines of a rule";

pub(crate) fn set(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    rule: &RuleKey,
    deadlines: &[(UserKey, i64)],
) -> Result<(), StoreError> {
    let mut groups: BTreeMap<u32, Vec<(u32, i64)>> = BTreeMap::new();
    for (user, deadline) in deadlines {
        let group = groups.entry(user.0 >> GROUP_BITS).or_default();
        group.push((user.0 & (GROUP as u32 - 1), *deadline));
    }
    for (group, changes) in groups {
        let key = key(rule, group);
        let mut chunk = [i64::MAX; GROUP];
        if let Some(value) = tables.deadlines.get(txn, &key)? {
            for (place, deadline) in chunk.iter_mut().zip(instants(value)?.skip(1)) {
                *place = deadline;
            }
        }
        for (user, deadline) in changes {
            if let Some(place) = chunk.get_mut(user as usize) {
                *place = deadline;
            }
        }
        let earliest = chunk.iter().copied().min().unwrap_or(i64::MAX);
        if earliest == i64::MAX {
            tables.deadlines.delete(txn, &key)?;
            continue;
        }
        let mut value = Vec::with_capacity((GROUP + 1) * instant::BYTES);
        value.extend_from_slice(&instant::encode(earliest));
        for deadline in chunk {
            value.extend_from_slice(&instant::encode(deadline));
        }
        tables.deadlines.put(txn, &key, &value)?;
    }
    Ok(())
}

/// Users whose deadline is at or before `now`.
pub(crate) fn due(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    rule: &RuleKey,
    now: i64,
) -> Result<RoaringBitmap, StoreError> {
    let mut due = RoaringBitmap::new();
    for entry in tables.deadlines.prefix_iter(txn, &rule.0)? {
        let (key, value) = entry?;
        let mut deadlines = instants(value)?;
        if deadlines.next().is_none_or(|earliest| earliest > now) {
            continue;
        }
        let group = key
            .last_chunk()
            .map(|bytes| u32::from_be_bytes(*bytes))
            .filter(|group| group >> (32 - GROUP_BITS) == 0)
            .ok_or(StoreError::Corrupt { what: WHAT })?;
        for (user, deadline) in ((group << GROUP_BITS)..).zip(deadlines) {
            if deadline <= now {
                due.insert(user);
            }
        }
    }
    Ok(due)
}

pub(crate) fn forget(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    rule: &RuleKey,
) -> Result<(), StoreError> {
    let (first, last) = (key(rule, 0), key(rule, u32::MAX));
    let range = (Included(first.as_slice()), Included(last.as_slice()));
    tables.deadlines.delete_range(txn, &range)?;
    Ok(())
}

fn instants(value: &[u8]) -> Result<impl Iterator<Item = i64> + use<'_>, StoreError> {
    if value.len() != (GROUP + 1) * instant::BYTES {
        return Err(StoreError::Corrupt { what: WHAT });
    }
    instant::decode_all(value, WHAT)
}

fn key(rule: &RuleKey, group: u32) -> [u8; 36] {
    let mut key = [0; 36];
    let (head, tail) = key.split_at_mut(32);
    head.copy_from_slice(&rule.0);
    tail.copy_from_slice(&group.to_be_bytes());
    key
}

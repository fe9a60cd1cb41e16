//! The expiry of each user's answer, per module: a tree of minima.
//!
//! A node holds 256 instants. At the bottom they are those of 256 users, above that the earliest of
//! each of 256 nodes. So a read of the root shows whether a user is due and when the next will be.
//! Finding due users takes time in proportion to their number, and a commit writes few nodes more
//! than necessary.

use std::collections::BTreeMap;
use std::ops::Bound::Included;

use heed::RwTxn;
use roaring::RoaringBitmap;

use crate::environment::{ReadTxn, Tables};
use crate::keys::{GROUP, GROUP_BITS};
use crate::{ModuleKey, StoreError, UserKey, instant};

const WHAT: &str = "the expiries of a module";
/// The root's height: each node has 256 nodes below it, up to all 2^32 users.
const ROOT: u8 = 3;

/// An instant as it is stored.
type Instant = [u8; instant::BYTES];
/// A node that does not exist: all ones means never.
static EMPTY: [u8; (GROUP + 1) * instant::BYTES] = [u8::MAX; (GROUP + 1) * instant::BYTES];

/// Changes of one level: by node, the place in the node and the instant.
type Changes = BTreeMap<u32, Vec<(u32, i64)>>;

pub(crate) fn set(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
    expiries: &[(UserKey, i64)],
) -> Result<(), StoreError> {
    let mut changes = Changes::new();
    for (user, expiry) in expiries {
        note(&mut changes, user.0, *expiry);
    }
    for height in 0..=ROOT {
        let mut above = Changes::new();
        for (node, changes) in changes {
            if let Some(earliest) = change(txn, tables, &key(module, height, node), &changes)? {
                note(&mut above, node, earliest);
            }
        }
        changes = above;
    }
    Ok(())
}

fn note(changes: &mut Changes, number: u32, instant: i64) {
    let of_node = changes.entry(number >> GROUP_BITS).or_default();
    of_node.push((number & (GROUP as u32 - 1), instant));
}

/// Changes a node. Returns its earliest instant if that changed.
fn change(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    key: &[u8],
    changes: &[(u32, i64)],
) -> Result<Option<i64>, StoreError> {
    let held = tables.expiries.get(txn, key)?.unwrap_or(&EMPTY);
    let (earliest, node) = parts(held)?;
    let changes = changes
        .iter()
        .map(|(place, instant)| (*place as usize, instant::encode(*instant)));
    // Most answers that are evaluated again have the same expiry as before.
    if (changes.clone()).all(|(place, instant)| node.get(place) == Some(&instant)) {
        return Ok(None);
    }
    let before = instant::decode(*earliest);
    let mut node = node.to_vec();
    for (place, instant) in changes {
        if let Some(place) = node.get_mut(place) {
            *place = instant;
        }
    }
    let instants = node.iter().map(|instant| instant::decode(*instant));
    let earliest = instants.min().unwrap_or(i64::MAX);
    if earliest == i64::MAX {
        tables.expiries.delete(txn, key)?;
    } else {
        node.insert(0, instant::encode(earliest));
        tables.expiries.put(txn, key, node.as_flattened())?;
    }
    Ok((earliest != before).then_some(earliest))
}

/// Returns the earliest expiry of all. Returns `None` if every answer holds forever.
pub(crate) fn next(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
) -> Result<Option<i64>, StoreError> {
    match tables.expiries.get(txn, &key(module, ROOT, 0))? {
        Some(value) => Ok(Some(instant::decode(*parts(value)?.0))),
        None => Ok(None),
    }
}

/// Returns the users whose expiry is at or before `now`.
pub(crate) fn due(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
    now: i64,
) -> Result<RoaringBitmap, StoreError> {
    let mut due = RoaringBitmap::new();
    let corrupt = || StoreError::Corrupt { what: WHAT };
    // The greatest instant stands for no expiry.
    let now = now.min(i64::MAX - 1);
    if next(txn, tables, module)?.is_none_or(|earliest| earliest > now) {
        return Ok(due);
    }
    due.insert(0);
    for height in (0..=ROOT).rev() {
        let nodes = std::mem::take(&mut due);
        for node in nodes {
            let value = tables.expiries.get(txn, &key(module, height, node))?;
            // A node whose earliest instant is in the node above exists.
            let (_, instants) = parts(value.ok_or_else(corrupt)?)?;
            let first = node << GROUP_BITS;
            for (place, instant) in (0..GROUP as u32).zip(instants) {
                if instant::decode(*instant) <= now {
                    due.insert(first | place);
                }
            }
        }
    }
    Ok(due)
}

pub(crate) fn forget(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
) -> Result<(), StoreError> {
    let (first, last) = (key(module, 0, 0), key(module, ROOT, u32::MAX));
    let range = (Included(first.as_slice()), Included(last.as_slice()));
    tables.expiries.delete_range(txn, &range)?;
    Ok(())
}

/// Splits a node into its earliest instant and its 256 instants.
fn parts(value: &[u8]) -> Result<(&Instant, &[Instant]), StoreError> {
    match value.as_chunks() {
        ([earliest, node @ ..], []) if node.len() == GROUP => Ok((earliest, node)),
        _ => Err(StoreError::Corrupt { what: WHAT }),
    }
}

fn key(module: &ModuleKey, height: u8, node: u32) -> [u8; 37] {
    let mut key = [0; 37];
    let (head, tail) = key.split_at_mut(32);
    head.copy_from_slice(&module.0);
    let [a, b, c, d] = node.to_be_bytes();
    tail.copy_from_slice(&[height, a, b, c, d]);
    key
}

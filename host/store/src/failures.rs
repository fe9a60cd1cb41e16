//! Failures: users that have no answer from a module at present, with the data to evaluate them
//! again at growing intervals.
//!
//! A record holds the users of one group of 256. The key names the module and its definitions, so a
//! module starts without failures when its definitions change. Beside the groups there is a summary
//! of all of them.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};

use heed::RwTxn;
use muster_model::Millis;
use roaring::RoaringBitmap;

use crate::codec::ByteReader;
use crate::environment::{ReadTxn, Tables};
use crate::keys::{GROUP, GROUP_BITS};
use crate::module_keys::module_keys;
use crate::{ModuleKey, StoreError, UserKey};

const WHAT: &str = "the failures of a module";
/// The summary's place, behind all groups.
const SUMMARY: u32 = u32::MAX;

/// A user that has no answer from a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserFailure {
    /// The number of times in a row that the module failed for this user alone.
    pub count: u8,
    /// The number of users in the smallest batch with this user for which the module failed; 0 if
    /// the user was not evaluated.
    pub batch: u32,
    /// The instant at which the user is evaluated again.
    pub next: Millis,
    /// True if the user's history was too large, so that the module itself did not fail.
    pub too_large: bool,
}

/// The changes that a run makes to a module's failures.
#[derive(Clone, Debug, Default)]
pub struct FailureChanges {
    /// The module's definitions, as a number. Failures of other definitions are dropped.
    pub definitions: u64,
    /// The users, each with the failure, or `None` if the user has an answer.
    pub users: Vec<(UserKey, Option<UserFailure>)>,
    /// The reason of the latest failure; `None` if there was no failure.
    pub reason: Option<String>,
}

/// The largest number of failures in a row that is counted. The eighth bit of the byte says that
/// the user was too large.
const MAX_COUNT: u8 = 0x7f;
/// The bit of a user that was too large.
const TOO_LARGE: u8 = 0x80;

/// All failures of a module together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureSummary {
    /// The number of users.
    pub users: u64,
    /// The number of those that are too large.
    pub too_large: u64,
    /// The reason of the latest failure.
    pub reason: String,
}

type FailureGroup = BTreeMap<u8, UserFailure>;

pub(crate) fn apply(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
    changes: &FailureChanges,
) -> Result<(), StoreError> {
    let definitions = changes.definitions;
    drop_others(txn, tables, module, definitions)?;
    let mut groups: BTreeMap<u32, Vec<(u8, Option<UserFailure>)>> = BTreeMap::new();
    for (user, failure) in &changes.users {
        groups
            .entry(user.0 >> GROUP_BITS)
            .or_default()
            .push((place(*user), *failure));
    }
    if groups.is_empty() {
        return Ok(());
    }
    let before = summary(txn, tables, module, definitions)?;
    let mut after = before.clone();
    for (group, changes) in groups {
        let key = key(module, definitions, group);
        let mut failures = read(tables.failures.get(txn, &key)?)?;
        after.users = after.users.saturating_sub(failures.len() as u64);
        after.too_large = after.too_large.saturating_sub(too_large(&failures));
        for (place, failure) in changes {
            match failure {
                Some(failure) => failures.insert(place, failure),
                None => failures.remove(&place),
            };
        }
        after.users += failures.len() as u64;
        after.too_large += too_large(&failures);
        write(txn, tables, &key, &failures)?;
    }
    if let Some(reason) = &changes.reason {
        after.reason.clone_from(reason);
    }
    if after != before {
        put_summary(txn, tables, module, definitions, &after)?;
    }
    Ok(())
}

/// Drops the failures of other definitions.
fn drop_others(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
    definitions: u64,
) -> Result<(), StoreError> {
    let (first, last) = (key(module, 0, 0), key(module, u64::MAX, SUMMARY));
    let (from, to) = (
        key(module, definitions, 0),
        key(module, definitions, SUMMARY),
    );
    for range in [
        (Included(first.as_slice()), Excluded(from.as_slice())),
        (Excluded(to.as_slice()), Included(last.as_slice())),
    ] {
        // Nearly always there are none, and a read is cheaper than a deletion.
        if tables.failures.range(txn, &range)?.next().is_some() {
            tables.failures.delete_range(txn, &range)?;
        }
    }
    Ok(())
}

/// Drops all failures of a module.
pub(crate) fn forget(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
) -> Result<(), StoreError> {
    let (first, last) = (key(module, 0, 0), key(module, u64::MAX, SUMMARY));
    let range = (Included(first.as_slice()), Included(last.as_slice()));
    tables.failures.delete_range(txn, &range)?;
    Ok(())
}

/// Drops a user from the failures of all modules.
pub(crate) fn forget_user(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    user: UserKey,
) -> Result<(), StoreError> {
    for module in module_keys(txn, tables)? {
        // Only the failures of one number of definitions are kept.
        let Some(entry) = tables.failures.prefix_iter(txn, &module.0)?.next() else {
            continue;
        };
        let changes = FailureChanges {
            definitions: definitions_of(entry?.0)?,
            users: vec![(user, None)],
            reason: None,
        };
        apply(txn, tables, &module, &changes)?;
    }
    Ok(())
}

/// Reads the failures of the given users that have one.
pub(crate) fn among(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
    definitions: u64,
    users: &RoaringBitmap,
) -> Result<Vec<(UserKey, UserFailure)>, StoreError> {
    let mut among = Vec::new();
    if summary(txn, tables, module, definitions)?.users == 0 {
        return Ok(among);
    }
    let mut users = users.iter();
    let mut next = users.next();
    while let Some(user) = next {
        let group = user >> GROUP_BITS;
        let failures = read(tables.failures.get(txn, &key(module, definitions, group))?)?;
        while let Some(user) = next.filter(|user| user >> GROUP_BITS == group) {
            let user = UserKey(user);
            among.extend(failures.get(&place(user)).map(|failure| (user, *failure)));
            next = users.next();
        }
    }
    Ok(among)
}

/// Reads the summary of a module's failures.
pub(crate) fn summary(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
    definitions: u64,
) -> Result<FailureSummary, StoreError> {
    let Some(value) = tables
        .failures
        .get(txn, &key(module, definitions, SUMMARY))?
    else {
        return Ok(FailureSummary::default());
    };
    decode_summary(value)
}

/// Reads the summary of a module's failures, whichever definitions they belong to.
pub(crate) fn summary_of_any(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
) -> Result<FailureSummary, StoreError> {
    for entry in tables.failures.prefix_iter(txn, &module.0)? {
        let (key, value) = entry?;
        if group_of(key)? == SUMMARY {
            return decode_summary(value);
        }
    }
    Ok(FailureSummary::default())
}

/// Reads the first users of a module that are too large, whichever definitions it has.
pub(crate) fn first_too_large(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
    most: usize,
) -> Result<Vec<UserKey>, StoreError> {
    let mut users = Vec::new();
    for entry in tables.failures.prefix_iter(txn, &module.0)? {
        let (key, value) = entry?;
        let group = group_of(key)?;
        if group == SUMMARY {
            continue;
        }
        let failures = read(Some(value))?;
        let of_group = failures.iter().filter(|(_, failure)| failure.too_large);
        users.extend(of_group.map(|(place, _)| UserKey(group << GROUP_BITS | u32::from(*place))));
        if users.len() >= most {
            break;
        }
    }
    users.truncate(most);
    Ok(users)
}

fn decode_summary(value: &[u8]) -> Result<FailureSummary, StoreError> {
    let mut reader = ByteReader::new(value, WHAT);
    let (users, too_large) = (reader.u32()?, reader.u32()?);
    let reason = String::from_utf8(reader.rest().to_vec());
    Ok(FailureSummary {
        users: u64::from(users),
        too_large: u64::from(too_large),
        reason: reason.map_err(|_| StoreError::Corrupt { what: WHAT })?,
    })
}

fn put_summary(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
    definitions: u64,
    summary: &FailureSummary,
) -> Result<(), StoreError> {
    let key = key(module, definitions, SUMMARY);
    if summary.users == 0 {
        tables.failures.delete(txn, &key)?;
        return Ok(());
    }
    // A user is a number of 32 bits.
    let mut value = Vec::new();
    for users in [summary.users, summary.too_large] {
        let users = u32::try_from(users).unwrap_or(u32::MAX);
        value.extend_from_slice(&users.to_le_bytes());
    }
    value.extend_from_slice(summary.reason.as_bytes());
    tables.failures.put(txn, &key, &value)?;
    Ok(())
}

fn read(value: Option<&[u8]>) -> Result<FailureGroup, StoreError> {
    let mut failures = FailureGroup::new();
    let mut reader = ByteReader::new(value.unwrap_or_default(), WHAT);
    while !reader.rest().is_empty() {
        let place = reader.byte()?;
        let count = reader.byte()?;
        let failure = UserFailure {
            count: count & MAX_COUNT,
            batch: reader.u32()?,
            next: Millis(reader.i64()?),
            too_large: count & TOO_LARGE != 0,
        };
        failures.insert(place, failure);
    }
    Ok(failures)
}

fn write(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    key: &[u8],
    failures: &FailureGroup,
) -> Result<(), StoreError> {
    if failures.is_empty() {
        tables.failures.delete(txn, key)?;
        return Ok(());
    }
    let mut value = Vec::new();
    for (place, failure) in failures {
        let too_large = if failure.too_large { TOO_LARGE } else { 0 };
        value.extend_from_slice(&[*place, failure.count.min(MAX_COUNT) | too_large]);
        value.extend_from_slice(&failure.batch.to_le_bytes());
        value.extend_from_slice(&failure.next.0.to_le_bytes());
    }
    tables.failures.put(txn, key, &value)?;
    Ok(())
}

fn too_large(failures: &FailureGroup) -> u64 {
    failures
        .values()
        .filter(|failure| failure.too_large)
        .count() as u64
}

/// Returns the user's place in the group.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low 8 bits are the place"
)]
fn place(user: UserKey) -> u8 {
    const { assert!(GROUP == 256) };
    user.0 as u8
}

fn key(module: &ModuleKey, definitions: u64, group: u32) -> [u8; 44] {
    let mut key = [0; 44];
    let (head, tail) = key.split_at_mut(32);
    head.copy_from_slice(&module.0);
    let (middle, tail) = tail.split_at_mut(8);
    middle.copy_from_slice(&definitions.to_be_bytes());
    tail.copy_from_slice(&group.to_be_bytes());
    key
}

fn group_of(key: &[u8]) -> Result<u32, StoreError> {
    let bytes = key.get(40..44).and_then(|bytes| bytes.try_into().ok());
    (bytes.map(u32::from_be_bytes)).ok_or(StoreError::Corrupt { what: WHAT })
}

fn definitions_of(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = key.get(32..40).and_then(|bytes| bytes.try_into().ok());
    (bytes.map(u64::from_be_bytes)).ok_or(StoreError::Corrupt { what: WHAT })
}

//! The sets of users that destinations were or were not sent, beyond the engine's own state.
//!
//! There are two kinds of sets. A destination has the users whose latest entry or exit it was not
//! sent, because it was not in the cohort's sync at the time. A cohort has the users that any
//! destination was ever sent as an entry.

use std::ops::RangeInclusive;

use heed::RwTxn;
use muster_model::CohortId;
use roaring::RoaringBitmap;

use crate::chunks::{self, UserSetChunks};
use crate::environment::{ReadTxn, Tables};
use crate::outbox::MAX_DESTINATION;
use crate::{StoreError, UserKey, keys};

const UNSENT: &str = "the entries and exits that a destination was not sent";
const SENT: &str = "the users that were sent as entries";

/// The users whose latest entry or exit a destination was not sent, or has now been sent.
#[derive(Clone, Debug, PartialEq)]
pub struct UnsentChange {
    /// The cohort.
    pub cohort: CohortId,
    /// The destination.
    pub destination: String,
    /// The users that join the set, or leave it if they are in it: an entry and an exit of a user
    /// cancel out.
    pub toggled: RoaringBitmap,
}

/// The users that a destination is now sent as entries.
#[derive(Clone, Debug, PartialEq)]
pub struct SentEntries {
    /// The cohort.
    pub cohort: CohortId,
    /// The users.
    pub users: RoaringBitmap,
}

/// The longest key: cohort, zero, destination, zero and 8 bytes. LMDB: a key has at most 511 bytes.
const _: () = assert!(CohortId::MAX_LENGTH + 1 + MAX_DESTINATION + 9 <= 511);

fn name(cohort: &CohortId, destination: &str) -> Result<Vec<u8>, StoreError> {
    keys::within("a destination's name", destination.len(), MAX_DESTINATION)?;
    let mut name = cohort.as_str().as_bytes().to_vec();
    name.push(0);
    name.extend_from_slice(destination.as_bytes());
    Ok(name)
}

fn unsent<'a>(tables: &'a Tables, name: &'a [u8]) -> UserSetChunks<'a> {
    UserSetChunks {
        table: &tables.unsent,
        name,
        what: UNSENT,
    }
}

fn sent<'a>(tables: &'a Tables, cohort: &'a CohortId) -> UserSetChunks<'a> {
    UserSetChunks {
        table: &tables.sent,
        name: cohort.as_str().as_bytes(),
        what: SENT,
    }
}

pub(crate) fn toggle(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    change: &UnsentChange,
) -> Result<(), StoreError> {
    let name = name(&change.cohort, &change.destination)?;
    unsent(tables, &name).change(txn, &change.toggled, |set, users| *set ^= users)?;
    Ok(())
}

pub(crate) fn add(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    entries: &SentEntries,
) -> Result<(), StoreError> {
    sent(tables, &entries.cohort).change(txn, &entries.users, |set, users| *set |= users)?;
    Ok(())
}

/// Removes a user from all sets.
pub(crate) fn forget(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    user: UserKey,
) -> Result<(), StoreError> {
    chunks::forget(txn, &tables.unsent, user.0, UNSENT, |_, _| Ok(()))?;
    chunks::forget(txn, &tables.sent, user.0, SENT, |_, _| Ok(()))
}

/// Returns the users within a range whose latest entry or exit a destination was not sent.
pub(crate) fn unsent_within(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    cohort: &CohortId,
    destination: &str,
    users: &RangeInclusive<u32>,
) -> Result<RoaringBitmap, StoreError> {
    unsent(tables, &name(cohort, destination)?).within(txn, users)
}

/// Returns the users that any destination was ever sent as an entry.
pub(crate) fn ever(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    cohort: &CohortId,
) -> Result<RoaringBitmap, StoreError> {
    sent(tables, cohort).within(txn, &(0..=u32::MAX))
}

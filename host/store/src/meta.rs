//! The format version and the counters.

use std::path::Path;

use heed::RwTxn;

use crate::StoreError;
use crate::environment::{ReadTxn, Tables};

/// The format that this version reads and writes. It changes whenever older code would misread
/// newer values, or newer code older ones.
const FORMAT: u32 = 4;
const FORMAT_KEY: &[u8] = b"format";

/// A number that only grows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counter {
    /// The sequence of the latest commit of history.
    Sequence,
    /// The sequence up to which changed users are not kept.
    ChangedUsersFloor,
    /// The next segment's id.
    Segment,
    /// The next segment's place.
    Place,
    /// The next message's number.
    Message,
    /// The time of the newest event that was received, in ms since 1970; 0 if there was none. An
    /// event ahead of the clock counts as received at the clock's time.
    NewestEvent,
}

impl Counter {
    fn key(self) -> &'static [u8] {
        match self {
            Self::Sequence => b"sequence",
            Self::ChangedUsersFloor => b"news floor",
            Self::Segment => b"segment",
            Self::Place => b"place",
            Self::Message => b"message",
            Self::NewestEvent => b"newest event",
        }
    }

    pub(crate) fn get(self, txn: &ReadTxn<'_>, tables: &Tables) -> Result<u64, StoreError> {
        match tables.meta.get(txn, self.key())? {
            None => Ok(0),
            Some(value) => value
                .try_into()
                .map(u64::from_le_bytes)
                .map_err(|_| StoreError::Corrupt { what: "a counter" }),
        }
    }

    pub(crate) fn set(
        self,
        txn: &mut RwTxn<'_>,
        tables: &Tables,
        value: u64,
    ) -> Result<(), StoreError> {
        tables.meta.put(txn, self.key(), &value.to_le_bytes())?;
        Ok(())
    }

    /// Returns the counter, and increases it by one.
    pub(crate) fn take(self, txn: &mut RwTxn<'_>, tables: &Tables) -> Result<u64, StoreError> {
        let value = self.get(txn, tables)?;
        self.set(txn, tables, value + 1)?;
        Ok(value)
    }
}

/// Returns true if the database states this version's format, and false if the database is new.
pub(crate) fn check_format(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    directory: &Path,
) -> Result<bool, StoreError> {
    let Some(value) = tables.meta.get(txn, FORMAT_KEY)? else {
        return Ok(false);
    };
    let bytes = value.try_into().map_err(|_| StoreError::Corrupt {
        what: "the format version",
    })?;
    match u32::from_le_bytes(bytes) {
        FORMAT => Ok(true),
        found => Err(StoreError::Version {
            directory: directory.to_owned(),
            found,
            expected: FORMAT,
        }),
    }
}

pub(crate) fn set_format(txn: &mut RwTxn<'_>, tables: &Tables) -> Result<(), StoreError> {
    tables.meta.put(txn, FORMAT_KEY, &FORMAT.to_le_bytes())?;
    Ok(())
}

//! The store's identity.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use heed::RwTxn;

use crate::environment::{ReadTxn, Tables};
use crate::{Snapshot, Store, StoreError};

const KEY: &[u8] = b"identity";

/// The identity of a store: a random number that is made with the store and distinguishes it from
/// other stores. Its text is 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity(pub u64);

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Identity {
    /// Makes a new identity.
    fn random() -> Self {
        // std keys each `RandomState` with 128 random bits of the system, and SipHash spreads them
        // over all 64 bits.
        Self(RandomState::new().hash_one(KEY))
    }

    /// Reads the identity. Returns `None` if the store is new.
    fn find(txn: &ReadTxn<'_>, tables: &Tables) -> Result<Option<Self>, StoreError> {
        let Some(value) = tables.meta.get(txn, KEY)? else {
            return Ok(None);
        };
        match value.try_into() {
            Ok(bytes) => Ok(Some(Self(u64::from_le_bytes(bytes)))),
            Err(_) => Err(CORRUPT),
        }
    }

    /// Reads the identity of an existing store.
    pub(crate) fn load(txn: &ReadTxn<'_>, tables: &Tables) -> Result<Self, StoreError> {
        Self::find(txn, tables)?.ok_or(CORRUPT)
    }

    /// Reads the identity. Makes one if the store has none.
    pub(crate) fn load_or_make(txn: &mut RwTxn<'_>, tables: &Tables) -> Result<Self, StoreError> {
        match Self::find(txn, tables)? {
            Some(identity) => Ok(identity),
            None => Self::make(txn, tables),
        }
    }

    /// Gives the store a new identity.
    pub(crate) fn make(txn: &mut RwTxn<'_>, tables: &Tables) -> Result<Self, StoreError> {
        let identity = Self::random();
        tables.meta.put(txn, KEY, &identity.0.to_le_bytes())?;
        Ok(identity)
    }
}

const CORRUPT: StoreError = StoreError::Corrupt {
    what: "the store's identity",
};

impl Store {
    /// Returns the store's identity, which stays the same for as long as the store is open.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.inner.identity
    }
}

impl Snapshot {
    /// Returns the store's identity.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.inner().identity
    }
}

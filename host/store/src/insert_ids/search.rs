//! The search for an insert id that is known already.

use hashbrown::HashTable;
use parking_lot::RwLockReadGuard;

use super::{Held, IdSegments, id_of};
use crate::StoreError;
use crate::environment::{ReadTxn, Table};

/// A set of ids in memory.
#[derive(Default)]
pub(crate) struct IdSet {
    ids: HashTable<u64>,
}

impl IdSet {
    /// Adds an id. Returns false if the set contained it.
    pub(crate) fn insert(&mut self, id: u64) -> bool {
        // An id is a hash already.
        let new = !self.contains(id);
        if new {
            self.ids.insert_unique(id, id, |id| *id);
        }
        new
    }

    fn contains(&self, id: u64) -> bool {
        self.ids.find(id, |each| *each == id).is_some()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        self.ids.iter().copied()
    }

    pub(crate) fn sorted(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.iter().collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns the memory of the set, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.ids.allocation_size() as u64
    }
}

/// A search on behalf of rows that are about to be written.
pub(crate) struct IdSearch<'a> {
    pub(super) txn: &'a ReadTxn<'a>,
    pub(super) table: &'a Table,
    pub(super) held: RwLockReadGuard<'a, Held>,
    pub(super) own: &'a IdSegments,
    pub(super) new: &'a mut IdSet,
}

impl IdSearch<'_> {
    /// Returns true if the user's insert id is known. From then on it is.
    pub(crate) fn known(&mut self, user: u32, insert: u64) -> Result<bool, StoreError> {
        let id = id_of(user, insert);
        if self.held.recent.contains(id)
            || self.held.segments.contains(self.txn, self.table, id)?
            || self.own.contains(self.txn, self.table, id)?
        {
            return Ok(true);
        }
        Ok(!self.new.insert(id))
    }
}

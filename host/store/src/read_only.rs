//! The read-only open: reading a store that another process owns, or that has no owner.

use std::path::Path;

use crate::identity::Identity;
use crate::snapshot::ReaderSlot;
use crate::store::{StoreInner, load_view};
use crate::terms::{self, TermCounts, Terms};
use crate::{Snapshot, Store, StoreError, StoreOptions, environment, meta};

impl Store {
    /// Reads the state as of the last commit of a store. Another process may have the store open.
    /// The call takes no ownership and writes only the mark in LMDB's lock file that it is reading.
    /// It reads from the log what an owner has in memory.
    ///
    /// It maps the file once per call. A process that has the store open itself uses
    /// [`Self::snapshot`].
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no store, [`StoreError::Version`] when another version
    /// wrote it, and an error when it cannot be read.
    pub fn open_read_only(
        directory: &Path,
        options: &StoreOptions,
    ) -> Result<Snapshot, StoreError> {
        let (env, tables) = environment::open_read_only(directory, options)?;
        let first = env.clone().static_read_txn()?;
        if !meta::check_format(&first, &tables, directory)? {
            return Err(StoreError::Missing {
                directory: directory.to_owned(),
            });
        }
        let identity = Identity::load(&first, &tables)?;
        let terms = Terms::load_without_users(&first, &tables)?;
        let counts = TermCounts {
            users: terms::count_users(&first, &tables)?,
            ..terms.counts()
        };
        let view = load_view(&first, &tables, counts)?;
        let id = first.id();
        let mut slots = vec![ReaderSlot::new(first)];
        while slots.len() < options.readers {
            let txn = env.clone().static_read_txn()?;
            // The owner has committed, so later transactions see more than the first.
            if txn.id() != id {
                break;
            }
            slots.push(ReaderSlot::new(txn));
        }
        let inner = StoreInner::new(env, tables, identity, directory, options, terms, view);
        Ok(Snapshot::of_read_only(inner, slots))
    }
}

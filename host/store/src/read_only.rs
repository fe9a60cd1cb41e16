//! Looking at a store that is another process's, or nobody's.

use std::path::Path;

use crate::identity::Identity;
use crate::snapshot::ReaderSlot;
use crate::store::{StoreInner, load_view};
use crate::terms::{self, TermCounts, Terms};
use crate::{Snapshot, Store, StoreError, StoreOptions, environment, meta};

impl Store {
    /// The state as of the last commit of a store that another process has open, or nobody. It
    /// takes no ownership and writes nothing but the mark in LMDB's lock file that it is reading.
    /// What is in memory of an owner is read from the log.
    ///
    /// It maps the file once for each call; a process that has the store open itself asks
    /// [`Self::snapshot`].
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no store, [`StoreError::Version`] when another version wrote it, and when it cannot be
    /// read.
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
            // The owner has committed: from here on transactions see more than the first.
            if txn.id() != id {
                break;
            }
            slots.push(ReaderSlot::new(txn));
        }
        let inner = StoreInner::new(env, tables, identity, directory, options, terms, view);
        Ok(Snapshot::of_look(inner, slots))
    }
}

//! Looking at a store that is another process's, or nobody's.

use std::path::Path;

use crate::identity::Identity;
use crate::snapshot::Lane;
use crate::store::{Inner, load_view};
use crate::terms::{self, Counts, Terms};
use crate::{Options, Snapshot, Store, StoreError, environment, meta};

impl Store {
    /// The state as of the last commit of a store that another process has open, or nobody. It takes no ownership and writes nothing but the
    /// mark in LMDB's lock file that it is reading. What is in memory of an owner is read from the log.
    ///
    /// It maps the file once for each call; a process that has the store open itself asks [`Self::snapshot`].
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no store, [`StoreError::Version`] when another version wrote it, and when it cannot be
    /// read.
    pub fn look(directory: &Path, options: &Options) -> Result<Snapshot, StoreError> {
        let (env, tables) = environment::look(directory, options)?;
        let first = env.clone().static_read_txn()?;
        if !meta::check_format(&first, &tables, directory)? {
            return Err(StoreError::Missing {
                directory: directory.to_owned(),
            });
        }
        let identity = Identity::load(&first, &tables)?;
        let terms = Terms::load_without_users(&first, &tables)?;
        let counts = Counts {
            users: terms::count_users(&first, &tables)?,
            ..terms.counts()
        };
        let view = load_view(&first, &tables, counts)?;
        let id = first.id();
        let mut lanes = vec![Lane::new(first)];
        while lanes.len() < options.readers {
            let txn = env.clone().static_read_txn()?;
            // The owner has committed: from here on transactions see more than the first.
            if txn.id() != id {
                break;
            }
            lanes.push(Lane::new(txn));
        }
        let inner = Inner::new(env, tables, identity, directory, options, terms, view);
        Ok(Snapshot::of_look(inner, lanes))
    }
}

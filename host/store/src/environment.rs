//! The database file and its tables.

use std::path::Path;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RoTxn, WithoutTls};

use crate::sealed::Sealed;
use crate::{StoreError, StoreOptions};

/// A read transaction that may move between threads.
pub(crate) type ReadTxn<'a> = RoTxn<'a, WithoutTls>;
/// A table whose keys and values are bytes; values have a checksum. The module that owns a table
/// defines their meaning.
pub(crate) type Table = Database<'static, Bytes, Sealed>;

/// Declares the tables once: the struct, the names in the file, and the mapping between them.
macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)+) => {
        /// The tables, as key → value. Numbers in keys are big-endian, so that they sort.
        #[derive(Clone, Copy)]
        pub(crate) struct Tables {
            $($(#[$doc])* pub(crate) $field: Table,)+
            /// destination, 0, number u64 → dead letter; see [`LATER`].
            dead_letters: Option<Table>,
            /// Insert ids ([`crate::insert_ids`]); see [`LATER`].
            insert_ids: Option<Table>,
        }

        const NAMES: &[&str] = &[$($name),+];
        const COUNT: usize = NAMES.len();

        impl Tables {
            /// Makes the struct of tables in the order of [`NAMES`] and of [`LATER`].
            fn of((tables, later): ([Table; COUNT], [Option<Table>; LATER.len()])) -> Self {
                let [$($field),+] = tables;
                let [dead_letters, insert_ids] = later;
                Self { $($field,)+ dead_letters, insert_ids }
            }
        }
    };
}

tables! {
    /// text → the format version, counters.
    meta = "meta",
    /// user u32 → id.
    users = "users",
    /// kind of term u8, code u32 → text.
    terms = "terms",
    /// group of 256 users u32 → time of the first event and of the first row, i64 each, per user.
    firsts = "firsts",
    /// sequence u64 → rows that are in no segment yet.
    log = "log",
    /// segment u32 → its contents.
    segments = "segments",
    /// segment u32, event name u32, group of 256 users u32 → block.
    blocks = "blocks",
    /// source → position.
    sources = "sources",
    /// sequence u64 → users with new rows since the entry before.
    changed_users = "news",
    /// module → state.
    modules = "rules",
    /// module, height u8, node u32 → expiries.
    expiries = "deadlines",
    /// module, definitions u64, group of 256 users u32 → users without an answer; at the greatest
    /// group, a summary.
    failures = "failures",
    /// cohort → state.
    cohorts = "cohorts",
    /// cohort, 0, user >> 16 u64 → bitmap.
    members = "members",
    /// cohort, 0, number u64 → run record.
    records = "records",
    /// destination, 0, number u64 → message.
    outbox = "outbox",
    /// destination → messages and bytes in the outbox.
    backlog = "backlog",
    /// cohort, 0, destination, 0, user >> 16 u64 → bitmap of users whose latest entry or exit was
    /// not sent.
    unsent = "unsent",
    /// cohort, 0, user >> 16 u64 → bitmap of users that were ever sent as an entry.
    sent = "sent",
    /// destination → its address when messages were last put in the outbox for it.
    destinations = "destinations",
}

/// The names of the tables that came later than the others. A store of an earlier version that is
/// open for reading only does not have them.
const LATER: [&str; 2] = ["dead_letters", "insert_ids"];

impl Tables {
    /// Returns the table of dead letters.
    ///
    /// # Errors
    /// When a store of an earlier version is open read-only.
    pub(crate) fn dead_letters(&self) -> Result<Table, StoreError> {
        self.dead_letters.ok_or(StoreError::Corrupt {
            what: "the table of dead letters, which this store does not have yet",
        })
    }

    /// Returns the table of insert ids.
    ///
    /// # Errors
    /// When a store of an earlier version is open read-only.
    pub(crate) fn insert_ids(&self) -> Result<Table, StoreError> {
        self.insert_ids.ok_or(StoreError::ReadOnly)
    }
}

/// The largest number of readers of all snapshots and threads together, including processes that
/// open the store read-only. LMDB: a slot is 64 bytes of the lock file, so all slots are 512 KiB. A
/// commit scans as many slots as were open at once.
const MAX_READERS: u32 = 8192;
/// The number of readers at which snapshots get fewer. While all snapshots together have fewer
/// readers than this, a new snapshot has one for each thread; from then on it has one. So 64
/// snapshots of 16 threads, more than there are processors, read at full speed. About 7,000 more
/// can exist beside them.
pub(crate) const READERS_FOR_THREADS: usize = 1024;
/// The smallest address space that is requested if the system does not grant more.
const LEAST_MAP: u64 = 1 << 30;

/// Opens the database in a directory that exists, and creates what is missing.
pub(crate) fn open(
    directory: &Path,
    options: &StoreOptions,
) -> Result<(Env<WithoutTls>, Tables), StoreError> {
    let flags = match options.durable {
        true => EnvFlags::empty(),
        false => EnvFlags::NO_SYNC,
    };
    let env = map(directory, options, flags)?;
    let txn = env.write_txn()?;
    let opened = env.create_databases_and_commit(txn, |opener, txn| -> Result<_, StoreError> {
        let mut tables = Vec::with_capacity(COUNT);
        for name in NAMES {
            tables.push(opener.create_database::<Bytes, Sealed>(txn, Some(name))?);
        }
        let tables: [_; COUNT] = tables.try_into().map_err(|_| NO_TABLES)?;
        let mut later = [None; LATER.len()];
        for (table, name) in later.iter_mut().zip(LATER) {
            *table = Some(opener.create_database::<Bytes, Sealed>(txn, Some(name))?);
        }
        Ok(CommitOrAbort::<_, ()>::Commit((tables, later)))
    })?;
    let tables = opened.commit().map(Tables::of).ok_or(NO_TABLES)?;
    Ok((env, tables))
}

/// Opens the database in a directory for reading only. Another process may have it open. Creates
/// nothing.
pub(crate) fn open_read_only(
    directory: &Path,
    options: &StoreOptions,
) -> Result<(Env<WithoutTls>, Tables), StoreError> {
    let missing = || StoreError::Missing {
        directory: directory.to_owned(),
    };
    let env = match map(directory, options, EnvFlags::READ_ONLY) {
        Err(heed::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(missing());
        }
        other => other?,
    };
    let txn = env.read_txn()?;
    let opened = env.open_databases_and_commit(txn, |opener, txn| -> Result<_, StoreError> {
        let mut tables = Vec::with_capacity(COUNT);
        for name in NAMES {
            // A process that creates the store creates all tables in one commit.
            let table = opener.open_database::<Bytes, Sealed>(txn, Some(name))?;
            tables.push(table.ok_or_else(missing)?);
        }
        let tables: [_; COUNT] = tables.try_into().map_err(|_| NO_TABLES)?;
        let mut later = [None; LATER.len()];
        for (table, name) in later.iter_mut().zip(LATER) {
            *table = opener.open_database::<Bytes, Sealed>(txn, Some(name))?;
        }
        Ok(CommitOrAbort::<_, ()>::Commit((tables, later)))
    })?;
    let tables = opened.commit().map(Tables::of).ok_or(NO_TABLES)?;
    Ok((env, tables))
}

const NO_TABLES: StoreError = StoreError::Corrupt {
    what: "the list of tables",
};

/// Maps the file with the largest map that the system grants.
fn map(
    directory: &Path,
    options: &StoreOptions,
    flags: EnvFlags,
) -> Result<Env<WithoutTls>, heed::Error> {
    // LMDB: the map size must be a multiple of the page size; 64 KiB is a multiple of every page
    // size.
    let mut size = (options.map_size >> 16).max(16) << 16;
    loop {
        match open_env(directory, size, flags) {
            Err(heed::Error::Io(error))
                if error.kind() == std::io::ErrorKind::OutOfMemory && size > LEAST_MAP =>
            {
                size = (size / 2) >> 16 << 16;
            }
            other => return other,
        }
    }
}

#[expect(unsafe_code, reason = "heed cannot know who else maps the file")]
fn open_env(directory: &Path, size: u64, flags: EnvFlags) -> Result<Env<WithoutTls>, heed::Error> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options
        .map_size(usize::try_from(size).unwrap_or(usize::MAX))
        .max_dbs((COUNT + LATER.len()) as u32)
        .max_readers(MAX_READERS);
    // SAFETY: while the file is mapped, only LMDB may change it, which keeps its own lock file. A
    // caller that writes holds `Lock`, so no second process that respects the lock writes. Other
    // processes only read, also through LMDB. heed itself refuses to open the file twice in one
    // process, and nothing in this crate writes to the file except through this environment. The
    // only flags ever passed are those for reading and for not waiting for the disk, which disable
    // no lock.
    unsafe { options.flags(flags).open(directory) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_a_version_without_dead_letters_opens_read_only() {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            map_size: 1 << 24,
            ..StoreOptions::default()
        };
        let older = || {
            let env = map(directory.path(), &options, EnvFlags::empty())?;
            let txn = env.write_txn()?;
            let made = env.create_databases_and_commit(txn, |opener, txn| {
                for name in NAMES {
                    opener.create_database::<Bytes, Sealed>(txn, Some(name))?;
                }
                Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(()))
            })?;
            assert!(made.commit().is_some());
            Ok::<_, heed::Error>(env)
        };
        older().unwrap().prepare_for_closing().wait();
        let (env, tables) = open_read_only(directory.path(), &options).unwrap();
        assert!(tables.dead_letters().is_err());
        env.prepare_for_closing().wait();
        let (_, tables) = open(directory.path(), &options).unwrap();
        assert!(tables.dead_letters().is_ok());
    }
}

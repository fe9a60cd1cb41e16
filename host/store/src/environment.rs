//! The database file and its tables.

use std::path::Path;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RoTxn, WithoutTls};

use crate::sealed::Sealed;
use crate::{StoreError, StoreOptions};

/// A read transaction that may move between threads.
pub(crate) type ReadTxn<'a> = RoTxn<'a, WithoutTls>;
/// Keys and values are bytes, values with a checksum; the modules that own a table know their
/// meaning.
pub(crate) type Table = Database<'static, Bytes, Sealed>;

/// Declares the tables once: the struct, the names in the file, and how the one becomes the other.
macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)+) => {
        /// The tables. Key → value; numbers in keys are big-endian, so that they sort.
        #[derive(Clone, Copy)]
        pub(crate) struct Tables {
            $($(#[$doc])* pub(crate) $field: Table,)+
        }

        const NAMES: &[&str] = &[$($name),+];
        const COUNT: usize = NAMES.len();

        impl Tables {
            /// In the order of [`NAMES`].
            fn of(tables: [Table; COUNT]) -> Self {
                let [$($field),+] = tables;
                Self { $($field),+ }
            }
        }
    };
}

tables! {
    /// text → the format version, counters.
    meta = "meta",
    /// user u32 → id.
    users = "users",
    /// sort of term u8, code u32 → text.
    terms = "terms",
    /// group of 256 users u32 → first event and known since, i64 each, per user.
    firsts = "firsts",
    /// sequence u64 → rows that are in no segment yet.
    log = "log",
    /// segment u32 → what it holds.
    segments = "segments",
    /// segment u32, event name u32, group of 256 users u32 → block.
    blocks = "blocks",
    /// source → position.
    sources = "sources",
    /// sequence u64 → users with new rows since the entry before.
    changed_users = "news",
    /// rule → state.
    modules = "rules",
    /// rule, height u8, node u32 → deadlines.
    expiries = "deadlines",
    /// rule, definitions u64, group of 256 users u32 → users without an answer; at the greatest
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
    /// cohort, 0, destination, 0, user >> 16 u64 → bitmap of users whose latest move was not sent.
    unsent = "unsent",
    /// cohort, 0, user >> 16 u64 → bitmap of users who were ever sent as an entry.
    sent = "sent",
    /// destination → the place that it was when messages were last put out for it.
    destinations = "destinations",
}

/// Readers of all snapshots and threads together, those of processes that only look among them.
/// LMDB: a slot is 64 bytes of the lock file, so all are 512 KiB. A commit looks at as many as were
/// open at once.
const MAX_READERS: u32 = 8192;
/// While snapshots have fewer readers than this together, a new one has one for each thread; from
/// then on it has one. So 64 snapshots of 16 threads read as fast as they can, which is more than
/// there are processors, and some 7,000 more can be there beside them.
pub(crate) const READERS_FOR_THREADS: usize = 1024;
/// What is asked for in the end if the system grants no more address space.
const LEAST_MAP: u64 = 1 << 30;

/// Opens the database in a directory that exists, and makes what is missing.
pub(crate) fn open(
    directory: &Path,
    options: &StoreOptions,
) -> Result<(Env<WithoutTls>, Tables), StoreError> {
    let env = map(directory, options, EnvFlags::empty())?;
    let txn = env.write_txn()?;
    let opened = env.create_databases_and_commit(txn, |opener, txn| -> Result<_, StoreError> {
        let mut tables = Vec::with_capacity(COUNT);
        for name in NAMES {
            tables.push(opener.create_database::<Bytes, Sealed>(txn, Some(name))?);
        }
        let tables: [_; COUNT] = tables.try_into().map_err(|_| NO_TABLES)?;
        Ok(CommitOrAbort::<_, ()>::Commit(tables))
    })?;
    let tables = opened.commit().map(Tables::of).ok_or(NO_TABLES)?;
    Ok((env, tables))
}

/// Opens the database in a directory for reading only, beside whoever has it open. Makes nothing.
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
            // A process that makes the store makes all tables in one commit.
            let table = opener.open_database::<Bytes, Sealed>(txn, Some(name))?;
            tables.push(table.ok_or_else(missing)?);
        }
        let tables: [_; COUNT] = tables.try_into().map_err(|_| NO_TABLES)?;
        Ok(CommitOrAbort::<_, ()>::Commit(tables))
    })?;
    let tables = opened.commit().map(Tables::of).ok_or(NO_TABLES)?;
    Ok((env, tables))
}

const NO_TABLES: StoreError = StoreError::Corrupt {
    what: "the list of tables",
};

/// Maps the file with the largest map that is granted.
fn map(
    directory: &Path,
    options: &StoreOptions,
    flags: EnvFlags,
) -> Result<Env<WithoutTls>, heed::Error> {
    // LMDB: the map size must be a multiple of the page size; 64 KiB is one of every page size
    // there is.
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
        .max_dbs(COUNT as u32)
        .max_readers(MAX_READERS);
    // SAFETY: the file must not be changed from outside while it is mapped, but by LMDB, which
    // keeps its own lock file. A caller that writes holds `Lock`, so no second process that keeps
    // to it writes; others only look, through LMDB too. heed itself refuses to open the file twice
    // in one process, and nothing in this crate writes to it but through this environment. The only
    // flag that is ever given is that for reading, which switches no lock off.
    unsafe { options.flags(flags).open(directory) }
}

//! Backups: a consistent copy of a store, made while a process uses the store, and the store's note
//! of having been restored from one.
//!
//! A copy carries a mark. A process that opens the copy for writing replaces the mark by a note
//! that the store was restored. It also gives the store a new identity. The original may have sent
//! messages that the copy does not contain.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use heed::{CompactionOption, Env, RwTxn, WithoutTls};
use muster_model::Millis;

use crate::environment::{ReadTxn, Tables};
use crate::identity::Identity;
use crate::lock::Lock;
use crate::{Snapshot, Store, StoreError, StoreOptions, environment, meta, pages};

/// The file of the database in a store's directory.
const DATA: &str = "data.mdb";
/// The lock file of a store's directory.
const OWNER: &str = "owner.lock";
/// The file in which a copy is made until it is complete, within its directory.
const PARTIAL: &str = "backup.partial";
/// The time between two reports of a copy's progress.
const PROGRESS: Duration = Duration::from_millis(200);

/// The mark of a copy: the instant at which it was made.
const BACKUP: &[u8] = b"backup";
/// The note of a store that was such a copy: the same instant.
const RESTORED: &[u8] = b"restored";

/// The progress of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupProgress {
    /// The bytes written so far.
    pub bytes: u64,
    /// The upper bound of the bytes: the copy leaves out free pages.
    pub most: u64,
}

impl Store {
    /// Copies a store as of its last commit to a directory. Another process may have the store open
    /// meanwhile. The copy holds no free pages. When this returns, the copy is on disk and has been
    /// checked for damage. Until then the directory is no store, whatever happens.
    ///
    /// During the copy, pages that are freed cannot be used again.
    ///
    /// # Errors
    /// [`StoreError::Missing`] and [`StoreError::Version`] as in [`Self::open_read_only`];
    /// [`StoreError::NotEmpty`] when something is in the directory; and an error when something
    /// cannot be read or written.
    pub fn backup(
        from: &Path,
        to: &Path,
        options: &StoreOptions,
        at: Millis,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<u64, StoreError> {
        let (env, tables) = environment::open_read_only(from, options)?;
        if !meta::check_format(&env.read_txn()?, &tables, from)? {
            return Err(StoreError::Missing {
                directory: from.to_owned(),
            });
        }
        let target = Target::make(to)?;
        target.copy(&env, progress)?;
        target.mark(options, at)?;
        target.complete(options)
    }

    /// Returns the instant of the backup that the store was restored from. Returns `None` if the
    /// store was not restored, or the restore was acknowledged.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn restored(&self) -> Result<Option<Millis>, StoreError> {
        let txn = self.inner.env.read_txn()?;
        instant(&txn, &self.inner.tables, RESTORED)
    }

    /// Drops the note that the store was restored from a backup.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn acknowledge_restore(&self) -> Result<(), StoreError> {
        let mut txn = self.inner.env.write_txn()?;
        self.inner.tables.meta.delete(&mut txn, RESTORED)?;
        self.inner.commit(txn)
    }
}

impl Snapshot {
    /// Returns the instant of the backup that the store was restored from. For a backup that no
    /// process has opened for writing, it is the instant of that backup. Returns `None` for any
    /// other store, or if the restore was acknowledged.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn restored(&self) -> Result<Option<Millis>, StoreError> {
        self.read_with(|context, _| {
            let (txn, tables) = (context.txn, context.tables);
            Ok(instant(txn, tables, BACKUP)?.or(instant(txn, tables, RESTORED)?))
        })
    }
}

/// Returns the identity of a store that is opened for writing: a new identity if the store is new
/// or a copy of another.
pub(crate) fn identity_at_open(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
) -> Result<Identity, StoreError> {
    let Some(at) = instant(txn, tables, BACKUP)? else {
        return Identity::load_or_make(txn, tables);
    };
    tables.meta.put(txn, RESTORED, &at.0.to_le_bytes())?;
    tables.meta.delete(txn, BACKUP)?;
    Identity::make(txn, tables)
}

fn instant(txn: &ReadTxn<'_>, tables: &Tables, key: &[u8]) -> Result<Option<Millis>, StoreError> {
    let Some(value) = tables.meta.get(txn, key)? else {
        return Ok(None);
    };
    match value.try_into() {
        Ok(bytes) => Ok(Some(Millis(i64::from_le_bytes(bytes)))),
        Err(_) => Err(StoreError::Corrupt {
            what: "the instant of a backup",
        }),
    }
}

/// A directory that becomes a copy.
struct Target {
    directory: PathBuf,
    /// The lock of the directory. While it is held, no other process opens the directory as a store
    /// or copies to it.
    lock: Lock,
}

impl Target {
    /// Accepts a directory that does not exist, is empty, or holds an interrupted copy.
    fn make(directory: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory);
        made.map_err(failed("make the directory", directory))?;
        only_interrupted_copy(directory)?;
        let mut lock = Lock::take(directory)?;
        // Another copy may have been completed before the lock was taken.
        only_interrupted_copy(directory)?;
        // From here on a missing database file is an error, and not a new store.
        lock.mark()?;
        let target = Self {
            directory: directory.to_owned(),
            lock,
        };
        let partial = target.partial();
        match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("delete", &partial)(error));
            }
            _ => {}
        }
        let made = DirBuilder::new().mode(0o700).create(&partial);
        made.map_err(failed("make the directory", &partial))?;
        Ok(target)
    }

    fn partial(&self) -> PathBuf {
        self.directory.join(PARTIAL)
    }

    fn copy(
        &self,
        env: &Env<WithoutTls>,
        progress: &mut dyn FnMut(BackupProgress),
    ) -> Result<(), StoreError> {
        let path = self.partial().join(DATA);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let mut file = opened.map_err(failed("make", &path))?;
        let watched = file.try_clone().map_err(failed("open", &path))?;
        let most = env.real_disk_size()?;
        let copied = std::thread::scope(|scope| {
            let (done, copied) = mpsc::channel();
            scope.spawn(move || {
                // The receiver exists until it has received this.
                let _ = done.send(env.copy_to_file(&mut file, CompactionOption::Enabled));
            });
            loop {
                match copied.recv_timeout(PROGRESS) {
                    Ok(result) => return result.map_err(StoreError::from),
                    Err(RecvTimeoutError::Timeout) => {
                        let bytes = watched.metadata().map_or(0, |metadata| metadata.len());
                        progress(BackupProgress { bytes, most });
                    }
                    // The thread panicked, and the scope panics with it.
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(StoreError::Corrupt { what: "a copy" });
                    }
                }
            }
        });
        copied?;
        watched.sync_all().map_err(failed("write", &path))
    }

    /// Marks the copy as a backup.
    fn mark(&self, options: &StoreOptions, at: Millis) -> Result<(), StoreError> {
        let (env, tables) = environment::open(&self.partial(), options)?;
        let mut txn = env.write_txn()?;
        let at = at.0.to_le_bytes();
        tables.meta.put(&mut txn, BACKUP, &at)?;
        tables.meta.delete(&mut txn, RESTORED)?;
        txn.commit()?;
        env.prepare_for_closing().wait();
        Ok(())
    }

    /// Moves the copy to the place of a store's file, and returns its size.
    fn complete(self, options: &StoreOptions) -> Result<u64, StoreError> {
        let (partial, data) = (self.partial(), self.directory.join(DATA));
        let copy = partial.join(DATA);
        if options.check {
            pages::check(&copy, true)?;
        }
        let size = fs::metadata(&copy).map_err(failed("read", &copy))?.len();
        fs::rename(&copy, &data).map_err(failed("rename", &copy))?;
        fs::remove_dir_all(&partial).map_err(failed("delete", &partial))?;
        sync(&self.directory)?;
        if let Some(parent) = self.directory.parent() {
            sync(if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            })?;
        }
        drop(self.lock);
        Ok(size)
    }
}

/// Refuses a directory that contains anything but an interrupted copy.
fn only_interrupted_copy(directory: &Path) -> Result<(), StoreError> {
    let entries = fs::read_dir(directory).map_err(failed("read", directory))?;
    for entry in entries {
        let name = entry.map_err(failed("read", directory))?.file_name();
        if name != OWNER && name != PARTIAL {
            return Err(StoreError::NotEmpty {
                directory: directory.to_owned(),
                entry: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

/// Writes a directory to disk. After a power cut, an entry of a directory exists only if the
/// directory is on disk too.
fn sync(directory: &Path) -> Result<(), StoreError> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(failed("write", directory))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Io {
        action,
        path,
        source,
    }
}

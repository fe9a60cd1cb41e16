//! A consistent copy of a store, made while a process uses it, and what a store knows of having
//! been such a copy.
//!
//! The copy has a mark. Who opens it for writing turns the mark into a note that the store was
//! restored, and the store takes a new identity: it knows less than the store that it was copied
//! from has sent.

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
/// Where a copy is made before it is complete, within its directory.
const PARTIAL: &str = "backup.partial";
/// How often the progress of a copy is told.
const PROGRESS: Duration = Duration::from_millis(200);

/// The mark of a copy: the instant at which it was made.
const BACKUP: &[u8] = b"backup";
/// The note of a store that was such a copy: the same instant.
const RESTORED: &[u8] = b"restored";

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupProgress {
    /// Bytes that were written.
    pub bytes: u64,
    /// The most that there can be: the copy leaves out free pages.
    pub most: u64,
}

impl Store {
    /// Copies a store as of its last commit to a directory, beside a process that has it open, or
    /// with nobody. The copy holds no free pages; it is on disk, and looked through for damage,
    /// when this returns. Until then the directory is no store, whatever happens.
    ///
    /// While it is made, pages that are freed meanwhile cannot be used again.
    ///
    /// # Errors
    /// [`StoreError::Missing`] and [`StoreError::Version`] as [`Self::look`]; [`StoreError::NotEmpty`] when something is in the
    /// directory; and when something cannot be read or written.
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

    /// Returns the instant of the backup that the store was restored from; `None`: it was not, or
    /// that was acknowledged.
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
    /// Returns the instant of the backup that the store was restored from, or that it is and nobody
    /// has opened for writing; `None`: neither, or the restore was acknowledged.
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

/// Returns the identity of a store that is opened for writing: a new one if it is new, or a copy of
/// another.
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
    /// While it is held, nobody opens the directory as a store, or copies to it.
    lock: Lock,
}

impl Target {
    /// Takes a directory that is not there, is empty, or holds a copy that was cut off.
    fn make(directory: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory);
        made.map_err(failed("make the directory", directory))?;
        only_cut_off(directory)?;
        let mut lock = Lock::take(directory)?;
        // Another copy may have been completed before the lock was taken.
        only_cut_off(directory)?;
        // From here on a database file that is missing is an error, and not a new store.
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
                // The receiver is there until it has received.
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

    /// Marks the copy as one.
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

    /// Puts the copy where a store has its file, and returns its size.
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

/// Refuses a directory in which there is anything but a copy that was cut off.
fn only_cut_off(directory: &Path) -> Result<(), StoreError> {
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

/// An entry of a directory is there after a power cut only if the directory is on disk too.
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

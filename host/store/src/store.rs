//! The store: opening it, and its state in memory.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicUsize};

use heed::{Env, RwTxn, WithoutTls};
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::batch::Batch;
use crate::environment::{self, ReadTxn, Tables};
use crate::firsts::Firsts;
use crate::identity::Identity;
use crate::insert_ids::InsertIds;
use crate::keys::number_of;
use crate::lock::Lock;
use crate::meta::{self, Counter};
use crate::read::Globs;
use crate::rows::RowBuffer;
use crate::segment::Segment;
use crate::sources;
use crate::terms::{TermCounts, Terms};
use crate::view::StoreView;
use crate::{SourceKey, StoreError, StoreOptions, backup, blocks, folder, log, pages};

/// An open store. Clones share it. It closes when the last clone and snapshot are dropped.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<StoreInner>,
}

pub(crate) struct StoreInner {
    pub(crate) env: Env<WithoutTls>,
    pub(crate) tables: Tables,
    pub(crate) options: StoreOptions,
    pub(crate) directory: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) terms: RwLock<Terms>,
    pub(crate) globs: Globs,
    /// The number of readers that snapshots have open.
    pub(crate) readers: AtomicUsize,
    /// The state in memory after the last commit.
    pub(crate) view: RwLock<Arc<StoreView>>,
    /// The listeners that are called after each commit of history.
    listeners: RwLock<Vec<Listener>>,
    /// The listeners that are called after each commit that adds messages to the outbox.
    pub(crate) message_listeners: RwLock<Vec<MessageListener>>,
    /// The writer's cache. A thread that commits history holds its lock.
    memory: Mutex<WriterCache>,
    /// The sources that are being imported.
    importing: Mutex<BTreeSet<SourceKey>>,
    /// The lock that allows one merge of segments at a time.
    merging: Mutex<()>,
    /// The instant before which events are not kept.
    pub(crate) pruned: AtomicI64,
    /// The users that were forgotten since the store was opened, in that order. Imports and merges
    /// hold rows that are not committed yet; they drop the rows of these users. The list grows only
    /// under the lock of `memory`.
    forgotten: Mutex<Vec<u32>>,
    /// The segments that no reader uses any more and whose blocks still exist.
    dropped: Mutex<VecDeque<u32>>,
    /// The insert ids that arrived lately. `None` for a read-only open.
    insert_ids: Option<InsertIds>,
    // The last field, so that the directory is released after the database is closed. `None` for a
    // read-only open.
    _lock: Option<Lock>,
}

/// A callback with the history's sequence after a commit.
type Listener = Box<dyn Fn(u64) + Send + Sync>;

/// A callback with a destination that has new messages after a commit.
pub(crate) type MessageListener = Box<dyn Fn(&str) + Send + Sync>;

/// The data that a thread that commits history keeps from one commit to the next.
struct WriterCache {
    /// The first times of users; `None` if a commit was interrupted, so that they must be read
    /// again.
    firsts: Option<Firsts>,
    saved: TermCounts,
}

/// A commit of history in progress.
pub(crate) struct Writer {
    pub(crate) firsts: Firsts,
    /// The numbers that are in the database.
    pub(crate) saved: TermCounts,
}

impl Store {
    /// Opens the store in a directory. Creates the directory if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has the store open, [`StoreError::Version`] when
    /// another version wrote it, [`StoreError::Damaged`] and [`StoreError::NotWritable`], and an
    /// error when it cannot be read.
    pub fn open(directory: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        Self::open_or(directory, options).map_err(|error| error.or_not_writable(directory))
    }

    fn open_or(directory: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        folder::make(directory)?;
        let mut lock = Lock::take(directory)?;
        if options.check {
            pages::check(&directory.join("data.mdb"), lock.marked()?)?;
        }
        let (env, tables) = environment::open(directory, options)?;
        lock.mark()?;
        folder::close_to_others(directory)?;
        // Clears the slots of processes that read the store and were killed. Their slots would keep
        // freed pages from being used again.
        env.clear_stale_readers()?;
        let mut txn = env.write_txn()?;
        if !meta::check_format(&txn, &tables, directory)? {
            meta::set_format(&mut txn, &tables)?;
        }
        let identity = backup::identity_at_open(&mut txn, &tables)?;
        txn.commit()?;

        let txn = env.read_txn()?;
        let dropped = blocks::leftovers(&txn, &tables)?;
        let mut terms = Terms::load(&txn, &tables)?;
        terms.limit(options);
        let memory = WriterCache {
            firsts: Some(Firsts::load(&txn, &tables)?),
            saved: terms.counts(),
        };
        let view = load_view(&txn, &tables, terms.counts())?;
        let importing = sources::importing_segments(&txn, &tables)?;
        let insert_ids = InsertIds::load(&txn, tables.insert_ids()?, &importing)?;
        drop(txn);
        let inner = StoreInner {
            memory: Mutex::new(memory),
            dropped: Mutex::new(dropped.into()),
            insert_ids: Some(insert_ids),
            _lock: Some(lock),
            ..StoreInner::new(env, tables, identity, directory, options, terms, view)
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Returns the directory of the store.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// Calls `listener` after each commit that changes the history, with the history's sequence.
    /// The call is on the thread that commits, so it must be brief.
    pub fn on_changed_users(&self, listener: impl Fn(u64) + Send + Sync + 'static) {
        let mut listeners = self.inner.listeners.write();
        listeners.push(Box::new(listener));
    }

    /// Returns the number of insert ids that are kept, and the memory that they take, in bytes.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] when the store is open for reading only.
    pub fn insert_id_size(&self) -> Result<(u64, u64), StoreError> {
        Ok(self.inner.insert_ids()?.size())
    }

    /// Returns the position of a source as of the last commit: that of [`Self::append`], or of a
    /// finished import.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn position(&self, source: &SourceKey) -> Result<Option<Vec<u8>>, StoreError> {
        let txn = self.inner.env.read_txn()?;
        sources::position(&txn, &self.inner.tables, source)
    }
}

impl StoreInner {
    /// Makes the state of a store without a writer and an owner.
    pub(crate) fn new(
        env: Env<WithoutTls>,
        tables: Tables,
        identity: Identity,
        directory: &Path,
        options: &StoreOptions,
        terms: Terms,
        view: StoreView,
    ) -> Self {
        Self {
            env,
            tables,
            options: options.clone(),
            directory: directory.to_owned(),
            identity,
            memory: Mutex::new(WriterCache {
                firsts: None,
                saved: terms.counts(),
            }),
            terms: RwLock::new(terms),
            globs: Globs::default(),
            readers: AtomicUsize::new(0),
            view: RwLock::new(Arc::new(view)),
            listeners: RwLock::default(),
            message_listeners: RwLock::default(),
            importing: Mutex::new(BTreeSet::new()),
            merging: Mutex::new(()),
            pruned: AtomicI64::new(i64::MIN),
            forgotten: Mutex::default(),
            dropped: Mutex::default(),
            insert_ids: None,
            _lock: None,
        }
    }

    pub(crate) fn view(&self) -> Arc<StoreView> {
        Arc::clone(&self.view.read())
    }

    /// Uses up one of the commits that a test allows.
    fn allow_commit(&self) -> Result<(), StoreError> {
        let Some(left) = &self.options.commits_left else {
            return Ok(());
        };
        left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
            .map(drop)
            .map_err(|_| StoreError::Stopped)
    }

    /// Commits a transaction that does not change the view. No snapshot begins in between.
    pub(crate) fn commit(&self, txn: RwTxn<'_>) -> Result<(), StoreError> {
        self.allow_commit()?;
        let _view = self.view.write();
        txn.commit()?;
        Ok(())
    }

    /// Commits a transaction together with its view.
    pub(crate) fn commit_view(&self, txn: RwTxn<'_>, view: StoreView) -> Result<(), StoreError> {
        self.allow_commit()?;
        let mut current = self.view.write();
        txn.commit()?;
        let (before, sequence) = (current.sequence, view.sequence);
        *current = Arc::new(view);
        drop(current);
        if sequence > before {
            let listeners = self.listeners.read();
            for listener in listeners.iter() {
                listener(sequence);
            }
        }
        Ok(())
    }

    /// Runs `f`, which ends in at most one commit of history. If `f` fails, only the first times
    /// that it changed in memory are read again. Numbers that it assigned stay assigned: the next
    /// commit saves them.
    pub(crate) fn write<T>(
        &self,
        f: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut memory = self.memory.lock();
        // The first times are taken out, so that they are gone too if `f` panics.
        let firsts = match memory.firsts.take() {
            Some(firsts) => firsts,
            None => Firsts::load(&self.env.read_txn()?, &self.tables)?,
        };
        let mut writer = Writer {
            firsts,
            saved: memory.saved,
        };
        let result = f(&mut writer);
        let mut firsts = writer.firsts;
        if result.is_ok() {
            firsts.saved();
            memory.saved = writer.saved;
        } else if let Err(error) = self.undo(&mut firsts) {
            // The first times stay empty, and the next write reads all of them. The error of `f`
            // matters more than the error of undoing it.
            drop(error);
            return result;
        }
        memory.firsts = Some(firsts);
        result
    }

    fn undo(&self, firsts: &mut Firsts) -> Result<(), StoreError> {
        firsts.undo(&self.env.read_txn()?, &self.tables)
    }

    /// Returns the insert ids that arrived lately.
    pub(crate) fn insert_ids(&self) -> Result<&InsertIds, StoreError> {
        self.insert_ids.as_ref().ok_or(StoreError::ReadOnly)
    }

    pub(crate) fn importing(&self) -> MutexGuard<'_, BTreeSet<SourceKey>> {
        self.importing.lock()
    }

    /// Returns the users that were forgotten since the store was opened.
    pub(crate) fn forgotten(&self) -> MutexGuard<'_, Vec<u32>> {
        self.forgotten.lock()
    }

    /// Returns the segments whose blocks are to be dropped.
    pub(crate) fn dropped(&self) -> MutexGuard<'_, VecDeque<u32>> {
        self.dropped.lock()
    }

    /// Locks merging, so that only one merge runs at a time.
    pub(crate) fn merge_lock(&self) -> MutexGuard<'_, ()> {
        self.merging.lock()
    }
}

/// Loads the in-memory state of the history from the database.
pub(crate) fn load_view(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    counts: TermCounts,
) -> Result<StoreView, StoreError> {
    let importing = sources::importing_segments(txn, tables)?;
    let mut segments = Vec::new();
    for entry in tables.segments.iter(txn)? {
        let (key, value) = entry?;
        let id = Segment::id_of(key)?;
        if !importing.contains(&id) {
            segments.push(Arc::new(Segment::decode(id, value)?));
        }
    }
    segments.sort_by_key(|segment| segment.place);
    let mut rows = RowBuffer::default();
    for entry in tables.log.iter(txn)? {
        let (key, value) = entry?;
        number_of(key)?;
        log::decode(value, &mut rows)?;
    }
    let batches = if rows.len() == 0 {
        Vec::new()
    } else {
        vec![Arc::new(Batch::new(rows))]
    };
    Ok(StoreView {
        sequence: Counter::Sequence.get(txn, tables)?,
        counts,
        segments,
        batches,
    })
}

#[cfg(test)]
mod tests {
    use muster_model::{EventBuffer, Millis};

    use super::*;
    use crate::UserKey;

    fn event(id: &str, time: i64) -> EventBuffer {
        let mut buffer = EventBuffer::default();
        buffer.event(id, "Buy", Millis(time), None);
        buffer
    }

    #[test]
    fn a_write_that_failed_reads_the_first_times_of_its_own_users_again_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            map_size: 1 << 28,
            ..StoreOptions::default()
        };
        let store = Store::open(directory.path(), &options).unwrap();
        // A thousand users are four groups.
        for user in 0..1000 {
            store.append(&event(&user.to_string(), 100), None).unwrap();
        }
        let inner = &store.inner;
        // The test changes the other groups in the database directly, so a read of them is noticed.
        let mut txn = inner.env.write_txn().unwrap();
        for group in [0_u32, 1, 3] {
            let key = group.to_be_bytes();
            inner.tables.firsts.delete(&mut txn, &key).unwrap();
        }
        inner.commit(txn).unwrap();
        let failed = inner.write(|writer| {
            writer.firsts.update(600, 1, true);
            Err::<(), _>(StoreError::Full)
        });
        assert!(matches!(failed, Err(StoreError::Full)));
        // A later event changes no first time if all are still known. The failed write left no
        // trace.
        for user in [0, 300, 600, 900] {
            store.append(&event(&user.to_string(), 200), None).unwrap();
        }
        let txn = inner.env.read_txn().unwrap();
        let groups = inner.tables.firsts.len(&txn).unwrap();
        assert_eq!(groups, 1);
        store.append(&event("600", 50), None).unwrap();
        let known = |now| store.snapshot().unwrap().known(Millis(now)).unwrap();
        assert!(!known(49).contains(600) && known(50).contains(600));
        assert_eq!(
            store.snapshot().unwrap().user_key("600").unwrap(),
            Some(UserKey(600))
        );
    }
}

//! The store: opening, and what memory keeps of it.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use heed::{Env, RwTxn, WithoutTls};

use crate::batch::Batch;
use crate::environment::{self, ReadTxn, Tables};
use crate::firsts::Firsts;
use crate::identity::Identity;
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

/// An open store. Clones share it; it closes with the last clone and snapshot.
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
    /// Readers that snapshots have open.
    pub(crate) readers: AtomicUsize,
    /// What the last commit left in memory.
    pub(crate) view: RwLock<Arc<StoreView>>,
    /// Told of each commit of history.
    listeners: RwLock<Vec<Listener>>,
    /// Told of each commit that adds messages to the outbox.
    pub(crate) message_listeners: RwLock<Vec<MessageListener>>,
    /// Whoever commits history holds it.
    memory: Mutex<WriterCache>,
    /// Sources that are being imported.
    importing: Mutex<BTreeSet<SourceKey>>,
    /// One merge of segments at a time.
    merging: Mutex<()>,
    /// Events before it are not to be kept.
    pub(crate) pruned: AtomicI64,
    /// Users that were forgotten since the store was opened, in that order. Who holds rows that are
    /// not committed yet (an import, a merge) drops theirs. It grows under the lock of `memory`
    /// only.
    forgotten: Mutex<Vec<u32>>,
    /// Segments that nobody reads any more and whose blocks are still there.
    dropped: Mutex<VecDeque<u32>>,
    // Last, so that the directory is let go of when the database is closed. `None`: it is only
    // looked at.
    _lock: Option<Lock>,
}

/// Is told the history's sequence after a commit.
type Listener = Box<dyn Fn(u64) + Send + Sync>;

/// Is told a destination that has new messages after a commit.
pub(crate) type MessageListener = Box<dyn Fn(&str) + Send + Sync>;

/// What whoever commits history remembers from one commit to the next.
struct WriterCache {
    /// `None`: a commit was cut off, and they are to be read anew.
    firsts: Option<Firsts>,
    saved: TermCounts,
}

/// Whoever commits history.
pub(crate) struct Writer {
    pub(crate) firsts: Firsts,
    /// The numbers that are in the database.
    pub(crate) saved: TermCounts,
}

impl Store {
    /// Opens the store in a directory, which is made if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it open, [`StoreError::Version`] when another version wrote it,
    /// [`StoreError::Damaged`] and [`StoreError::NotWritable`], and when it cannot be read.
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
        // Of processes that looked at it and were killed: they would keep freed pages from being
        // used again.
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
        drop(txn);
        let inner = StoreInner {
            memory: Mutex::new(memory),
            dropped: Mutex::new(dropped.into()),
            _lock: Some(lock),
            ..StoreInner::new(env, tables, identity, directory, options, terms, view)
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The directory it lives in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// Calls `listener` after each commit that changes the history, with its sequence, on the
    /// thread that commits: let it be brief.
    pub fn on_changed_users(&self, listener: impl Fn(u64) + Send + Sync + 'static) {
        let mut listeners = (self.inner.listeners.write()).unwrap_or_else(PoisonError::into_inner);
        listeners.push(Box::new(listener));
    }

    /// The position of a source, as of the last commit: of [`Self::append`], or of a finished
    /// import.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn position(&self, source: &SourceKey) -> Result<Option<Vec<u8>>, StoreError> {
        let txn = self.inner.env.read_txn()?;
        sources::position(&txn, &self.inner.tables, source)
    }
}

impl StoreInner {
    /// What nobody writes yet, and nobody owns.
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
            _lock: None,
        }
    }

    pub(crate) fn view(&self) -> Arc<StoreView> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes one of the commits that a test allows.
    fn allow_commit(&self) -> Result<(), StoreError> {
        let Some(left) = &self.options.commits_left else {
            return Ok(());
        };
        left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
            .map(drop)
            .map_err(|_| StoreError::Stopped)
    }

    /// Commits what changes nothing of the view. Snapshots do not begin in between.
    pub(crate) fn commit(&self, txn: RwTxn<'_>) -> Result<(), StoreError> {
        self.allow_commit()?;
        let _view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        txn.commit()?;
        Ok(())
    }

    /// Commits together with the view that belongs to it.
    pub(crate) fn commit_view(&self, txn: RwTxn<'_>, view: StoreView) -> Result<(), StoreError> {
        self.allow_commit()?;
        let mut current = self.view.write().unwrap_or_else(PoisonError::into_inner);
        txn.commit()?;
        let (before, sequence) = (current.sequence, view.sequence);
        *current = Arc::new(view);
        drop(current);
        if sequence > before {
            let listeners = (self.listeners.read()).unwrap_or_else(PoisonError::into_inner);
            for listener in listeners.iter() {
                listener(sequence);
            }
        }
        Ok(())
    }

    /// Does something that ends in at most one commit, as the one who commits history. If it fails,
    /// the firsts that it had changed in memory, and no others, are read anew. Numbers it had given
    /// stay given: the next commit saves them.
    pub(crate) fn write<T>(
        &self,
        f: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out, so that they are gone too if `f` panics.
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
            // They stay away, and the next one reads all of them. What it was about counts for more
            // than why it cannot be undone.
            drop(error);
            return result;
        }
        memory.firsts = Some(firsts);
        result
    }

    fn undo(&self, firsts: &mut Firsts) -> Result<(), StoreError> {
        firsts.undo(&self.env.read_txn()?, &self.tables)
    }

    pub(crate) fn importing(&self) -> MutexGuard<'_, BTreeSet<SourceKey>> {
        self.importing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The users that were forgotten since the store was opened.
    pub(crate) fn forgotten(&self) -> MutexGuard<'_, Vec<u32>> {
        self.forgotten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The segments whose blocks are to be dropped.
    pub(crate) fn dropped(&self) -> MutexGuard<'_, VecDeque<u32>> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One merge at a time.
    pub(crate) fn merge_lock(&self) -> MutexGuard<'_, ()> {
        self.merging.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What memory keeps of the history in the database.
pub(crate) fn load_view(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    counts: TermCounts,
) -> Result<StoreView, StoreError> {
    let staged = sources::importing_segments(txn, tables)?;
    let mut segments = Vec::new();
    for entry in tables.segments.iter(txn)? {
        let (key, value) = entry?;
        let id = Segment::id_of(key)?;
        if !staged.contains(&id) {
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
        // What is in the database of the others is changed behind memory's back: whoever reads it
        // notices.
        let mut txn = inner.env.write_txn().unwrap();
        for group in [0_u32, 1, 3] {
            let key = group.to_be_bytes();
            inner.tables.firsts.delete(&mut txn, &key).unwrap();
        }
        inner.commit(txn).unwrap();
        let failed = inner.write(|writer| {
            writer.firsts.see(600, 1, true);
            Err::<(), _>(StoreError::Full)
        });
        assert!(matches!(failed, Err(StoreError::Full)));
        // A later event changes no first time, if all are still known; and what failed was not
        // seen.
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

//! The store: opening, and what memory keeps of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use heed::{Env, RwTxn, WithoutTls};

use crate::batch::Batch;
use crate::environment::{self, ReadTxn, Tables};
use crate::firsts::Firsts;
use crate::identity::Identity;
use crate::keys::number_of;
use crate::lock::Lock;
use crate::meta::{self, Counter};
use crate::rows::Rows;
use crate::segment::Segment;
use crate::sources;
use crate::terms::{Counts, Terms};
use crate::view::View;
use crate::{Options, SourceKey, StoreError, backup, log, pages};

/// An open store. Clones share it; it closes with the last clone and snapshot.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) env: Env<WithoutTls>,
    pub(crate) tables: Tables,
    pub(crate) options: Options,
    pub(crate) directory: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) terms: RwLock<Terms>,
    /// What the last commit left in memory.
    pub(crate) view: RwLock<Arc<View>>,
    /// Told of each commit of history.
    listeners: RwLock<Vec<Listener>>,
    /// Whoever commits history holds it.
    memory: Mutex<Memory>,
    /// Sources that are being imported.
    importing: Mutex<BTreeSet<SourceKey>>,
    /// One merge of segments at a time.
    merging: Mutex<()>,
    /// Events before it are not to be kept.
    pub(crate) pruned: AtomicI64,
    // Last, so that the directory is let go of when the database is closed. `None`: it is only looked at.
    _lock: Option<Lock>,
}

/// Is told the history's sequence after a commit.
type Listener = Box<dyn Fn(u64) + Send + Sync>;

/// What whoever commits history remembers from one commit to the next.
struct Memory {
    /// `None`: a commit failed, and they are to be read anew.
    firsts: Option<Firsts>,
    saved: Counts,
}

/// Whoever commits history.
pub(crate) struct Writer {
    pub(crate) firsts: Firsts,
    /// The numbers that are in the database.
    pub(crate) saved: Counts,
}

impl Store {
    /// Opens the store in a directory, which is made if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it open, [`StoreError::Version`] when another version wrote it,
    /// [`StoreError::Damaged`] and [`StoreError::NotWritable`], and when it cannot be read.
    pub fn open(directory: &Path, options: &Options) -> Result<Self, StoreError> {
        Self::open_or(directory, options).map_err(|error| error.or_not_writable(directory))
    }

    fn open_or(directory: &Path, options: &Options) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory).map_err(|source| StoreError::Io {
            action: "make the directory",
            path: directory.to_owned(),
            source,
        })?;
        let mut lock = Lock::take(directory)?;
        if options.check {
            pages::check(&directory.join("data.mdb"), lock.marked()?)?;
        }
        let (env, tables) = environment::open(directory, options)?;
        lock.mark()?;
        // Of processes that looked at it and were killed: they would keep freed pages from being used again.
        env.clear_stale_readers()?;
        let mut txn = env.write_txn()?;
        if !meta::check_format(&txn, &tables, directory)? {
            meta::set_format(&mut txn, &tables)?;
        }
        let identity = backup::identity_at_open(&mut txn, &tables)?;
        sources::drop_leftovers(&mut txn, &tables)?;
        txn.commit()?;

        let txn = env.read_txn()?;
        let terms = Terms::load(&txn, &tables)?;
        let memory = Memory {
            firsts: Some(Firsts::load(&txn, &tables)?),
            saved: terms.counts(),
        };
        let view = load_view(&txn, &tables, terms.counts())?;
        drop(txn);
        let inner = Inner {
            memory: Mutex::new(memory),
            _lock: Some(lock),
            ..Inner::new(env, tables, identity, directory, options, terms, view)
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

    /// Calls `listener` after each commit that changes the history, with its sequence, on the thread that commits: let it be brief.
    pub fn on_news(&self, listener: impl Fn(u64) + Send + Sync + 'static) {
        let mut listeners = (self.inner.listeners.write()).unwrap_or_else(PoisonError::into_inner);
        listeners.push(Box::new(listener));
    }

    /// The position of a source, as of the last commit: of [`Self::append`], or of a finished import.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn position(&self, source: &SourceKey) -> Result<Option<Vec<u8>>, StoreError> {
        let txn = self.inner.env.read_txn()?;
        sources::position(&txn, &self.inner.tables, source)
    }
}

impl Inner {
    /// What nobody writes yet, and nobody owns.
    pub(crate) fn new(
        env: Env<WithoutTls>,
        tables: Tables,
        identity: Identity,
        directory: &Path,
        options: &Options,
        terms: Terms,
        view: View,
    ) -> Self {
        Self {
            env,
            tables,
            options: options.clone(),
            directory: directory.to_owned(),
            identity,
            memory: Mutex::new(Memory {
                firsts: None,
                saved: terms.counts(),
            }),
            terms: RwLock::new(terms),
            view: RwLock::new(Arc::new(view)),
            listeners: RwLock::default(),
            importing: Mutex::new(BTreeSet::new()),
            merging: Mutex::new(()),
            pruned: AtomicI64::new(i64::MIN),
            _lock: None,
        }
    }

    pub(crate) fn view(&self) -> Arc<View> {
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
    pub(crate) fn commit_view(&self, txn: RwTxn<'_>, view: View) -> Result<(), StoreError> {
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

    /// Does something that ends in at most one commit, as the one who commits history. If it fails, the firsts it had changed in memory
    /// are read anew. Numbers it had given stay given: the next commit saves them.
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
        let result = f(&mut writer)?;
        memory.firsts = Some(writer.firsts);
        memory.saved = writer.saved;
        Ok(result)
    }

    pub(crate) fn importing(&self) -> MutexGuard<'_, BTreeSet<SourceKey>> {
        self.importing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
    counts: Counts,
) -> Result<View, StoreError> {
    let staged = sources::staged(txn, tables)?;
    let mut segments = Vec::new();
    for entry in tables.segments.iter(txn)? {
        let (key, value) = entry?;
        let id = Segment::id_of(key)?;
        if !staged.contains(&id) {
            segments.push(Arc::new(Segment::decode(id, value)?));
        }
    }
    segments.sort_by_key(|segment| segment.place);
    let mut rows = Rows::default();
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
    Ok(View {
        sequence: Counter::Sequence.get(txn, tables)?,
        counts,
        segments,
        batches,
    })
}

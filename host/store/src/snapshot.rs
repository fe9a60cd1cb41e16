//! Snapshots: consistent states of the store, for reading.

mod engine_state;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use muster_model::{Millis, UserHistory, Value};
use parking_lot::{Condvar, Mutex};
use roaring::RoaringBitmap;

use crate::environment::{READERS_FOR_THREADS, ReadTxn};
use crate::interner::Interner;
use muster_columns::ReadBudget;

use crate::read::{self, ReadContext, Remap};
use crate::store::StoreInner;
use crate::view::StoreView;
use crate::{
    History, PropertyRead, ReadRequest, SourceKey, Store, StoreError, StreamRead, UserKey,
    changed_users, firsts, outbox, sources, terms,
};

/// A consistent state of the store, which later commits do not change. Many threads may read it. Up
/// to [`crate::StoreOptions::readers`] of them read at the same time, or one after the other while
/// there are very many snapshots. Drop it soon: pages that it might still read cannot be used
/// again.
pub struct Snapshot {
    inner: Arc<StoreInner>,
    view: Arc<StoreView>,
    reader_slots: Mutex<Vec<ReaderSlot>>,
    free: Condvar,
    /// The number of reader slots, free or not.
    readers: usize,
    /// The user ids in a read-only open, which loads them when the first is needed.
    ids: Option<Mutex<Option<Interner>>>,
}

/// A read of a snapshot's users with resolved names.
pub struct PreparedRead<'s> {
    snapshot: &'s Snapshot,
    reads: read::ResolvedReads,
}

impl PreparedRead<'_> {
    /// Returns the history of a batch of users (ascending, each once), in the forms of the
    /// contract. Rows later than `now` are hidden. Batches of 16 Ki to 256 Ki rows are best
    /// ([`Self::rows_hint`]); consecutive users are read fastest.
    ///
    /// # Errors
    /// When the database cannot be read, and when a batch has more than 2^32 values.
    pub fn read(&self, users: &[UserKey], now: Millis) -> Result<History, StoreError> {
        self.read_with_budget(users, now, ReadBudget::UNLIMITED)
    }

    /// Returns the same as [`Self::read`], or `None` if the columns take more than a number of
    /// bytes. It stops as soon as that is known. It never holds more than the limit besides the
    /// columns. The columns may take twice their size while they grow.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_within(
        &self,
        users: &[UserKey],
        now: Millis,
        bytes: usize,
    ) -> Result<Option<History>, StoreError> {
        match self.read_with_budget(users, now, ReadBudget::new(bytes)) {
            Ok(history) => Ok(Some(history)),
            Err(StoreError::TooLarge { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_with_budget(
        &self,
        users: &[UserKey],
        now: Millis,
        budget: ReadBudget,
    ) -> Result<History, StoreError> {
        let reads = &self.reads;
        (self.snapshot)
            .read_with(|context, remap| read::read(context, reads, users, now, remap, budget))
    }

    /// Returns the approximate number of rows per user in all streams, whatever their lookback.
    #[must_use]
    pub fn rows_hint(&self) -> f64 {
        let rows = self
            .snapshot
            .read_with(|context, _| Ok(self.reads.rows(&context)))
            .unwrap_or_default();
        rows as f64 / f64::from(self.snapshot.users().max(1))
    }
}

/// The state that one thread needs to read.
pub(crate) struct ReaderSlot {
    txn: ReadTxn<'static>,
    remap: Remap,
}

impl ReaderSlot {
    pub(crate) fn new(txn: ReadTxn<'static>) -> Self {
        Self {
            txn,
            remap: Remap::default(),
        }
    }
}

impl Store {
    /// Returns the state as of the last commit.
    ///
    /// # Errors
    /// When the database has no slot for more readers: there are some thousands of snapshots.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        // No commit happens while the lock is held, so all transactions see the same state, which
        // is that of the view.
        let guard = self.inner.view.read();
        // The transactions cannot be opened later, when a thread needs them: they would see a later
        // state.
        let readers = match self.inner.readers.load(Relaxed) {
            open if open < READERS_FOR_THREADS => self.inner.options.readers.max(1),
            _ => 1,
        };
        let mut slots = Vec::with_capacity(readers);
        for _ in 0..readers {
            slots.push(ReaderSlot::new(self.inner.env.clone().static_read_txn()?));
        }
        self.inner.readers.fetch_add(readers, Relaxed);
        Ok(Snapshot {
            inner: Arc::clone(&self.inner),
            view: Arc::clone(&guard),
            reader_slots: Mutex::new(slots),
            readers,
            free: Condvar::new(),
            ids: None,
        })
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.inner.readers.fetch_sub(self.readers, Relaxed);
    }
}

impl Snapshot {
    /// Makes a snapshot of a store that this process does not have open for writing. All slots see
    /// one state, and there is at least one.
    pub(crate) fn of_read_only(inner: StoreInner, slots: Vec<ReaderSlot>) -> Self {
        inner.readers.fetch_add(slots.len(), Relaxed);
        Self {
            view: inner.view(),
            inner: Arc::new(inner),
            readers: slots.len(),
            reader_slots: Mutex::new(slots),
            free: Condvar::new(),
            ids: Some(Mutex::new(None)),
        }
    }

    /// Returns the number of users. Their keys are below it.
    #[must_use]
    pub fn users(&self) -> u32 {
        self.view.counts.users
    }

    /// Returns the history's sequence, which grows with each commit of history.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.view.sequence
    }

    /// Returns a user's id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn user_id(&self, user: UserKey) -> Result<Option<String>, StoreError> {
        self.read_with(|context, _| Ok(context.user_id(user)?.map(str::to_owned)))
    }

    /// Returns the user with an id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn user_key(&self, id: &str) -> Result<Option<UserKey>, StoreError> {
        if let Some(ids) = &self.ids {
            let mut ids = ids.lock();
            let ids = match &mut *ids {
                Some(ids) => ids,
                none => none.insert(
                    self.read_with(|context, _| terms::load_users(context.txn, context.tables))?,
                ),
            };
            return Ok(ids.get(id).map(UserKey));
        }
        let terms = self.inner.terms.read();
        Ok(terms
            .users
            .get(id)
            .filter(|user| *user < self.users())
            .map(UserKey))
    }

    /// Returns all users that are known at `now`: their first event, or first user-property
    /// operation, is not later.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn known(&self, now: Millis) -> Result<RoaringBitmap, StoreError> {
        self.read_with(|context, _| Ok(firsts::known(context.txn, context.tables, now.0)?.0))
    }

    /// Returns the users that become known later than `now`, with the instant.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn known_later(&self, now: Millis) -> Result<Vec<(UserKey, Millis)>, StoreError> {
        self.read_with(|context, _| {
            let (_, later) = firsts::known(context.txn, context.tables, now.0)?;
            Ok(later
                .into_iter()
                .map(|(user, since)| (user, Millis(since)))
                .collect())
        })
    }

    /// Returns those of the given users that are known at `now`, and those that become known later,
    /// with the instant.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn known_among(
        &self,
        users: &RoaringBitmap,
        now: Millis,
    ) -> Result<(RoaringBitmap, Vec<(UserKey, Millis)>), StoreError> {
        self.read_with(|context, _| {
            let (known, later) = firsts::known_among(context.txn, context.tables, users, now.0)?;
            let later = later.into_iter().map(|(user, since)| (user, Millis(since)));
            Ok((known, later.collect()))
        })
    }

    /// Resolves the names of a read of users. One call serves many batches, and the streams of many
    /// cohorts.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn prepare(
        &self,
        streams: &[StreamRead],
        user_properties: &[PropertyRead],
        property_histories: &[PropertyRead],
    ) -> Result<PreparedRead<'_>, StoreError> {
        let reads = self.read_with(|context, _| {
            Ok(read::ResolvedReads::new(
                &context,
                streams,
                user_properties,
                property_histories,
            ))
        })?;
        Ok(PreparedRead {
            snapshot: self,
            reads,
        })
    }

    /// Returns the history of a batch of users, in the forms of the contract: [`Self::prepare`] and
    /// [`PreparedRead::read`] in one call.
    ///
    /// # Errors
    /// When the database cannot be read, and when a batch has more than 2^32 values.
    pub fn read(&self, request: &ReadRequest<'_>) -> Result<History, StoreError> {
        let prepared = self.prepare(
            request.streams,
            request.user_properties,
            request.property_histories,
        )?;
        prepared.read(request.users, request.now)
    }

    /// Returns one user's history up to `now`, row by row.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn history(&self, user: UserKey, now: Millis) -> Result<UserHistory, StoreError> {
        self.read_with(|context, _| read::history(context, user, now))
    }

    /// Returns the values of user properties at `now`: per user (ascending), per property.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn values(
        &self,
        users: &[UserKey],
        properties: &[String],
        now: Millis,
    ) -> Result<Vec<Vec<Option<Value>>>, StoreError> {
        self.read_with(|context, _| read::values(context, users, properties, now))
    }

    /// Returns the users with new rows after a sequence. Returns `None` if that is no longer known,
    /// so that any user may have changed. The result may contain a few users without new rows.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn changed_users(&self, since: u64) -> Result<Option<RoaringBitmap>, StoreError> {
        self.read_with(|context, _| changed_users::after(context.txn, context.tables, since))
    }

    /// Returns the position of a source: that of [`Store::append`], or of a finished import.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn position(&self, source: &SourceKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_with(|context, _| sources::position(context.txn, context.tables, source))
    }

    /// Returns the backlog of each destination: name, messages, bytes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn backlog(&self) -> Result<Vec<(String, u64, u64)>, StoreError> {
        self.read_with(|context, _| outbox::backlog(context.txn, context.tables))
    }

    pub(crate) fn inner(&self) -> &StoreInner {
        &self.inner
    }

    pub(crate) fn view(&self) -> &StoreView {
        &self.view
    }

    /// Reads in a free slot, and waits for one if all are taken.
    pub(crate) fn read_with<T>(
        &self,
        f: impl FnOnce(ReadContext<'_>, &mut Remap) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut slot = Taken::new(self);
        let Some(ReaderSlot { txn, remap }) = &mut slot.reader_slot else {
            // Only `drop` removes it.
            return Err(StoreError::Corrupt { what: "a reader" });
        };
        let context = ReadContext {
            txn,
            tables: &self.inner.tables,
            view: &self.view,
            terms: &self.inner.terms,
            globs: &self.inner.globs,
        };
        f(context, remap)
    }
}

/// A slot that becomes free again when this value is dropped.
struct Taken<'a> {
    snapshot: &'a Snapshot,
    reader_slot: Option<ReaderSlot>,
}

impl<'a> Taken<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        let mut slots = snapshot.reader_slots.lock();
        loop {
            if let Some(slot) = slots.pop() {
                return Self {
                    snapshot,
                    reader_slot: Some(slot),
                };
            }
            snapshot.free.wait(&mut slots);
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut slots = self.snapshot.reader_slots.lock();
        slots.extend(self.reader_slot.take());
        self.snapshot.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    #[test]
    fn a_snapshot_has_a_reader_per_thread_unless_snapshots_are_very_many() {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions::default();
        let store = Store::open(directory.path(), &options).unwrap();
        let many = READERS_FOR_THREADS / options.readers;
        let snapshots: Vec<_> = (0..many + 2).map(|_| store.snapshot().unwrap()).collect();
        let readers = |snapshot: &Snapshot| snapshot.reader_slots.lock().len();
        for (nth, snapshot) in snapshots.iter().enumerate() {
            let expected = if nth < many { options.readers } else { 1 };
            assert_eq!(readers(snapshot), expected, "{nth}");
        }
        drop(snapshots);
        assert_eq!(readers(&store.snapshot().unwrap()), options.readers);
        assert_eq!(store.inner.readers.load(Relaxed), 0);
    }
}

//! One consistent state of the store, for reading.

mod remembered;

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use muster_model::{Millis, UserHistory, Value};
use roaring::RoaringBitmap;

use crate::environment::ReadTxn;
use crate::interner::Interner;
use crate::read::{self, Context, Remap};
use crate::store::Inner;
use crate::view::View;
use crate::{
    History, ReadRequest, SourceKey, Store, StoreError, StreamRead, UserKey, firsts, news, outbox,
    sources, terms,
};

/// A consistent state of the store, which later commits do not change. Many threads may read it at once, up to
/// [`crate::Options::readers`] truly so. Let go of it soon: pages it might still read cannot be used again.
pub struct Snapshot {
    inner: Arc<Inner>,
    view: Arc<View>,
    lanes: Mutex<Vec<Lane>>,
    free: Condvar,
    /// Of a look, which has no user ids in memory until the first is asked for.
    ids: Option<Mutex<Option<Interner>>>,
}

/// What one thread needs to read.
pub(crate) struct Lane {
    txn: ReadTxn<'static>,
    remap: Remap,
}

impl Lane {
    pub(crate) fn new(txn: ReadTxn<'static>) -> Self {
        Self {
            txn,
            remap: Remap::default(),
        }
    }
}

impl Store {
    /// The state as of the last commit.
    ///
    /// # Errors
    /// When the database has no room for more readers.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        // Nothing commits while the lock is held, so all transactions see the same state, and it is the view's.
        let guard = self
            .inner
            .view
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut lanes = Vec::with_capacity(self.inner.options.readers.max(1));
        for _ in 0..self.inner.options.readers.max(1) {
            lanes.push(Lane::new(self.inner.env.clone().static_read_txn()?));
        }
        Ok(Snapshot {
            inner: Arc::clone(&self.inner),
            view: Arc::clone(&guard),
            lanes: Mutex::new(lanes),
            free: Condvar::new(),
            ids: None,
        })
    }
}

impl Snapshot {
    /// A snapshot of a store that this process has not open for writing. All lanes see one state, and there is at least one.
    pub(crate) fn of_look(inner: Inner, lanes: Vec<Lane>) -> Self {
        Self {
            view: inner.view(),
            inner: Arc::new(inner),
            lanes: Mutex::new(lanes),
            free: Condvar::new(),
            ids: Some(Mutex::new(None)),
        }
    }

    /// How many users there are; their keys are below.
    #[must_use]
    pub fn users(&self) -> u32 {
        self.view.counts.users
    }

    /// The history's sequence: it grows with each commit of history.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.view.sequence
    }

    /// A user's id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn user_id(&self, user: UserKey) -> Result<Option<String>, StoreError> {
        self.read_with(|context, _| Ok(context.user_id(user)?.map(str::to_owned)))
    }

    /// The user of an id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn user_key(&self, id: &str) -> Result<Option<UserKey>, StoreError> {
        if let Some(ids) = &self.ids {
            let mut ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
            let ids = match &mut *ids {
                Some(ids) => ids,
                none => none.insert(
                    self.read_with(|context, _| terms::load_users(context.txn, context.tables))?,
                ),
            };
            return Ok(ids.get(id).map(UserKey));
        }
        let terms = self
            .inner
            .terms
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(terms
            .users
            .get(id)
            .filter(|user| *user < self.users())
            .map(UserKey))
    }

    /// The universe at `now`: users whose first event, or first user-property operation, is not later.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn known(&self, now: Millis) -> Result<RoaringBitmap, StoreError> {
        self.read_with(|context, _| Ok(firsts::known(context.txn, context.tables, now.0)?.0))
    }

    /// Users who are known later than `now` only, with the instant.
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

    /// Of some users: who is known at `now`, and who is known later only, with the instant.
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

    /// The history of a batch of users, in the shapes of the contract. Batches of 16 Ki to 256 Ki rows are best
    /// ([`Self::rows_hint`]); users that follow each other are read fastest.
    ///
    /// # Errors
    /// When the database cannot be read, and when a batch has more than 2^32 values.
    pub fn read(&self, request: &ReadRequest<'_>) -> Result<History, StoreError> {
        self.read_with(|context, remap| read::read(context, request, remap))
    }

    /// One user's history up to `now`, row by row.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn history(&self, user: UserKey, now: Millis) -> Result<UserHistory, StoreError> {
        self.read_with(|context, _| read::history(context, user, now))
    }

    /// What user properties hold at `now`: per user (ascending) per property.
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

    /// About how many rows a user has in these streams together, whatever their reach.
    #[must_use]
    pub fn rows_hint(&self, streams: &[StreamRead]) -> f64 {
        let rows = self
            .read_with(|context, _| {
                Ok(streams
                    .iter()
                    .flat_map(|stream| context.names(&stream.names))
                    .map(|name| context.view.rows(name))
                    .sum::<u64>())
            })
            .unwrap_or_default();
        rows as f64 / f64::from(self.users().max(1))
    }

    /// Users with new rows after a sequence. `None`: that is no longer known, so it may be anybody. A few may be among them that
    /// have none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn news(&self, since: u64) -> Result<Option<RoaringBitmap>, StoreError> {
        self.read_with(|context, _| news::after(context.txn, context.tables, since))
    }

    /// The position of a source: of [`Store::append`], or of a finished import.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn position(&self, source: &SourceKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_with(|context, _| sources::position(context.txn, context.tables, source))
    }

    /// What waits in the outbox: destination, messages, bytes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn backlog(&self) -> Result<Vec<(String, u64, u64)>, StoreError> {
        self.read_with(|context, _| outbox::backlog(context.txn, context.tables))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Reads in a lane of one's own, and waits for one if all are taken.
    pub(crate) fn read_with<T>(
        &self,
        f: impl FnOnce(Context<'_>, &mut Remap) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lane = Taken::new(self);
        let Some(Lane { txn, remap }) = &mut lane.lane else {
            // It is taken out by `drop` only.
            return Err(StoreError::Corrupt { what: "a reader" });
        };
        let context = Context {
            txn,
            tables: &self.inner.tables,
            view: &self.view,
            terms: &self.inner.terms,
        };
        f(context, remap)
    }
}

/// A lane that goes back when it is done with.
struct Taken<'a> {
    snapshot: &'a Snapshot,
    lane: Option<Lane>,
}

impl<'a> Taken<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        let mut lanes = snapshot
            .lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(lane) = lanes.pop() {
                return Self {
                    snapshot,
                    lane: Some(lane),
                };
            }
            lanes = snapshot
                .free
                .wait(lanes)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut lanes = self
            .snapshot
            .lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        lanes.extend(self.lane.take());
        self.snapshot.free.notify_one();
    }
}

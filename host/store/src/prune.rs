//! Retention: events that are too old go.
//!
//! A clock alone does not say what is too old: one that is wrong by years would drop all history.
//! So
//! - what is too old is counted back from the newest event that was received, if the clock is later
//!   than that. An event that lay ahead of the clock when it came counts as received then, so that
//!   one device with a wrong clock does not say what time it is;
//! - a large share of all events is not dropped before somebody says so.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use heed::RwTxn;
use muster_model::Millis;

use crate::maintain::SPANS;
use crate::meta::Counter;
use crate::segment::Segment;
use crate::store::StoreInner;
use crate::terms::OPERATIONS;
use crate::view::StoreView;
use crate::{Store, StoreError, blocks};

/// The largest share of all events that is dropped at once without anybody saying so, in percent.
/// With a retention of 400 days a day's events are a four-hundredth of all; a fifth is 80 days of
/// standstill, a retention that was made shorter, or a clock that is wrong.
pub const PRUNE_PERCENT: u64 = 20;
/// So many events are dropped without asking whatever their share is: in a store of a few events
/// each is a large share.
const FEW: u64 = 1_000;
/// A segment is written anew when this share of its events is too old: what is written is at most
/// four times what goes.
const SHARE: f64 = 0.25;

/// What [`Store::prune`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruned {
    /// Nothing is left to do.
    Done,
    /// A piece of the work; there may be more.
    More,
    /// Nothing: it is so much that somebody must say so.
    Refused(RetentionRefusal),
}

/// Why nothing was dropped: these are too many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionRefusal {
    /// Events before it are too old.
    pub before: Millis,
    /// How many those are, to within an hour's.
    pub events: u64,
    /// Of so many.
    pub of: u64,
}

impl Store {
    /// Does one piece of work towards dropping events that are older than
    /// [`crate::StoreOptions::keep_events`], counted from the clock or from the newest event that was
    /// received, whichever is earlier. Call it from time to time until it is done, beside
    /// [`Self::maintain`]; merges drop those events too from then on. It takes the memory that a
    /// merge takes. More than [`PRUNE_PERCENT`] of all events are refused unless `anyway` is set.
    ///
    /// Afterwards no event is too old by more than an eighth of the time that events are kept, but
    /// those of imports that are not finished. Operations on user properties stay, whatever their
    /// age, because what properties hold now needs them. When users were first seen stays, and so
    /// do users of whom nothing else is left. An event that was dropped is taken as a new one if it
    /// comes again.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing changed.
    pub fn prune(&self, clock: Millis, anyway: bool) -> Result<Pruned, StoreError> {
        let inner = &self.inner;
        let (Some(keep), Some(newest)) = (inner.options.keep_events, inner.newest_event()?) else {
            return Ok(Pruned::Done);
        };
        let before = clock.0.min(newest).saturating_sub(keep);
        let _alone = inner.merge_lock();
        let view = inner.view();
        if !anyway && let Some(refusal) = refusal(&view, before) {
            return Ok(Pruned::Refused(refusal));
        }
        inner.pruned.fetch_max(before, Relaxed);
        let late = before.saturating_sub(keep / SPANS);
        if memtable_min(&view).is_some_and(|min| min < late) {
            inner.write(|writer| inner.flush(writer))?;
            return Ok(Pruned::More);
        }
        if let Some(old) = view.segments.iter().find(|each| all_old(each, before)) {
            inner.drop_whole(old)?;
            return Ok(Pruned::More);
        }
        match (view.segments.iter()).find(|each| worth(each, before, late)) {
            Some(segment) => {
                inner.merge(std::slice::from_ref(segment))?;
                Ok(Pruned::More)
            }
            // Also where nobody merges.
            None if inner.drop_slice()? => Ok(Pruned::More),
            None => Ok(Pruned::Done),
        }
    }
}

impl StoreInner {
    /// The time of the newest event that was received.
    fn newest_event(&self) -> Result<Option<i64>, StoreError> {
        let newest = Counter::NewestEvent.get(&self.env.read_txn()?, &self.tables)?;
        Ok(i64::try_from(newest).ok().filter(|newest| *newest > 0))
    }

    /// Notes the newest event of a commit.
    pub(crate) fn note_newest(
        &self,
        txn: &mut RwTxn<'_>,
        newest: Option<i64>,
    ) -> Result<(), StoreError> {
        let Some(newest) = newest else {
            return Ok(());
        };
        let received = newest.min((self.options.clock)().0).max(0).cast_unsigned();
        if received > Counter::NewestEvent.get(txn, &self.tables)? {
            Counter::NewestEvent.set(txn, &self.tables, received)?;
        }
        Ok(())
    }

    fn drop_whole(&self, old: &Segment) -> Result<(), StoreError> {
        self.write(|_| {
            let mut view = StoreView::clone(&self.view());
            let mut txn = self.env.write_txn()?;
            blocks::drop_segment(&mut txn, &self.tables, old.id)?;
            view.segments.retain(|each| each.id != old.id);
            self.commit_view(txn, view)
        })?;
        self.dropped().push_back(old.id);
        Ok(())
    }
}

/// Why events before an instant are not to be dropped, if they are too many.
fn refusal(view: &StoreView, before: i64) -> Option<RetentionRefusal> {
    let (mut old, mut all) = (0, 0);
    for segment in &view.segments {
        let names = segment.names.iter();
        let events = names.filter(|name| name.name != OPERATIONS);
        all += events.map(|name| name.rows).sum::<u64>();
        old += segment.spread.perhaps_before(before);
    }
    for batch in &view.batches {
        for head in &batch.rows.heads {
            let event = head.name != OPERATIONS;
            all += u64::from(event);
            old += u64::from(event && head.time < before);
        }
    }
    let many = old > FEW && u128::from(old) * 100 > u128::from(all) * u128::from(PRUNE_PERCENT);
    many.then_some(RetentionRefusal {
        before: Millis(before),
        events: old.min(all),
        of: all,
    })
}

/// The time of the earliest event in memory.
fn memtable_min(view: &StoreView) -> Option<i64> {
    let spans = view.batches.iter().flat_map(|batch| &batch.names);
    let events = spans.filter(|span| span.name != OPERATIONS);
    events.map(|span| span.min).min()
}

/// Whether a segment holds nothing but events that are too old.
fn all_old(segment: &Arc<Segment>, before: i64) -> bool {
    (segment.names.iter()).all(|name| name.name != OPERATIONS && name.max < before)
}

/// Whether a segment holds so many events that are too old, or such old ones, that it is to be
/// written anew.
fn worth(segment: &Arc<Segment>, before: i64, late: i64) -> bool {
    let mut events = segment.names.iter().filter(|each| each.name != OPERATIONS);
    if events.any(|name| name.min < late) {
        return true;
    }
    // Surely: what is written anew must become smaller, or it would be written again and again.
    let old = segment.spread.surely_before(before);
    old > 0 && old as f64 >= SHARE * segment.rows() as f64
}

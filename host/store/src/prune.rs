//! Retention: dropping events that are too old.
//!
//! The clock alone must not decide which events are too old: a clock that is wrong by years would
//! drop all history. Two limits prevent that:
//! - The age is counted from the newest event that was received, if the clock is later than that.
//!   An event that was ahead of the clock counts as received at the clock's time. So one device
//!   with a wrong clock cannot change the result.
//! - A large share of all events is dropped only after an operator confirms it.

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

/// The largest share of all events that is dropped without confirmation, in percent. With a
/// retention of 400 days a day's events are a four-hundredth of all. A fifth is 80 days of
/// standstill, a shortened retention, or a wrong clock.
pub const PRUNE_PERCENT: u64 = 20;
/// The number of events that is dropped without confirmation, whatever its share: in a store of a
/// few events each is a large share.
const FEW: u64 = 1_000;
/// The share of old events at which a segment is rewritten. So the rows written are at most four
/// times the rows dropped.
const SHARE: f64 = 0.25;

/// The result of [`Store::prune`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruned {
    /// No work is left.
    Done,
    /// A piece of the work is done; there may be more.
    More,
    /// Nothing was dropped: so many events need a confirmation.
    Refused(RetentionRefusal),
}

/// The reason why nothing was dropped: the events are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionRefusal {
    /// The instant before which events are too old.
    pub before: Millis,
    /// The number of those events, to within the events of an hour.
    pub events: u64,
    /// The number of all events.
    pub of: u64,
}

impl Store {
    /// Does one piece of work towards dropping events that are older than
    /// [`crate::StoreOptions::keep_events`]. The age is counted from the clock or from the newest
    /// event that was received, whichever is earlier. Call it at intervals until it is done, in
    /// addition to [`Self::maintain`]; from then on merges drop those events too. It takes the
    /// memory that a merge takes. It refuses to drop more than [`PRUNE_PERCENT`] of all events
    /// unless `anyway` is set.
    ///
    /// Afterwards no event is too old by more than an eighth of the retention, except events of
    /// unfinished imports. Operations on user properties stay at any age, because present values
    /// depend on them. The times at which users were first seen stay, and so do users without any
    /// other data. A dropped event that arrives again counts as new.
    ///
    /// # Errors
    /// When the database cannot be written. Nothing has changed then.
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
            // Drops blocks even if no thread merges.
            None if inner.drop_slice()? => Ok(Pruned::More),
            None => Ok(Pruned::Done),
        }
    }
}

impl StoreInner {
    /// Returns the time of the newest event that was received.
    fn newest_event(&self) -> Result<Option<i64>, StoreError> {
        let newest = Counter::NewestEvent.get(&self.env.read_txn()?, &self.tables)?;
        Ok(i64::try_from(newest).ok().filter(|newest| *newest > 0))
    }

    /// Records the newest event of a commit.
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

/// Returns the refusal to drop events before an instant, if they are too many.
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

/// Returns the time of the earliest event in memory.
fn memtable_min(view: &StoreView) -> Option<i64> {
    let spans = view.batches.iter().flat_map(|batch| &batch.names);
    let events = spans.filter(|span| span.name != OPERATIONS);
    events.map(|span| span.min).min()
}

/// Returns true if all events of a segment are too old.
fn all_old(segment: &Arc<Segment>, before: i64) -> bool {
    (segment.names.iter()).all(|name| name.name != OPERATIONS && name.max < before)
}

/// Returns true if a segment is to be rewritten, because it holds many events that are too old or
/// very old ones.
fn worth(segment: &Arc<Segment>, before: i64, late: i64) -> bool {
    let mut events = segment.names.iter().filter(|each| each.name != OPERATIONS);
    if events.any(|name| name.min < late) {
        return true;
    }
    // The lower bound is needed: the new segment must be smaller, or it would be rewritten again
    // and again.
    let old = segment.spread.surely_before(before);
    old > 0 && old as f64 >= SHARE * segment.rows() as f64
}

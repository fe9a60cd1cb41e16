//! Retention: events that are too old go.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use muster_model::Millis;

use crate::segment::Segment;
use crate::store::Inner;
use crate::terms::OPERATIONS;
use crate::view::View;
use crate::{Store, StoreError, blocks};

/// A segment is written anew when about this share of its rows is too old: what is written is at most thrice what goes.
const SHARE: f64 = 0.25;
/// Or when its oldest event is too old by this, in ms: an event outlives the time to keep it by a day at most, and a segment is
/// written anew once a day at most.
const LAG: i64 = 24 * 60 * 60 * 1000;

impl Store {
    /// Does one piece of work towards dropping events before an instant, and tells whether there may be more. Call it from time to time until it
    /// says no, beside [`Self::maintain`]; merges drop those events too from then on. It takes the memory that a merge takes.
    ///
    /// Afterwards no event is older than `before` by more than a day, but those of imports that are not finished. Operations on user properties
    /// stay, whatever their age, because what properties hold now needs them. When users were first seen stays, and so do users of whom
    /// nothing else is left. An event that was dropped is taken as a new one if it comes again.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing changed.
    pub fn prune(&self, before: Millis) -> Result<bool, StoreError> {
        let inner = &self.inner;
        let before = before.0;
        inner.pruned.fetch_max(before, Relaxed);
        let _alone = inner.merge_lock();
        let view = inner.view();
        if memtable_min(&view).is_some_and(|min| min < before.saturating_sub(LAG)) {
            inner.write(|writer| inner.flush(writer))?;
            return Ok(true);
        }
        if let Some(old) = view.segments.iter().find(|each| all_old(each, before)) {
            inner.drop_whole(old)?;
            return Ok(true);
        }
        match view.segments.iter().find(|each| worth(each, before)) {
            Some(segment) => {
                inner.merge(std::slice::from_ref(segment))?;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

impl Inner {
    fn drop_whole(&self, old: &Segment) -> Result<(), StoreError> {
        self.write(|_| {
            let mut view = View::clone(&self.view());
            let mut txn = self.env.write_txn()?;
            blocks::drop_segment(&mut txn, &self.tables, old.id)?;
            view.segments.retain(|each| each.id != old.id);
            self.commit_view(txn, view)
        })
    }
}

/// The time of the earliest event in memory.
fn memtable_min(view: &View) -> Option<i64> {
    let spans = view.batches.iter().flat_map(|batch| &batch.names);
    let events = spans.filter(|span| span.name != OPERATIONS);
    events.map(|span| span.min).min()
}

/// Whether a segment holds nothing but events that are too old.
fn all_old(segment: &Arc<Segment>, before: i64) -> bool {
    (segment.names.iter()).all(|name| name.name != OPERATIONS && name.max < before)
}

/// Whether a segment holds so many events that are too old, or such old ones, that it is to be written anew.
fn worth(segment: &Arc<Segment>, before: i64) -> bool {
    let mut old = 0.0;
    for name in segment.names.iter().filter(|each| each.name != OPERATIONS) {
        if name.min < before.saturating_sub(LAG) {
            return true;
        }
        // As if they came evenly.
        let (span, early) = (
            name.max as f64 - name.min as f64,
            before as f64 - name.min as f64,
        );
        old += name.rows as f64 * (early / (span + 1.0)).clamp(0.0, 1.0);
    }
    old > 0.0 && old >= SHARE * segment.rows() as f64
}

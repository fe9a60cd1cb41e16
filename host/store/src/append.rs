//! New events: log and memtable in one durable commit.

use std::sync::Arc;

use muster_model::EventBuffer;
use roaring::RoaringBitmap;

use crate::batch::Batch;
use crate::insert_ids::{IdSegments, IdSet};
use crate::meta::Counter;
use crate::rows::RowBuffer;
use crate::store::{StoreInner, Writer};
use crate::terms::OPERATIONS;
use crate::view::StoreView;
use crate::{SourceKey, Store, StoreError, changed_users, log, sources};

/// The result of [`Store::append`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// The number of events and operations in the buffer.
    pub rows: u64,
    /// The number of those that are duplicates of others in the buffer, or of events with the
    /// user's insert id that arrived within [`crate::INSERT_ID_WINDOW`]. Duplicates of earlier
    /// events are found by reading and merging, if they agree in name and time.
    pub duplicates: u64,
    /// The number of values of properties and operations that were left out, because their names
    /// are new and there are too many names.
    pub left_out: u64,
    /// The history's sequence with this commit.
    pub sequence: u64,
}

/// The number of batches of similar size at which they are joined. Readers then have few batches to
/// search, and each row is sorted again only a few times.
const JOIN: usize = 4;

impl Store {
    /// Adds events and operations, and the position of their source, in one durable commit. Later
    /// snapshots contain them.
    ///
    /// Some calls also write the rows in memory as a segment, which takes some tens of
    /// milliseconds. Call [`Self::maintain`] from another thread as well; otherwise segments
    /// accumulate.
    ///
    /// # Errors
    /// When a name is too long, when an event name exceeds the limit ([`Self::admit_event_name`]),
    /// or when the database cannot be written. Nothing has changed then.
    pub fn append(
        &self,
        buffer: &EventBuffer,
        position: Option<(&SourceKey, &[u8])>,
    ) -> Result<Appended, StoreError> {
        let inner = &self.inner;
        let appended = inner.write(|writer| inner.append(writer, buffer, position))?;
        if inner.view().memtable_full(&inner.options) {
            // The events are in the log. A failure to move them to a segment does not mean that
            // they were lost, so it is no error. The next call tries again.
            let _ = inner.write(|writer| inner.flush(writer));
        }
        Ok(appended)
    }
}

impl StoreInner {
    fn append(
        &self,
        writer: &mut Writer,
        buffer: &EventBuffer,
        position: Option<(&SourceKey, &[u8])>,
    ) -> Result<Appended, StoreError> {
        let mut rows = RowBuffer::default();
        let insert_ids = self.insert_ids()?;
        let (mut new_ids, no_segments) = (IdSet::default(), IdSegments::default());
        let (counts, pushed) = {
            let mut terms = self.terms.write();
            let txn = self.env.read_txn()?;
            let mut search = insert_ids.search(&txn, &no_segments, &mut new_ids);
            let pushed = rows.push(buffer, &mut terms, &mut |user, insert| {
                search.known(user, insert)
            })?;
            (terms.counts(), pushed)
        };
        let mut users = RoaringBitmap::new();
        let mut newest = None;
        for head in &rows.heads {
            users.insert(head.user);
            if head.name != OPERATIONS {
                newest = newest.max(Some(head.time));
            }
            writer
                .firsts
                .update(head.user, head.time, head.name != OPERATIONS);
        }
        let logged = log::encode(&rows);
        let batch = Batch::new(rows);
        let mut view = StoreView::clone(&self.view());
        let mut appended = Appended {
            rows: batch.rows.len() as u64 + pushed.duplicates,
            duplicates: (batch.rows.len() - batch.order.len()) as u64 + pushed.duplicates,
            left_out: pushed.left_out,
            sequence: view.sequence,
        };

        let mut txn = self.env.write_txn()?;
        if let Some((source, position)) = position {
            let state = sources::SourceState::At(position.to_vec());
            sources::write(&mut txn, &self.tables, source, &state)?;
        }
        let arrived = (self.options.clock)().0;
        let new = batch.rows.len() > 0;
        if new {
            view.sequence += 1;
            appended.sequence = view.sequence;
            Counter::Sequence.set(&mut txn, &self.tables, view.sequence)?;
            self.tables
                .log
                .put(&mut txn, &view.sequence.to_be_bytes(), &logged)?;
            insert_ids.log(&mut txn, view.sequence, &new_ids, arrived)?;
            changed_users::add(&mut txn, &self.tables, view.sequence, &users)?;
            self.note_newest(&mut txn, newest)?;
            writer.save(self, &mut txn)?;
            view.counts = counts;
            view.batches.push(Arc::new(batch));
            join(&mut view.batches)?;
        }
        self.commit_view(txn, view)?;
        if new {
            insert_ids.logged(&new_ids, arrived);
        }
        Ok(appended)
    }
}

impl Writer {
    /// Writes the new numbers and the changed first times.
    pub(crate) fn save(
        &mut self,
        inner: &StoreInner,
        txn: &mut heed::RwTxn<'_>,
    ) -> Result<(), StoreError> {
        let terms = inner.terms.read();
        terms.save(txn, &inner.tables, self.saved)?;
        // If the commit fails, `Inner::write` discards this value.
        self.saved = terms.counts();
        drop(terms);
        self.firsts.save(txn, &inner.tables)
    }
}

/// Joins the latest batches while they are of similar size.
fn join(batches: &mut Vec<Arc<Batch>>) -> Result<(), StoreError> {
    loop {
        let Some(newest) = batches.last().map(|batch| batch.rows.len()) else {
            return Ok(());
        };
        let like = batches
            .iter()
            .rev()
            .take_while(|batch| batch.rows.len() <= newest.saturating_mul(JOIN) / 2)
            .count();
        if like < JOIN {
            return Ok(());
        }
        let mut rows = RowBuffer::default();
        for batch in batches.drain(batches.len() - like..) {
            rows.extend(&batch.rows)?;
        }
        batches.push(Arc::new(Batch::new(rows)));
    }
}

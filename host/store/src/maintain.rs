//! Work that may wait: writing the memtable as a segment, merging segments.

use std::collections::BTreeSet;
use std::ops::Bound::Included;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use heed::RwTxn;

use crate::batch::Batch;
use crate::block::Block;
use crate::keys::GROUP_BITS;
use crate::meta::Counter;
use crate::read::{Source, partition};
use crate::segment::Segment;
use crate::segment_writer::SegmentWriter;
use crate::store::{Inner, Writer};
use crate::view::View;
use crate::{Store, StoreError, blocks, news};

/// So many neighbours of like size are merged to one. Each row is written again once for each four-fold growth of the store.
const FAN_IN: usize = 4;
/// Merged blocks wait up to this many bytes before they are written: the memory a merge takes, and how long it holds others up.
const CHUNK: usize = 8 << 20;

impl Store {
    /// Does one piece of work that may wait, and tells whether there may be more. Call it from a thread of its own while events come
    /// in, and until it says no after an import.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing changed. [`StoreError::Stopped`] also when there is nothing to do: whoever
    /// keeps the store tidy is told that it takes nothing any more.
    pub fn maintain(&self) -> Result<bool, StoreError> {
        let inner = &self.inner;
        // Of processes that looked at the store and were killed: they would keep freed pages from being used again.
        inner.env.clear_stale_readers()?;
        // Nothing can be read either once a write has failed half way.
        drop(inner.env.read_txn()?);
        if inner.view().memtable_full(&inner.options) {
            inner.write(|writer| inner.flush(writer))?;
            return Ok(true);
        }
        let _alone = inner.merge_lock();
        let inputs = due(&inner.view().segments, inner.options.memtable_rows as u64);
        if inputs.is_empty() {
            return Ok(false);
        }
        inner.merge(&inputs)?;
        Ok(true)
    }
}

/// The latest segments that are to be merged: at least [`FAN_IN`] that are none larger than a limit, which is tried from the
/// memtable's size on, each four times the one before. So the sizes fall by tiers from old to new, and a tier has at most three.
fn due(segments: &[Arc<Segment>], least: u64) -> Vec<Arc<Segment>> {
    let largest = segments.iter().map(|segment| segment.rows()).max();
    let mut limit = least.max(1);
    loop {
        let small = segments
            .iter()
            .rev()
            .take_while(|segment| segment.rows() <= limit)
            .count();
        if small >= FAN_IN {
            return segments
                .get(segments.len() - small..)
                .unwrap_or_default()
                .to_vec();
        }
        if largest.is_none_or(|largest| largest <= limit) {
            return Vec::new();
        }
        limit = limit.saturating_mul(FAN_IN as u64);
    }
}

impl Inner {
    /// Writes the rows in memory as a segment.
    pub(crate) fn flush(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let mut view = View::clone(&self.view());
        if view.batches.is_empty() {
            return Ok(());
        }
        // Encoded before the transaction, which others may wait for.
        let blocks = encode(&view.batches)?;
        let mut txn = self.env.write_txn()?;
        self.write_memtable(&mut txn, &mut view, blocks)?;
        news::join(&mut txn, &self.tables)?;
        writer.save(self, &mut txn)?;
        self.commit_view(txn, view)
    }

    /// Writes the rows in memory as a segment, as part of a commit.
    pub(crate) fn flush_into(
        &self,
        txn: &mut RwTxn<'_>,
        view: &mut View,
    ) -> Result<(), StoreError> {
        if view.batches.is_empty() {
            return Ok(());
        }
        let blocks = encode(&view.batches)?;
        self.write_memtable(txn, view, blocks)
    }

    fn write_memtable(
        &self,
        txn: &mut RwTxn<'_>,
        view: &mut View,
        mut blocks: SegmentWriter,
    ) -> Result<(), StoreError> {
        let id = next_id(txn, self)?;
        let place = Counter::Place.take(txn, &self.tables)?;
        blocks.write(txn, &self.tables, id)?;
        let segment = blocks.segment(id, place);
        put(txn, self, &segment)?;
        self.tables.log.clear(txn)?;
        view.batches.clear();
        view.segments.push(Arc::new(segment));
        Ok(())
    }

    /// Makes one segment of neighbours, without events that are not to be kept.
    pub(crate) fn merge(&self, inputs: &[Arc<Segment>]) -> Result<(), StoreError> {
        let mut txn = self.env.write_txn()?;
        let id = next_id(&mut txn, self)?;
        self.commit(txn)?;
        let merged = self.merge_into(id, inputs);
        if merged.is_err() {
            // Whatever is left of it now is dropped when the store is next opened.
            let mut txn = self.env.write_txn()?;
            blocks::drop_segment(&mut txn, &self.tables, id)?;
            self.commit(txn)?;
        }
        merged
    }

    fn merge_into(&self, id: u32, inputs: &[Arc<Segment>]) -> Result<(), StoreError> {
        let names: BTreeSet<u32> = inputs
            .iter()
            .flat_map(|segment| segment.names.iter().map(|name| name.name))
            .collect();
        let mut blocks = SegmentWriter::since(self.pruned.load(Relaxed));
        for name in names {
            let mut next = Some(0);
            while let Some(group) = next {
                next = self.merge_name(inputs, name, group, &mut blocks)?;
                if blocks.waiting() >= CHUNK {
                    let mut txn = self.env.write_txn()?;
                    blocks.write(&mut txn, &self.tables, id)?;
                    self.commit(txn)?;
                }
            }
        }
        self.write(|_| {
            let mut view = View::clone(&self.view());
            let mut txn = self.env.write_txn()?;
            blocks.write(&mut txn, &self.tables, id)?;
            let place = inputs.first().map_or(0, |segment| segment.place);
            let segment = blocks.segment(id, place);
            for input in inputs {
                blocks::drop_segment(&mut txn, &self.tables, input.id)?;
            }
            view.segments
                .retain(|segment| inputs.iter().all(|input| input.id != segment.id));
            if !segment.names.is_empty() {
                put(&mut txn, self, &segment)?;
                let at = view
                    .segments
                    .partition_point(|segment| segment.place < place);
                view.segments.insert(at, Arc::new(segment));
            }
            self.commit_view(txn, view)
        })
    }

    /// Merges the blocks of a name from a group on, until enough wait to be written; gives the group to go on from.
    fn merge_name(
        &self,
        inputs: &[Arc<Segment>],
        name: u32,
        from: u32,
        blocks: &mut SegmentWriter,
    ) -> Result<Option<u32>, StoreError> {
        // A transaction for each chunk: a long one would keep freed pages from being used again.
        let txn = self.env.read_txn()?;
        let mut cursors = Vec::new();
        for input in inputs.iter().filter(|input| input.name(name).is_some()) {
            let (first, last) = (
                blocks::key(input.id, name, from),
                blocks::key(input.id, name, u32::MAX),
            );
            let range = (Included(first.as_slice()), Included(last.as_slice()));
            let mut cursor = self.tables.blocks.range(&txn, &range)?;
            let head = cursor.next().transpose()?;
            cursors.push((cursor, head));
        }
        let mut sources = Vec::new();
        loop {
            let mut group = None;
            for (_, head) in &cursors {
                if let Some((key, _)) = head {
                    let of_head = blocks::group_of(key)?;
                    group = Some(group.map_or(of_head, |group: u32| group.min(of_head)));
                }
            }
            let Some(group) = group else {
                return Ok(None);
            };
            sources.clear();
            for (cursor, head) in &mut cursors {
                if let Some((key, block)) = head
                    && blocks::group_of(key)? == group
                {
                    sources.push((name, Source::Block(Box::new(Block::parse(block)?))));
                    *head = cursor.next().transpose()?;
                }
            }
            blocks.add(name, group, &sources)?;
            if blocks.waiting() >= CHUNK {
                return Ok(group.checked_add(1));
            }
        }
    }
}

/// The blocks of rows in memory.
pub(crate) fn encode<B: AsRef<Batch>>(batches: &[B]) -> Result<SegmentWriter, StoreError> {
    let mut blocks = SegmentWriter::default();
    let names: BTreeSet<u32> = batches
        .iter()
        .flat_map(|batch| batch.as_ref().names.iter().map(|span| span.name))
        .collect();
    let mut sources = Vec::new();
    for name in names {
        let mut rest = Vec::new();
        for batch in batches {
            let batch = batch.as_ref();
            if let Some(span) = batch.span(name) {
                rest.push((batch, span.start..span.end));
            }
        }
        let group_at = |batch: &Batch, at| batch.head(at).user >> GROUP_BITS;
        while let Some(group) = rest
            .iter()
            .filter(|(_, range)| !range.is_empty())
            .map(|(batch, range)| group_at(batch, range.start))
            .min()
        {
            sources.clear();
            for (batch, range) in &mut rest {
                let end = partition(range.clone(), |at| group_at(batch, at) <= group);
                if range.start < end {
                    sources.push((name, Source::Batch(batch, range.start..end)));
                    range.start = end;
                }
            }
            blocks.add(name, group, &sources)?;
        }
    }
    Ok(blocks)
}

/// A number that no segment had.
pub(crate) fn next_id(txn: &mut RwTxn<'_>, inner: &Inner) -> Result<u32, StoreError> {
    let id = Counter::Segment.take(txn, &inner.tables)?;
    u32::try_from(id).map_err(|_| StoreError::TooMany {
        what: "segments",
        limit: u64::from(u32::MAX),
    })
}

/// Writes what is known of a segment.
pub(crate) fn put(txn: &mut RwTxn<'_>, inner: &Inner, segment: &Segment) -> Result<(), StoreError> {
    let key = segment.id.to_be_bytes();
    inner.tables.segments.put(txn, &key, &segment.encode())?;
    Ok(())
}

//! Bulk imports: rows that become visible only when all of them are in the store.

use std::sync::Arc;

use muster_model::EventBuffer;
use roaring::RoaringBitmap;

use crate::batch::Batch;
use crate::block::Block;
use crate::insert_ids::{IdSegment, IdSegments, IdSet};
use crate::keys::GROUP_BITS;
use crate::maintain::{encode, next_id, put};
use crate::meta::Counter;
use crate::rows::RowBuffer;
use crate::segment::Segment;
use crate::sources::{self, SourceState};
use crate::store::{StoreInner, Writer};
use crate::terms::OPERATIONS;
use crate::view::StoreView;
use crate::{SourceKey, Store, StoreError, blocks, changed_users};

/// The progress of a source's import.
pub enum ImportState {
    /// The import is finished; its last position.
    Done(Vec<u8>),
    /// The import continues from a position; `None` means the beginning.
    Open(Import, Option<Vec<u8>>),
}

/// The result of a finished import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FinishedImport {
    /// The events and operations of all sessions of the import, without duplicates within one
    /// chunk.
    pub rows: u64,
    /// The events and operations that this session left out, because their users' insert ids were
    /// known.
    pub duplicates: u64,
    /// The history's sequence with this commit.
    pub sequence: u64,
}

/// An import that is being written. If it is dropped without [`Self::finish`] or [`Self::abort`],
/// it stays as it is and can be continued from its last durable position.
pub struct Import {
    store: Store,
    source: SourceKey,
    /// The rows of the next chunk.
    rows: RowBuffer,
    /// The insert ids of those.
    ids: IdSet,
    /// The insert ids of the chunks before.
    id_segments: IdSegments,
    /// The rows that were left out as duplicates.
    duplicates: u64,
}

impl Store {
    /// Starts or continues the import of a source.
    ///
    /// # Errors
    /// [`StoreError::ImportBusy`] when the source is being imported already, and an error when the
    /// database cannot be read.
    pub fn import(&self, source: &SourceKey) -> Result<ImportState, StoreError> {
        let txn = self.inner.env.read_txn()?;
        let (segments, position) = match sources::read(&txn, &self.inner.tables, source)? {
            Some(SourceState::At(position)) => return Ok(ImportState::Done(position)),
            Some(SourceState::Importing { segments, position }) => (segments, Some(position)),
            None => (Vec::new(), None),
        };
        drop(txn);
        let mut importing = self.inner.importing();
        if !importing.insert(source.clone()) {
            return Err(StoreError::ImportBusy {
                source_key: source.as_str().to_owned(),
            });
        }
        drop(importing);
        let mut import = Import {
            store: self.clone(),
            source: source.clone(),
            rows: RowBuffer::default(),
            ids: IdSet::default(),
            id_segments: IdSegments::default(),
            duplicates: 0,
        };
        // From here on the import is this one's, so its id segments do not change.
        let txn = self.inner.env.read_txn()?;
        import.id_segments =
            IdSegments::of_import(&txn, &self.inner.insert_ids()?.table, &segments)?;
        drop(txn);
        Ok(ImportState::Open(import, position))
    }

    /// Removes the note that a source was imported completely, so that the next [`Self::import`]
    /// starts from the beginning. The imported rows stay; an unfinished import stays too.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_import(&self, source: &SourceKey) -> Result<(), StoreError> {
        let inner = &self.inner;
        let mut txn = inner.env.write_txn()?;
        if let Some(SourceState::At(_)) = sources::read(&txn, &inner.tables, source)? {
            let key = source.as_str().as_bytes();
            inner.tables.sources.delete(&mut txn, key)?;
        }
        inner.commit(txn)
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        self.store.inner.importing().remove(&self.source);
    }
}

impl Import {
    /// Adds the content of a buffer. `position` is the source's position after it. The rows become
    /// durable in large chunks, each with its position. Returns the number of values that were left
    /// out, as in [`crate::Appended::left_out`].
    ///
    /// # Errors
    /// When a name is too long, an event name exceeds the limit, or the database cannot be written.
    /// Then drop the import and open it again: it continues from its last durable position.
    pub fn append(&mut self, buffer: &EventBuffer, position: &[u8]) -> Result<u64, StoreError> {
        let inner = &self.store.inner;
        let left_out = {
            let mut terms = inner.terms.write();
            let txn = inner.env.read_txn()?;
            let ids = inner.insert_ids()?;
            let mut search = ids.search(&txn, &self.id_segments, &mut self.ids);
            let mut known = |user, insert| search.known(user, insert);
            let pushed = self.rows.push(buffer, &mut terms, &mut known)?;
            self.duplicates += pushed.duplicates;
            pushed.left_out
        };
        let options = &inner.options;
        if self.rows.len() >= options.import_rows || self.rows.size() >= options.import_bytes {
            self.save_position(position)?;
        }
        Ok(left_out)
    }

    /// Writes the rows in memory as an invisible segment, with the position.
    fn save_position(&mut self, position: &[u8]) -> Result<(), StoreError> {
        let batch = Batch::new(std::mem::take(&mut self.rows));
        let heads = &batch.rows.heads;
        let users: RoaringBitmap = heads.iter().map(|head| head.user).collect();
        let inner = Arc::clone(&self.store.inner);
        let mut blocks = encode(&[&batch], &inner.options)?;
        drop(batch);
        let insert_ids = inner.insert_ids()?;
        let ids = std::mem::take(&mut self.ids).sorted();
        let mut id_segment = None;
        inner.write(|writer| {
            let mut txn = inner.env.write_txn()?;
            let mut segments = match sources::read(&txn, &inner.tables, &self.source)? {
                Some(SourceState::Importing { segments, .. }) => segments,
                _ => Vec::new(),
            };
            if !blocks.is_empty() {
                let id = next_id(&mut txn, &inner)?;
                blocks.write(&mut txn, &inner.tables, id)?;
                let segment = blocks.segment(id, u64::MAX);
                // Users that were forgotten after the rows got their numbers are forgotten here
                // too.
                let has = |user| users.contains(user);
                let segment = inner.without_forgotten(&mut txn, segment, 0, has)?;
                put(&mut txn, &inner, &segment)?;
                segments.push(id);
                let import = segments.first().copied();
                let now = (inner.options.clock)().0;
                id_segment =
                    IdSegment::write(&mut txn, &insert_ids.table, id, import, &ids, (now, now))?;
            }
            let state = SourceState::Importing {
                segments,
                position: position.to_vec(),
            };
            sources::write(&mut txn, &inner.tables, &self.source, &state)?;
            writer.save(&inner, &mut txn)?;
            inner.commit(txn)
        })?;
        if let Some(segment) = id_segment {
            self.id_segments.add(segment);
            insert_ids.maintain_import(&inner, &mut self.id_segments)?;
        }
        Ok(())
    }

    /// Makes all rows visible, in one commit with the source's final position.
    ///
    /// # Errors
    /// When the database cannot be written. The import can be continued then.
    pub fn finish(self, position: &[u8]) -> Result<FinishedImport, StoreError> {
        self.finish_with(position, &[])
    }

    /// Does what [`Self::finish`] does, and sets the positions of other sources in the same commit:
    /// other names of what was imported.
    ///
    /// # Errors
    /// When the database cannot be written. The import can be continued then.
    pub fn finish_with(
        mut self,
        position: &[u8],
        others: &[(SourceKey, Vec<u8>)],
    ) -> Result<FinishedImport, StoreError> {
        if self.rows.len() > 0 {
            self.save_position(position)?;
        }
        let inner = Arc::clone(&self.store.inner);
        // The rows in memory came before the rows that become visible now.
        inner.write(|writer| inner.flush(writer))?;
        let id_segments = std::mem::take(&mut self.id_segments);
        inner.write(|writer| {
            let revealed = inner.reveal(writer, &self.source, position, others)?;
            inner.insert_ids()?.reveal(id_segments);
            Ok(FinishedImport {
                duplicates: self.duplicates,
                ..revealed
            })
        })
    }

    /// Drops all rows. The source can be imported from its beginning again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn abort(self) -> Result<(), StoreError> {
        let inner = &self.store.inner;
        let mut txn = inner.env.write_txn()?;
        let Some(SourceState::Importing { segments, .. }) =
            sources::read(&txn, &inner.tables, &self.source)?
        else {
            return Ok(());
        };
        for segment in &segments {
            blocks::drop_segment(&mut txn, &inner.tables, *segment)?;
        }
        let key = self.source.as_str().as_bytes();
        inner.tables.sources.delete(&mut txn, key)?;
        inner.insert_ids()?.abort(&mut txn, &self.id_segments)?;
        inner.commit(txn)?;
        inner.insert_ids()?.dropped(&self.id_segments);
        inner.dropped().extend(segments);
        while inner.drop_slice()? {}
        Ok(())
    }
}

impl StoreInner {
    /// Makes the segments of an import visible.
    fn reveal(
        &self,
        writer: &mut Writer,
        source: &SourceKey,
        position: &[u8],
        others: &[(SourceKey, Vec<u8>)],
    ) -> Result<FinishedImport, StoreError> {
        let mut view = StoreView::clone(&self.view());
        let mut txn = self.env.write_txn()?;
        let segments = match sources::read(&txn, &self.tables, source)? {
            Some(SourceState::Importing { segments, .. }) => segments,
            _ => Vec::new(),
        };
        let mut users = RoaringBitmap::new();
        let mut newest = None;
        let mut imported = FinishedImport {
            rows: 0,
            duplicates: 0,
            sequence: view.sequence,
        };
        for id in segments {
            let Some(value) = self.tables.segments.get(&txn, &id.to_be_bytes())? else {
                return Err(StoreError::Corrupt {
                    what: "the segments of an import",
                });
            };
            let mut segment = Segment::decode(id, value)?;
            for entry in self.tables.blocks.prefix_iter(&txn, &id.to_be_bytes())? {
                let (key, block) = entry?;
                let event = blocks::name_of(key)? != OPERATIONS;
                let first = blocks::group_of(key)? << GROUP_BITS;
                let block = Block::parse(block)?;
                block.each_user(|user, rows| {
                    let user = first + user as u32;
                    users.insert(user);
                    // The rows of a user are in order of time.
                    writer.firsts.update(user, block.time(rows.start), event);
                });
            }
            imported.rows += segment.rows();
            newest = newest.max(segment.newest_event());
            segment.place = Counter::Place.take(&mut txn, &self.tables)?;
            put(&mut txn, self, &segment)?;
            view.segments.push(Arc::new(segment));
        }
        let state = SourceState::At(position.to_vec());
        sources::write(&mut txn, &self.tables, source, &state)?;
        for (other, position) in others {
            let state = SourceState::At(position.clone());
            sources::write(&mut txn, &self.tables, other, &state)?;
        }
        if !users.is_empty() {
            view.sequence += 1;
            imported.sequence = view.sequence;
            Counter::Sequence.set(&mut txn, &self.tables, view.sequence)?;
            changed_users::add(&mut txn, &self.tables, view.sequence, &users)?;
        }
        self.note_newest(&mut txn, newest)?;
        writer.save(self, &mut txn)?;
        view.counts = writer.saved;
        self.commit_view(txn, view)?;
        Ok(imported)
    }
}

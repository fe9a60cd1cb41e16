//! Forgetting a user: no later read shows that the user existed.

use std::sync::Arc;

use heed::RwTxn;
use muster_model::CohortId;

use crate::keys::{GROUP, GROUP_BITS};
use crate::maintain::put;
use crate::module_keys::module_keys;
use crate::read::RowSource;
use crate::segment::Segment;
use crate::segment_writer::SegmentWriter;
use crate::store::{StoreInner, Writer};
use crate::view::StoreView;
use crate::{
    Message, Store, StoreError, StoredRun, UserKey, blocks, changed_users, expiries, failures,
    members, sent,
};

/// The engine's changes in the commit that forgets a user.
#[derive(Clone, Debug, Default)]
pub struct ForgetChanges {
    /// The engine's own bytes per cohort.
    pub cohort_states: Vec<(CohortId, Vec<u8>)>,
    /// The messages for the outbox: the user's exits from the cohorts.
    pub messages: Vec<Message>,
    /// The records of the exits, for operators.
    pub records: Vec<StoredRun>,
}

impl Store {
    /// Forgets a user in one durable commit. It deletes the id and all rows of the user, including
    /// those of unfinished imports. It also deletes the first times, the expiries of answers, the
    /// failures of modules, the memberships and the entries of changed users. The number is never
    /// used again: a later user with the same id is a new user. Returns false, and changes nothing,
    /// if the user does not exist (any more).
    ///
    /// An [`Self::append`] that is acknowledged later is either part of what is forgotten or
    /// belongs to a new user with the id. The same holds for the rows that an import has in memory.
    /// The call does not wait for a running merge of segments, which drops the user's rows itself.
    /// It rewrites the blocks of the user's group of 256.
    ///
    /// Three things stay:
    /// - texts that have a number (property values of at most [`crate::MAX_TEXT`] bytes), even if
    ///   only this user had them, because numbers are shared;
    /// - messages that wait in the outbox, and dead letters;
    /// - the bytes of freed pages of the file, until the pages are used again.
    ///
    /// Older snapshots keep the user until they are dropped, but they no longer find the id.
    ///
    /// # Errors
    /// When the database cannot be written. Nothing has changed then.
    pub fn forget_user(&self, user: UserKey, forget: &ForgetChanges) -> Result<bool, StoreError> {
        let inner = &self.inner;
        inner.write(|writer| {
            let forgotten = inner.forget(writer, user, forget)?;
            if forgotten {
                // This comes before any other commit. From now on the id belongs to a new user.
                // Rows that already have the old number are dropped by the import or merge that
                // holds them.
                let mut terms = inner.terms.write();
                terms.users.forget(user.0);
                inner.forgotten().push(user.0);
            }
            Ok(forgotten)
        })
    }
}

impl StoreInner {
    fn forget(
        &self,
        writer: &mut Writer,
        user: UserKey,
        forget: &ForgetChanges,
    ) -> Result<bool, StoreError> {
        let tables = &self.tables;
        let mut view = StoreView::clone(&self.view());
        let mut txn = self.env.write_txn()?;
        let number = user.0.to_be_bytes();
        let id = tables.users.get(&txn, &number)?;
        if id.is_none_or(<[u8]>::is_empty) {
            return Ok(false);
        }
        // No id is empty, so an empty text keeps the number's place.
        tables.users.put(&mut txn, &number, &[])?;
        writer.firsts.forget(user.0);
        let id_segment = self.flush_into(&mut txn, &mut view)?;
        writer.save(self, &mut txn)?;
        self.forget_rows(&mut txn, &mut view, user)?;
        for module in module_keys(&txn, tables)? {
            expiries::set(&mut txn, tables, &module, &[(user, i64::MAX)])?;
        }
        failures::forget_user(&mut txn, tables, user)?;
        members::forget(&mut txn, tables, user)?;
        sent::forget(&mut txn, tables, user)?;
        changed_users::forget(&mut txn, tables, user)?;
        let (states, records) = (&forget.cohort_states, &forget.records);
        self.put_outcome(&mut txn, states, &forget.messages, records)?;
        self.commit_view(txn, view)?;
        self.insert_ids()?.flushed(id_segment);
        self.notify_messages(&forget.messages);
        Ok(true)
    }

    /// Drops the rows of forgotten users from a segment that is about to be committed. The first
    /// `since` users that this process forgot are excluded: the rows were read, or got their
    /// numbers, after that.
    pub(crate) fn without_forgotten(
        &self,
        txn: &mut RwTxn<'_>,
        mut segment: Segment,
        since: usize,
        has: impl Fn(u32) -> bool,
    ) -> Result<Segment, StoreError> {
        let forgotten = self.forgotten();
        for user in forgotten.iter().skip(since).filter(|user| has(**user)) {
            if let Some(left) = without(txn, self, &segment, UserKey(*user))? {
                segment = left;
            }
        }
        Ok(segment)
    }

    /// Drops a user's rows from all segments, including those that are not visible yet.
    fn forget_rows(
        &self,
        txn: &mut RwTxn<'_>,
        view: &mut StoreView,
        user: UserKey,
    ) -> Result<(), StoreError> {
        let mut all = Vec::new();
        for entry in self.tables.segments.iter(txn)? {
            let (key, value) = entry?;
            all.push(Segment::decode(Segment::id_of(key)?, value)?);
        }
        for segment in all {
            let Some(left) = without(txn, self, &segment, user)? else {
                continue;
            };
            let seen = view.segments.iter().position(|each| each.id == left.id);
            match seen {
                Some(at) if left.names.is_empty() => {
                    blocks::drop_segment(txn, &self.tables, left.id)?;
                    view.segments.remove(at);
                }
                // An import counts its segments, so it keeps those that are empty now.
                _ => put(txn, self, &left)?,
            }
            if let Some(held) = view.segments.iter_mut().find(|each| each.id == left.id) {
                *held = Arc::new(left);
            }
        }
        Ok(())
    }
}

/// Writes a segment's blocks of a user's group without the user. Returns `None` if none of the rows
/// belongs to the user.
fn without(
    txn: &mut RwTxn<'_>,
    inner: &StoreInner,
    segment: &Segment,
    user: UserKey,
) -> Result<Option<Segment>, StoreError> {
    let (group, place) = (user.0 >> GROUP_BITS, user.0 as usize % GROUP);
    let others = (0..=u8::MAX).filter(|each| usize::from(*each) != place);
    let tables = &inner.tables;
    let mut writer = SegmentWriter::of_users(others.collect(), &inner.options);
    let mut left = segment.clone();
    let mut old = Vec::new();
    for name in &segment.names {
        let key = blocks::key(segment.id, name.name, group);
        let (mut bytes, mut sources) = (0, Vec::new());
        blocks::each(txn, tables, key, |block, size| {
            bytes += size as u64;
            sources.push((name.name, RowSource::Block(Box::new(block))));
        })?;
        let of_user = |(_, source): &(u32, RowSource<'_>)| !source.user(place).is_empty();
        if !sources.iter().any(of_user) {
            continue;
        }
        left.bytes = left.bytes.saturating_sub(bytes);
        for (_, source) in &sources {
            left.subtract(name.name, source.rows(), &source.counts()?);
        }
        writer.add(name.name, group, &sources)?;
        old.push(key);
    }
    if old.is_empty() {
        return Ok(None);
    }
    for key in old {
        blocks::delete(txn, tables, key)?;
    }
    writer.write(txn, tables, segment.id)?;
    let written = writer.segment(segment.id, segment.place);
    left.bytes += written.bytes;
    for name in &written.names {
        left.add(name);
    }
    left.names.retain(|name| name.rows > 0);
    Ok(Some(left))
}

//! The sources of a group of users.

use std::sync::Arc;

use parking_lot::RwLock;

use super::globs::Globs;
use super::select::{Selection, WantedUsers};
use super::source::RowSource;
use super::time_range::TimeRange;
use crate::environment::{ReadTxn, Tables};
use crate::terms::{OPERATIONS, Terms};
use crate::view::StoreView;
use crate::{StoreError, blocks};

/// One consistent state of the store.
#[derive(Clone, Copy)]
pub(crate) struct ReadContext<'a> {
    pub(crate) txn: &'a ReadTxn<'static>,
    pub(crate) tables: &'a Tables,
    pub(crate) view: &'a StoreView,
    pub(crate) terms: &'a RwLock<Terms>,
    pub(crate) globs: &'a Globs,
}

impl<'a> ReadContext<'a> {
    /// Returns the numbers of the event names that match one of the globs, ordered by name.
    pub(crate) fn names(&self, globs: &[String]) -> Arc<[u32]> {
        let terms = self.terms.read();
        self.globs.names(&terms, globs, self.view.counts.names)
    }

    /// Fills `into` with the rows of these names and this group that may be later than `after`,
    /// ordered by name, then by age.
    pub(crate) fn sources(
        &self,
        names: &[u32],
        group: u32,
        after: i64,
        into: &mut Vec<(u32, RowSource<'a>)>,
    ) -> Result<(), StoreError> {
        into.clear();
        for name in names {
            for segment in &self.view.segments {
                if segment.name(*name).is_none_or(|name| name.max <= after) {
                    continue;
                }
                let key = blocks::key(segment.id, *name, group);
                blocks::each(self.txn, self.tables, key, |block, _| {
                    if block.max > after {
                        into.push((*name, RowSource::Block(Box::new(block))));
                    }
                })?;
            }
            for batch in &self.view.batches {
                let Some(span) = batch.span(*name) else {
                    continue;
                };
                if span.max <= after {
                    continue;
                }
                let range = batch.group(span, group);
                if !range.is_empty() {
                    into.push((*name, RowSource::Batch(batch, range)));
                }
            }
        }
        Ok(())
    }

    /// Selects the user-property operations of a group up to `now`.
    pub(crate) fn operations(
        &self,
        group: u32,
        wanted: &WantedUsers,
        now: i64,
        next: &mut [i64],
        sources: &mut Vec<(u32, RowSource<'a>)>,
        selection: &mut Selection,
    ) -> Result<(), StoreError> {
        self.sources(&[OPERATIONS], group, i64::MIN, sources)?;
        let window = TimeRange {
            after: i64::MIN,
            now,
        };
        selection.keep_users_apart = true;
        match selection.fill(sources, wanted, window, next) {
            true => Ok(()),
            // There are more rows than memory can hold.
            false => Err(StoreError::TooLarge { limit: usize::MAX }),
        }
    }
}

//! Statistics of the store, for operators.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::Millis;

use crate::store::StoreInner;
use crate::terms::OPERATIONS;
use crate::view::StoreView;
use crate::{Snapshot, Store, StoreError};

/// The size of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The number of events. Duplicates count until the segments that hold them are merged.
    pub events: u64,
    /// The number of rows of user-property operations.
    pub operations: u64,
    /// The number of users.
    pub users: u64,
    /// The number of event names.
    pub event_names: u64,
    /// The number of distinct texts that have a number.
    pub texts: u64,
    /// The number of segments.
    pub segments: u64,
    /// The bytes of the segments' blocks.
    pub segment_bytes: u64,
    /// The number of rows that are only in memory and in the log.
    pub memtable_rows: u64,
    /// The bytes of the database file.
    pub disk_bytes: u64,
}

/// The number of rows with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameCount {
    /// The event name or user property.
    pub name: String,
    /// The number of its rows.
    pub rows: u64,
    /// The earliest time. A user property has the range of all its operations.
    pub first: Millis,
    /// The latest time; see `first`.
    pub last: Millis,
}

impl Store {
    /// Returns the bytes of the database file, which does not shrink but uses its pages again.
    ///
    /// # Errors
    /// When the size of the file cannot be read.
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        Ok(self.inner.env.real_disk_size()?)
    }

    /// Returns the size of the store.
    ///
    /// # Errors
    /// When the size of the file cannot be read.
    pub fn statistics(&self) -> Result<Statistics, StoreError> {
        statistics(&self.inner, &self.inner.view())
    }
}

fn statistics(inner: &StoreInner, view: &StoreView) -> Result<Statistics, StoreError> {
    let names = 1..=view.counts.names;
    Ok(Statistics {
        events: names.clone().map(|name| view.rows(name)).sum(),
        operations: view.rows(OPERATIONS),
        users: u64::from(view.counts.users),
        event_names: names.filter(|name| view.rows(*name) > 0).count() as u64,
        texts: u64::from(view.counts.texts),
        segments: view.segments.len() as u64,
        segment_bytes: view.segments.iter().map(|segment| segment.bytes).sum(),
        memtable_rows: view.memtable_rows() as u64,
        disk_bytes: inner.env.real_disk_size()?,
    })
}

impl Snapshot {
    /// Returns the size of the store in this snapshot, with the present size of the file.
    ///
    /// # Errors
    /// When the size of the file cannot be read.
    pub fn statistics(&self) -> Result<Statistics, StoreError> {
        statistics(self.inner(), self.view())
    }

    /// Returns the event names, ordered by name.
    #[must_use]
    pub fn event_names(&self) -> Vec<NameCount> {
        let terms = self.terms();
        let mut names: Vec<NameCount> = (1..=self.view().counts.names)
            .filter_map(|name| self.count(name, terms.name_text(name)?))
            .collect();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        names
    }

    /// Returns the names of the event properties that some event has, in order.
    #[must_use]
    pub fn event_properties(&self) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        for segment in &self.view().segments {
            let events = segment.names.iter().filter(|name| name.name != OPERATIONS);
            columns.extend(events.flat_map(|name| name.columns.iter().map(|(column, _)| *column)));
        }
        for batch in &self.view().batches {
            for span in batch.names.iter().filter(|span| span.name != OPERATIONS) {
                for at in span.start..span.end {
                    let cells = batch.rows.cells_of(batch.row(at));
                    columns.extend(cells.iter().map(|(column, _)| *column));
                }
            }
        }
        let terms = self.terms();
        let name = |column: u32| terms.properties.text(column).map(str::to_owned);
        columns.into_iter().filter_map(name).collect()
    }

    /// Returns the user properties, ordered by name, each with the operations on it.
    #[must_use]
    pub fn user_properties(&self) -> Vec<NameCount> {
        let mut rows: BTreeMap<u32, u64> = BTreeMap::new();
        for segment in &self.view().segments {
            let columns = segment.name(OPERATIONS).map(|name| name.columns.as_slice());
            for (column, count) in columns.unwrap_or_default() {
                *rows.entry(*column).or_default() += count;
            }
        }
        for batch in &self.view().batches {
            let span = batch
                .span(OPERATIONS)
                .map_or(0..0, |span| span.start..span.end);
            for at in span {
                for (column, _) in batch.rows.cells_of(batch.row(at)) {
                    *rows.entry(*column).or_default() += 1;
                }
            }
        }
        let Some(all) = self.count(OPERATIONS, "") else {
            return Vec::new();
        };
        let terms = self.terms();
        let mut properties: BTreeMap<&str, u64> = BTreeMap::new();
        for (column, count) in rows {
            match terms.operation_of(column) {
                Some((_, property)) if !property.is_empty() => {
                    *properties.entry(property).or_default() += count;
                }
                _ => {}
            }
        }
        properties
            .into_iter()
            .map(|(name, rows)| NameCount {
                name: name.to_owned(),
                rows,
                ..all.clone()
            })
            .collect()
    }

    fn terms(&self) -> parking_lot::RwLockReadGuard<'_, crate::terms::Terms> {
        self.inner().terms.read()
    }

    fn count(&self, name: u32, text: &str) -> Option<NameCount> {
        let view = self.view();
        let segments = view
            .segments
            .iter()
            .filter_map(|segment| segment.name(name));
        let batches = view.batches.iter().filter_map(|batch| batch.span(name));
        let spans = segments
            .map(|name| (name.min, name.max))
            .chain(batches.map(|span| (span.min, span.max)));
        let (first, last) = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some(NameCount {
            name: text.to_owned(),
            rows: view.rows(name),
            first: Millis(first),
            last: Millis(last),
        })
    }
}

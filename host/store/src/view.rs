//! The committed state as far as it is in memory.

use std::sync::Arc;

use crate::StoreOptions;
use crate::batch::Batch;
use crate::segment::Segment;
use crate::terms::TermCounts;

/// The in-memory state that belongs to a commit. It does not change; the next commit makes another.
#[derive(Clone, Default)]
pub(crate) struct StoreView {
    /// The sequence, which grows with each commit of history.
    pub(crate) sequence: u64,
    /// The numbers of committed terms.
    pub(crate) counts: TermCounts,
    /// Visible segments, the oldest rows first.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Rows that are in no segment yet, the oldest first.
    pub(crate) batches: Vec<Arc<Batch>>,
}

impl StoreView {
    /// Returns the number of rows with a name, including duplicates that are not merged away yet.
    pub(crate) fn rows(&self, name: u32) -> u64 {
        let segments = self
            .segments
            .iter()
            .filter_map(|segment| segment.name(name));
        let batches = self.batches.iter().filter_map(|batch| batch.span(name));
        segments.map(|name| name.rows).sum::<u64>()
            + batches
                .map(|span| u64::from(span.end - span.start))
                .sum::<u64>()
    }

    /// Returns true if the rows in memory are to become a segment.
    pub(crate) fn memtable_full(&self, options: &StoreOptions) -> bool {
        let bytes: usize = self.batches.iter().map(|batch| batch.rows.size()).sum();
        self.memtable_rows() >= options.memtable_rows || bytes >= options.memtable_bytes
    }

    /// Returns the number of rows in memory.
    pub(crate) fn memtable_rows(&self) -> usize {
        self.batches.iter().map(|batch| batch.rows.len()).sum()
    }
}

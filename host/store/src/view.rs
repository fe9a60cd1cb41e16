//! What is committed, as far as memory holds it.

use std::sync::Arc;

use crate::StoreOptions;
use crate::batch::Batch;
use crate::segment::Segment;
use crate::terms::TermCounts;

/// The state of memory that belongs to a commit. It does not change; the next commit makes another.
#[derive(Clone, Default)]
pub(crate) struct StoreView {
    /// Grows with each commit of history.
    pub(crate) sequence: u64,
    /// The numbers that are committed.
    pub(crate) counts: TermCounts,
    /// Visible segments, the oldest rows first.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Rows in no segment yet, the oldest first.
    pub(crate) batches: Vec<Arc<Batch>>,
}

impl StoreView {
    /// How many rows of a name there are, duplicates that are not merged away yet among them.
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

    /// Whether the rows in memory are to become a segment.
    pub(crate) fn memtable_full(&self, options: &StoreOptions) -> bool {
        let bytes: usize = self.batches.iter().map(|batch| batch.rows.size()).sum();
        self.memtable_rows() >= options.memtable_rows || bytes >= options.memtable_bytes
    }

    /// How many rows are in memory.
    pub(crate) fn memtable_rows(&self) -> usize {
        self.batches.iter().map(|batch| batch.rows.len()).sum()
    }
}

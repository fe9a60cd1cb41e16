//! The byte budget of a batch's columns.

use crate::{StoreError, ValueKind};

/// The bytes that selecting a row takes: its place among the pieces (12 bytes) and the merge of
/// sources (16).
const ROW_SELECTION: usize = 28;

/// A byte budget, and the bytes left of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadBudget {
    limit: usize,
    left: usize,
}

impl ReadBudget {
    pub(crate) const UNLIMITED: Self = Self::new(usize::MAX);

    pub(crate) const fn new(bytes: usize) -> Self {
        Self {
            limit: bytes,
            left: bytes,
        }
    }

    /// Takes bytes from the budget before they are allocated.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), StoreError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(StoreError::TooLarge { limit: self.limit }),
        }
    }

    /// Returns the number of rows that may be selected at once. Each selection is freed before the
    /// next, and takes no more than the columns may.
    pub(crate) fn rows(&self) -> u64 {
        (self.limit / ROW_SELECTION) as u64
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

/// Returns the bytes of a row of a column. The elements of a list of texts are extra.
pub(crate) fn width(kind: ValueKind) -> usize {
    match kind {
        ValueKind::Number | ValueKind::Instant => size_of::<f64>(),
        ValueKind::Flag => size_of::<u8>(),
        ValueKind::Text => size_of::<u32>(),
    }
}

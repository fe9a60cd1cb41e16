//! What the columns of a batch may take.

use crate::{StoreError, ValueKind};

/// What the selection of a row takes: its place among the pieces (12 bytes) and while sources are
/// merged (16).
const ROW_SELECTION: usize = 28;

/// A number of bytes, and what is left of it.
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

    /// Takes the room of something before it is made.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), StoreError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(StoreError::TooLarge { limit: self.limit }),
        }
    }

    /// Returns how many rows may be selected at once: their selection is given back before the
    /// next, and takes no more than the columns may.
    pub(crate) fn rows(&self) -> u64 {
        (self.limit / ROW_SELECTION) as u64
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

/// What a row of a column takes; the elements of a list of texts come to it.
pub(crate) fn width(kind: ValueKind) -> usize {
    match kind {
        ValueKind::Number | ValueKind::Instant => size_of::<f64>(),
        ValueKind::Flag => size_of::<u8>(),
        ValueKind::Text => size_of::<u32>(),
    }
}

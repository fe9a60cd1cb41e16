//! The byte budget of a batch's columns.

use crate::ColumnsError;

/// A byte budget, and the bytes left of it.
#[derive(Clone, Copy, Debug)]
pub struct ReadBudget {
    limit: usize,
    left: usize,
}

impl ReadBudget {
    /// A budget without a limit.
    pub const UNLIMITED: Self = Self::new(usize::MAX);

    /// Returns a budget of so many bytes.
    #[must_use]
    pub const fn new(bytes: usize) -> Self {
        Self {
            limit: bytes,
            left: bytes,
        }
    }

    /// Takes bytes from the budget before they are allocated.
    ///
    /// # Errors
    /// When fewer bytes are left.
    #[inline]
    pub fn take(&mut self, bytes: usize) -> Result<(), ColumnsError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(ColumnsError::TooLarge { limit: self.limit }),
        }
    }

    /// Returns the limit, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

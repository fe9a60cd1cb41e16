//! The instants that a read covers.

/// Rows with `after` < time <= `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub(crate) after: i64,
    pub(crate) now: i64,
}

//! The error of an object that is no event.

use super::LineError;

/// An error of an object that is no event, with the key at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventError {
    /// The key, or `event` if the error is about the whole object.
    pub(crate) field: &'static str,
    /// Set if the key is missing.
    pub(crate) missing: bool,
    pub(crate) reason: LineError,
}

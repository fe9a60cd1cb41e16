//! The request for the history of a batch of users.

use muster_columns::{PropertyRead, StreamRead};

/// The data to read of a batch of users.
#[derive(Clone, Copy, Debug)]
pub struct ReadRequest<'a> {
    /// The users, in ascending order, each once.
    pub users: &'a [crate::UserKey],
    /// The instant of the run. Later rows are hidden.
    pub now: muster_model::Millis,
    /// The streams of events to read.
    pub streams: &'a [StreamRead],
    /// User properties whose value at `now` is read.
    pub user_properties: &'a [PropertyRead],
    /// User properties whose changes up to `now` are read.
    pub property_histories: &'a [PropertyRead],
}

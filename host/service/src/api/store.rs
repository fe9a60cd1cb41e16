//! Requests about the store and the definitions as a whole.

use muster_model::Millis;
use muster_store::RetentionRefusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request to drop the events that are older than `retention:`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PruneRequest {
    /// Drop the events even if they are more than a fifth of all.
    #[serde(default)]
    pub anyway: bool,
}

/// The events that were dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrunedEvents {
    /// The number of events that were dropped.
    pub dropped: u64,
    /// The reason why no more were dropped.
    pub refused: Option<RefusedPrune>,
}

/// Events that are too old and were not dropped, because they are too large a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedPrune {
    /// The instant before which events are too old.
    #[schema(value_type = String, format = DateTime)]
    pub before: Millis,
    /// The number of those events, to within the events of an hour.
    pub events: u64,
    /// The number of all events.
    pub of: u64,
}

/// A file of the active definitions, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DefinitionFile {
    /// The absolute path.
    pub path: String,
    /// The text.
    pub text: String,
}

impl From<&RetentionRefusal> for RefusedPrune {
    fn from(refusal: &RetentionRefusal) -> Self {
        Self {
            before: refusal.before,
            events: refusal.events,
            of: refusal.of,
        }
    }
}

//! What stops a tick. A failing rule does not: its users are skipped and reported.

use muster_model::CohortId;

/// Why a tick could not be done.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] muster_store::StoreError),
    /// The rule answers for other cohorts than it was asked for.
    #[error(
        "the rule answers for {actual} cohorts ({first}…), not for `{wanted}`: rename the cohort or rebuild the rule"
    )]
    OtherCohorts {
        /// How many the rule has.
        actual: usize,
        /// The first of them.
        first: String,
        /// The cohort that is missing.
        wanted: CohortId,
    },
    /// A calendar that the rule asks for cannot be resolved.
    #[error(
        "the rule asks for a calendar in the time zone `{time_zone}`, which is not known: use an IANA name such as Europe/Berlin"
    )]
    TimeZone {
        /// As the rule wrote it.
        time_zone: String,
    },
    /// The rule reads a list that nobody handed in.
    #[error("the rule reads the list `{name}`, which this project does not have")]
    List {
        /// As the rule wrote it.
        name: String,
    },
    /// It was asked to stop. What was committed is consistent, and the next tick goes on from
    /// there.
    #[error("stopped; the next run goes on from there")]
    Stopped,
    /// A stored state of the engine cannot be read.
    #[error("the stored state of {of} cannot be read: {why}")]
    State {
        /// Whose.
        of: String,
        /// The reader's words.
        why: String,
    },
}

//! Errors that stop a run. A failing module does not stop one: its users are skipped and reported.

use muster_model::CohortId;

/// The reason why a run could not be done.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] muster_store::StoreError),
    /// The module does not answer for a cohort of the run.
    #[error(
        "the rule answers for {actual} cohorts ({first}…), not for `{wanted}`: rename the cohort or rebuild the rule"
    )]
    OtherCohorts {
        /// The number of cohorts that the module has.
        actual: usize,
        /// The first of them.
        first: String,
        /// The cohort that is missing.
        wanted: CohortId,
    },
    /// The time zone of a calendar that the module reads is not known.
    #[error(transparent)]
    TimeZone(#[from] muster_columns::UnknownTimeZone),
    /// The module reads a list that the caller did not pass.
    #[error("the rule reads the list `{name}`, which this project does not have")]
    List {
        /// The name of the list, as the module wrote it.
        name: String,
    },
    /// The run was stopped on request. All that was committed is consistent, and the next run goes
    /// on from there.
    #[error("stopped; the next run goes on where this one stopped")]
    Stopped,
    /// A stored state of the engine cannot be read.
    #[error("the stored state of {of} cannot be read: {why}")]
    State {
        /// The owner of the state.
        of: String,
        /// The message of the reader.
        why: String,
    },
}

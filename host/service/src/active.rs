//! State of the active cohorts that only the running service has, not the store.

use std::collections::BTreeMap;

use muster_model::CohortId;
use muster_project::{LoadedModule, modules};

use crate::api::RefusedPrune;
use crate::queries::RunningCohort;

/// State of the active cohorts.
#[derive(Default)]
pub(crate) struct ActiveCohorts {
    /// The active cohorts by id.
    pub(crate) cohorts: BTreeMap<CohortId, RunningCohort>,
    /// The faults of the definitions on disk, if they keep those from being active.
    pub(crate) definitions: Option<DefinitionFaults>,
    /// The events that the retention would drop but keeps, because they are too large a share.
    pub(crate) retention: Option<RefusedPrune>,
    /// Every cohort has had its first attempt since the definitions were activated.
    pub(crate) caught_up: bool,
}

/// The faults of the definitions on disk.
#[derive(Clone, Debug)]
pub(crate) struct DefinitionFaults {
    /// All faults, as `muster check` shows them.
    pub(crate) text: String,
    /// One line for each fault, with its place.
    pub(crate) lines: Vec<String>,
}

impl DefinitionFaults {
    /// Returns the faults of modules that cannot be loaded; `None`: all modules are loaded.
    pub(crate) fn of_modules(loaded: &[LoadedModule]) -> Option<Self> {
        let lines: Vec<_> = loaded.iter().filter_map(modules::fault).collect();
        (!lines.is_empty()).then(|| Self {
            text: lines.join("\n"),
            lines,
        })
    }
}

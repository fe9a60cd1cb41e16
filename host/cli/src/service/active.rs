//! State of the active cohorts that only the running service has, not the store.

use std::collections::BTreeMap;

use muster_model::{CohortId, Millis};

use crate::modules::{self, LoadedModule};

/// State of the active cohorts.
#[derive(Default)]
pub(crate) struct ActiveCohorts {
    /// The active cohorts by id.
    pub(crate) cohorts: BTreeMap<CohortId, ActiveCohort>,
    /// The faults of the definitions on disk, if they keep those from being active.
    pub(crate) definitions: Option<DefinitionFaults>,
    /// The events that the retention would drop but keeps, because they are too large a share.
    pub(crate) retention: Option<serde_json::Value>,
    /// Every cohort has had its first attempt since the definitions were activated.
    pub(crate) caught_up: bool,
}

/// State of one active cohort.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActiveCohort {
    /// The cadence, in words.
    pub(crate) cadence: String,
    /// The instant of the next evaluation. `None` in real time, as long as no answer expires.
    pub(crate) next: Option<Millis>,
    /// The clock of the latest run since the service began.
    pub(crate) last: Option<Millis>,
    /// The reason why the latest run failed.
    pub(crate) error: Option<String>,
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

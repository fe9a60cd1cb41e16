//! What is known of the cohorts in force while the service runs, beyond the store.

use std::collections::BTreeMap;

use muster_model::{CohortId, Millis};

use crate::modules::{self, LoadedModule};

/// What is known of the cohorts in force.
#[derive(Default)]
pub(crate) struct ActiveCohorts {
    /// Each cohort in force.
    pub(crate) cohorts: BTreeMap<CohortId, ActiveCohort>,
    /// What is wrong with the definitions on disk, if the ones in force are older for that.
    pub(crate) definitions: Option<DefinitionFaults>,
    /// What the retention would drop and does not, because it is so much.
    pub(crate) retention: Option<serde_json::Value>,
    /// Every cohort has had its first attempt since the definitions were put in force.
    pub(crate) caught_up: bool,
}

/// What is known of a cohort in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActiveCohort {
    /// Its cadence, in words.
    pub(crate) cadence: String,
    /// When it is evaluated next. `None` in real time, as long as no answer runs out.
    pub(crate) next: Option<Millis>,
    /// The clock of its latest run since the service began.
    pub(crate) last: Option<Millis>,
    /// Why its latest run failed.
    pub(crate) error: Option<String>,
}

/// What is wrong with the definitions on disk.
#[derive(Clone, Debug)]
pub(crate) struct DefinitionFaults {
    /// All of it, as `muster check` shows it.
    pub(crate) text: String,
    /// Each fault in a line, with its place.
    pub(crate) lines: Vec<String>,
}

impl DefinitionFaults {
    /// What is wrong with modules that cannot be loaded; `None`: all can.
    pub(crate) fn of_modules(loaded: &[LoadedModule]) -> Option<Self> {
        let lines: Vec<_> = loaded.iter().filter_map(modules::fault).collect();
        (!lines.is_empty()).then(|| Self {
            text: lines.join("\n"),
            lines,
        })
    }
}

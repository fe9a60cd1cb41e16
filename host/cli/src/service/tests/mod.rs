//! The whole service in one process. Where time matters it is the runtime's, which is paused: it
//! goes on only when nothing runs.

mod cohorts;
mod definitions;
mod messages;
mod world;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use muster_engine::{Cohort, EngineError};

/// How runs of a cohort go wrong.
#[derive(Clone, Copy)]
pub(crate) enum InjectedFault {
    /// The next run panics, and those after it do not.
    Panic,
    /// Each run fails.
    Fail,
}

/// What goes wrong in a host that is tested.
#[derive(Default)]
pub(crate) struct InjectedFaults {
    /// By the id of a cohort.
    pub(crate) runs: Mutex<BTreeMap<String, InjectedFault>>,
    /// While it is held, work on the store does not end.
    pub(crate) maintenance: Mutex<()>,
}

impl InjectedFaults {
    pub(super) fn of_run(&self, cohorts: &[Cohort]) -> Result<(), EngineError> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let output_json = cohorts.iter().find_map(|cohort| {
            let fault = runs.get(cohort.id.as_str()).copied()?;
            Some((cohort.id.to_string(), fault))
        });
        match output_json {
            None => Ok(()),
            Some((id, InjectedFault::Panic)) => {
                runs.remove(&id);
                drop(runs);
                std::panic::panic_any("a run that panics");
            }
            Some((id, InjectedFault::Fail)) => Err(EngineError::State {
                of: id,
                why: "a run that fails".to_owned(),
            }),
        }
    }

    pub(super) fn of_maintenance(&self) {
        drop(self.maintenance.lock());
    }
}

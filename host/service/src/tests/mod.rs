//! Tests of the whole service in one process. Where time matters, the test uses the runtime's time,
//! which is paused and continues only when no task runs.

mod cohorts;
mod definitions;
mod messages;
mod requests;
pub(crate) mod world;

use std::collections::BTreeMap;

use muster_engine::{Cohort, EngineError};
use parking_lot::Mutex;

/// The fault of a cohort's runs.
#[derive(Clone, Copy)]
pub(crate) enum InjectedFault {
    /// The next run panics, and the later runs do not.
    Panic,
    /// Each run fails.
    Fail,
}

/// The faults of a service under test.
#[derive(Default)]
pub(crate) struct InjectedFaults {
    /// Faults by the id of a cohort.
    pub(crate) runs: Mutex<BTreeMap<String, InjectedFault>>,
    /// Work on the store does not end while a test holds this lock.
    pub(crate) maintenance: Mutex<()>,
}

impl InjectedFaults {
    pub(super) fn inject_run_fault(&self, cohorts: &[Cohort]) -> Result<(), EngineError> {
        let mut runs = self.runs.lock();
        let fault = cohorts.iter().find_map(|cohort| {
            let fault = runs.get(cohort.id.as_str()).copied()?;
            Some((cohort.id.to_string(), fault))
        });
        match fault {
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

    pub(super) fn hold_maintenance(&self) {
        drop(self.maintenance.lock());
    }
}

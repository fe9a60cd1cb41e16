//! The prior state: what earlier runs have left for the next run.

use muster_model::Millis;
use muster_store::{ModuleKey, Snapshot};
use roaring::RoaringBitmap;

use crate::EngineError;
use crate::cohort::Cohort;
use crate::failures::Failures;
use crate::members::Members;
use crate::state::{self, CohortState, ModuleState, UnfinishedRun};

/// The prior state of a module and its cohorts: from the store, or from the preview of a run that
/// is not stored.
pub(crate) struct PriorState {
    /// The module's state; `None` for a new module.
    pub(crate) module: Option<ModuleState>,
    /// The cohorts, in the order of the run.
    pub(crate) cohorts: Vec<PriorCohort>,
    /// The users whose answer is newer than that of the store.
    pub(crate) evaluated: RoaringBitmap,
    /// Those of `evaluated` whose answer has expired when the next run begins.
    pub(crate) due: RoaringBitmap,
    /// The users that the module failed for.
    pub(crate) failures: Failures,
}

/// The prior state of a cohort.
#[derive(Clone)]
pub(crate) struct PriorCohort {
    /// The cohort's state; `None` if it was never run.
    pub(crate) state: Option<CohortState>,
    pub(crate) members: Members,
}

/// The state of a run that was cut off.
pub(crate) enum Unfinished {
    None,
    /// The run that goes on.
    Open(UnfinishedRun),
    /// The run cannot go on, because a cohort of it was run otherwise meanwhile.
    Lost {
        /// True if the run was to evaluate all users.
        all_users: bool,
    },
}

impl PriorState {
    /// Returns the run of the module that was cut off, if any. It can go on only if each cohort is
    /// in the middle of this very run.
    pub(crate) fn unfinished(&self, module: &ModuleKey) -> Unfinished {
        let Some(open) = self.module.as_ref().and_then(|state| state.open.as_ref()) else {
            return Unfinished::None;
        };
        let stamp = open.stamp(module);
        let in_it = |cohort: &PriorCohort| {
            let state = cohort.state.as_ref();
            state.is_some_and(|state| state.run == stamp)
        };
        if self.cohorts.iter().all(in_it) {
            return Unfinished::Open(open.clone());
        }
        Unfinished::Lost {
            all_users: open.all_users,
        }
    }

    pub(crate) fn load(
        snapshot: &Snapshot,
        module: &ModuleKey,
        cohorts: &[Cohort],
    ) -> Result<Self, EngineError> {
        let cohort = |cohort: &Cohort| {
            Ok::<_, EngineError>(PriorCohort {
                state: state::load_cohort(snapshot, &cohort.id)?,
                members: Members::of(snapshot, &cohort.id)?,
            })
        };
        Ok(Self {
            module: state::load_module(snapshot, module)?,
            cohorts: cohorts.iter().map(cohort).collect::<Result<_, _>>()?,
            evaluated: RoaringBitmap::new(),
            due: RoaringBitmap::new(),
            failures: Failures::of(cohorts),
        })
    }

    /// Returns the users whose answer has expired at `now`, at which the next run begins.
    pub(crate) fn due(
        &self,
        snapshot: &Snapshot,
        module: &ModuleKey,
        now: Millis,
    ) -> Result<RoaringBitmap, EngineError> {
        Ok((snapshot.due(module, now)? - &self.evaluated) | &self.due)
    }
}

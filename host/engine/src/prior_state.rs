//! What a tick begins with: what is remembered of the ticks before it.

use muster_model::Millis;
use muster_store::{ModuleKey, Snapshot};
use roaring::RoaringBitmap;

use crate::EngineError;
use crate::cohort::Cohort;
use crate::failures::Failures;
use crate::members::Members;
use crate::state::{self, CohortState, ModuleState, UnfinishedRun};

/// What is remembered of a rule and its cohorts: by the store, or by a preview of what it has not
/// stored.
pub(crate) struct PriorState {
    /// `None`: the rule is new.
    pub(crate) module: Option<ModuleState>,
    /// In the order of the cohorts.
    pub(crate) cohorts: Vec<PriorCohort>,
    /// Whose answer is newer than the store's.
    pub(crate) evaluated: RoaringBitmap,
    /// Of these, whose answer has run out when the next tick begins.
    pub(crate) due: RoaringBitmap,
    /// Users for whom the rule failed.
    pub(crate) failures: Failures,
}

/// What is remembered of a cohort.
#[derive(Clone)]
pub(crate) struct PriorCohort {
    /// `None`: it was never run.
    pub(crate) state: Option<CohortState>,
    pub(crate) members: Members,
}

/// Whether a run of the rule was cut off.
pub(crate) enum Unfinished {
    None,
    /// It goes on.
    Open(UnfinishedRun),
    /// It cannot go on, since a cohort of it was run otherwise meanwhile.
    Lost {
        /// Whether it asked everybody.
        everybody: bool,
    },
}

impl PriorState {
    /// Returns whether a run of the rule was cut off. It can go on only if each cohort is in the
    /// middle of this very run.
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
            everybody: open.all_users,
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

    /// Users whose answer has run out at `now`, at which the next tick begins.
    pub(crate) fn due(
        &self,
        snapshot: &Snapshot,
        module: &ModuleKey,
        now: Millis,
    ) -> Result<RoaringBitmap, EngineError> {
        Ok((snapshot.due(module, now)? - &self.evaluated) | &self.due)
    }
}

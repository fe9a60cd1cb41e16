//! What a tick begins with: what is remembered of the ticks before it.

use muster_model::Millis;
use muster_store::{RuleKey, Snapshot};
use roaring::RoaringBitmap;

use crate::EngineError;
use crate::cohort::Cohort;
use crate::members::Members;
use crate::state::{self, CohortState, RuleState};

/// What is remembered of a rule and its cohorts: by the store, or by a preview of what it has not stored.
pub(crate) struct Memory {
    /// `None`: the rule is new.
    pub(crate) rule: Option<RuleState>,
    /// In the order of the cohorts.
    pub(crate) cohorts: Vec<Remembered>,
    /// Whose answer is newer than the store's.
    pub(crate) asked: RoaringBitmap,
    /// Of these, whose answer has run out when the next tick begins.
    pub(crate) due: RoaringBitmap,
}

/// What is remembered of a cohort.
pub(crate) struct Remembered {
    /// `None`: it was never run.
    pub(crate) state: Option<CohortState>,
    pub(crate) members: Members,
}

impl Memory {
    pub(crate) fn load(
        snapshot: &Snapshot,
        rule: &RuleKey,
        cohorts: &[Cohort],
    ) -> Result<Self, EngineError> {
        let cohort = |cohort: &Cohort| {
            Ok::<_, EngineError>(Remembered {
                state: state::load_cohort(snapshot, &cohort.id)?,
                members: Members::of(snapshot, &cohort.id)?,
            })
        };
        Ok(Self {
            rule: state::load_rule(snapshot, rule)?,
            cohorts: cohorts.iter().map(cohort).collect::<Result<_, _>>()?,
            asked: RoaringBitmap::new(),
            due: RoaringBitmap::new(),
        })
    }

    /// Users whose answer has run out at `now`, at which the next tick begins.
    pub(crate) fn due(
        &self,
        snapshot: &Snapshot,
        rule: &RuleKey,
        now: Millis,
    ) -> Result<RoaringBitmap, EngineError> {
        Ok((snapshot.due(rule, now)? - &self.asked) | &self.due)
    }
}

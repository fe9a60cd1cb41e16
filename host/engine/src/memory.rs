//! What a tick begins with: what is remembered of the ticks before it.

use muster_model::Millis;
use muster_store::{RuleKey, Snapshot};
use roaring::RoaringBitmap;

use crate::EngineError;
use crate::cohort::Cohort;
use crate::failures::Failures;
use crate::members::Members;
use crate::state::{self, CohortState, OpenTick, RuleState};

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
    /// Users for whom the rule failed.
    pub(crate) failures: Failures,
}

/// What is remembered of a cohort.
#[derive(Clone)]
pub(crate) struct Remembered {
    /// `None`: it was never run.
    pub(crate) state: Option<CohortState>,
    pub(crate) members: Members,
}

/// Whether a run of the rule was cut off.
pub(crate) enum Unfinished {
    None,
    /// It goes on.
    Open(OpenTick),
    /// It cannot go on, since a cohort of it was run otherwise meanwhile.
    Lost {
        /// Whether it asked everybody.
        everybody: bool,
    },
}

impl Memory {
    /// Returns whether a run of the rule was cut off. It can go on only if each cohort is in the middle of this very run.
    pub(crate) fn unfinished(&self, rule: &RuleKey) -> Unfinished {
        let Some(open) = self.rule.as_ref().and_then(|state| state.open.as_ref()) else {
            return Unfinished::None;
        };
        let stamp = open.stamp(rule);
        let in_it = |cohort: &Remembered| {
            let state = cohort.state.as_ref();
            state.is_some_and(|state| state.run == stamp)
        };
        if self.cohorts.iter().all(in_it) {
            return Unfinished::Open(open.clone());
        }
        Unfinished::Lost {
            everybody: open.everybody,
        }
    }

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
            failures: Failures::of(cohorts),
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

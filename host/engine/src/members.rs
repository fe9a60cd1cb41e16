//! The members of a cohort in the middle of a run: those of the store, with the changes since.

use std::ops::RangeInclusive;

use muster_model::CohortId;
use muster_store::Snapshot;
use roaring::RoaringBitmap;

use crate::EngineError;

/// The members of a cohort. Only members among the evaluated users are read from the store, so a
/// run that evaluates few users of a cohort of millions costs little.
#[derive(Clone, Default)]
pub(crate) struct Members {
    len: u64,
    /// The users who entered since the store was read.
    entered: RoaringBitmap,
    exited: RoaringBitmap,
}

/// The users who enter and exit.
#[derive(Default)]
pub(crate) struct MembershipDiff {
    pub(crate) entered: RoaringBitmap,
    pub(crate) exited: RoaringBitmap,
}

impl MembershipDiff {
    pub(crate) fn is_empty(&self) -> bool {
        self.entered.is_empty() && self.exited.is_empty()
    }

    /// Returns the part of the diff within a range of users.
    pub(crate) fn within(&self, users: &RangeInclusive<u32>) -> Self {
        let within = |all: &RoaringBitmap| all.range(users.clone()).collect();
        Self {
            entered: within(&self.entered),
            exited: within(&self.exited),
        }
    }
}

impl Members {
    /// Returns the members as the store has them.
    pub(crate) fn of(snapshot: &Snapshot, cohort: &CohortId) -> Result<Self, EngineError> {
        Ok(Self {
            len: snapshot.members_len(cohort)?,
            ..Self::default()
        })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Returns the members within a range of users. The snapshot is the one that the members were
    /// read from.
    pub(crate) fn within(
        &self,
        snapshot: &Snapshot,
        cohort: &CohortId,
        users: &RangeInclusive<u32>,
    ) -> Result<RoaringBitmap, EngineError> {
        let mut members = snapshot.members_within(cohort, users)?;
        members.extend(self.entered.range(users.clone()));
        Ok(members - &self.exited)
    }

    /// Returns the entries and exits among the evaluated users, if `now_in` are the members among
    /// them now. Users who were not evaluated keep their membership.
    pub(crate) fn diff(
        &self,
        snapshot: &Snapshot,
        cohort: &CohortId,
        evaluated: &RoaringBitmap,
        now_in: &RoaringBitmap,
    ) -> Result<MembershipDiff, EngineError> {
        let stored = snapshot.members_among(cohort, evaluated)?;
        let was_in = (stored | (&self.entered & evaluated)) - &self.exited;
        Ok(MembershipDiff {
            entered: now_in - &was_in,
            exited: was_in - now_in,
        })
    }

    pub(crate) fn apply(&mut self, diff: &MembershipDiff) {
        self.len = (self.len + diff.entered.len()).saturating_sub(diff.exited.len());
        self.entered -= &diff.exited;
        self.exited |= &diff.exited;
        self.exited -= &diff.entered;
        self.entered |= &diff.entered;
    }

    /// Clears the changes, once the store has them and a later snapshot is read.
    pub(crate) fn settle(&mut self) {
        self.entered.clear();
        self.exited.clear();
    }
}

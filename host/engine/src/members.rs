//! Who is in a cohort, in the middle of a run: the store's members and what has changed since.

use std::ops::RangeInclusive;

use muster_model::CohortId;
use muster_store::Snapshot;
use roaring::RoaringBitmap;

use crate::EngineError;

/// A cohort's members. Of the store's only as many are read as are asked about: a run that asks few
/// users of a cohort of millions costs what few users cost.
#[derive(Clone, Default)]
pub(crate) struct Members {
    len: u64,
    /// Since the store was read.
    entered: RoaringBitmap,
    exited: RoaringBitmap,
}

/// Who moves.
#[derive(Default)]
pub(crate) struct MembershipDiff {
    pub(crate) entered: RoaringBitmap,
    pub(crate) exited: RoaringBitmap,
}

impl MembershipDiff {
    pub(crate) fn is_empty(&self) -> bool {
        self.entered.is_empty() && self.exited.is_empty()
    }

    /// Returns those within a range of users.
    pub(crate) fn within(&self, users: &RangeInclusive<u32>) -> Self {
        let within = |all: &RoaringBitmap| all.range(users.clone()).collect();
        Self {
            entered: within(&self.entered),
            exited: within(&self.exited),
        }
    }
}

impl Members {
    /// As the store has them.
    pub(crate) fn of(snapshot: &Snapshot, cohort: &CohortId) -> Result<Self, EngineError> {
        Ok(Self {
            len: snapshot.members_len(cohort)?,
            ..Self::default()
        })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Those within a range of users. The snapshot is the one that they were read from.
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

    /// Who of the users that were asked enters and exits if these are in now. Who was not asked
    /// stays where they are.
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

    pub(crate) fn apply(&mut self, moves: &MembershipDiff) {
        self.len = (self.len + moves.entered.len()).saturating_sub(moves.exited.len());
        self.entered -= &moves.exited;
        self.exited |= &moves.exited;
        self.exited -= &moves.entered;
        self.entered |= &moves.entered;
    }

    /// Forgets who moved, once the store has it and a later snapshot is read.
    pub(crate) fn settle(&mut self) {
        self.entered.clear();
        self.exited.clear();
    }
}

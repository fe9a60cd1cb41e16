//! The clauses that a clause consists of.

use std::slice;

use super::Clause;

impl Clause {
    /// Returns the clauses that `all`, `any` or `not` consists of. Other clauses have none.
    #[must_use]
    pub fn parts(&self) -> &[Clause] {
        match self {
            Self::All(clauses) | Self::Any(clauses) => clauses,
            Self::Not(clause) => slice::from_ref(clause),
            Self::Everyone
            | Self::Did(_)
            | Self::DidInOrder(_)
            | Self::InAnyOrder(_)
            | Self::User(_)
            | Self::FirstSeen(_)
            | Self::Sample(_)
            | Self::InCohort(_)
            | Self::Listed(_) => &[],
        }
    }

    /// Returns the same clauses as [`Clause::parts`], to change them.
    pub(crate) fn parts_mut(&mut self) -> &mut [Clause] {
        match self {
            Self::All(clauses) | Self::Any(clauses) => clauses,
            Self::Not(clause) => slice::from_mut(clause),
            Self::Everyone
            | Self::Did(_)
            | Self::DidInOrder(_)
            | Self::InAnyOrder(_)
            | Self::User(_)
            | Self::FirstSeen(_)
            | Self::Sample(_)
            | Self::InCohort(_)
            | Self::Listed(_) => &mut [],
        }
    }
}

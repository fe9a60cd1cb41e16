//! The guard: the limits above which a run is held until a user approves or rejects it.

/// The limits of the entries and exits that a run may make without approval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guard {
    /// The share of a cohort's members that may enter and exit together, in percent.
    pub percent: f64,
    /// The largest number of members of a cohort that is not guarded.
    pub members: u64,
}

impl Default for Guard {
    /// Returns the default guard: half of a cohort of more than a thousand members.
    fn default() -> Self {
        Self {
            percent: 50.0,
            members: 1_000,
        }
    }
}

impl Guard {
    /// Returns true if the guard holds a run with so many entries and exits in a cohort of so many
    /// members.
    #[must_use]
    pub fn holds(&self, members: u64, changes: u64) -> bool {
        self.limit(members).is_some_and(|limit| changes > limit)
    }

    /// Returns the entries and exits allowed in a cohort of so many members; `None` for any number.
    pub(crate) fn limit(&self, members: u64) -> Option<u64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count"
        )]
        let limit = (members as f64 * self.percent / 100.0) as u64;
        (members > self.members).then_some(limit)
    }
}

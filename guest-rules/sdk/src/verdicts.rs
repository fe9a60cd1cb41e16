//! The answers of a rule in the form of the contract.

use crate::bindings::{Batch, Description, Verdicts};

/// A rule: what it reads, and its answers. [`crate::rule!`] implements it for the user type.
pub trait Rule {
    /// Returns what the rule reads and its cohort.
    fn describe() -> Description;

    /// Answers for the users of a batch.
    fn classify(batch: &Batch) -> Verdicts;
}

/// Answers for each user of a batch: in or out, and until when.
pub fn classify(batch: &Batch, mut answer: impl FnMut(usize) -> (bool, i64)) -> Verdicts {
    let users = batch.users as usize;
    let mut members = vec![0_u64; users.div_ceil(64)];
    let mut until = Vec::with_capacity(users);
    for (word, bits) in members.iter_mut().enumerate() {
        for user in word * 64..users.min(word * 64 + 64) {
            let (member, holds) = answer(user);
            *bits |= u64::from(member) << (user % 64);
            until.push(holds);
        }
    }
    Verdicts { members, until }
}

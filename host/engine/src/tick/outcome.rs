//! What a rule said of a chunk of users, put together from the batches.

use std::ops::RangeInclusive;

use muster_model::Millis;
use muster_sandbox::Verdicts;
use muster_store::UserKey;
use roaring::RoaringBitmap;

use super::RETRY_SKIPPED;
use crate::evaluate::Answers;
use crate::report::Skipped;

/// What the rule said of a chunk of users.
pub(super) struct Outcome {
    /// Who has an answer.
    pub(super) asked: RoaringBitmap,
    /// Per cohort who is in, of those.
    pub(super) members: Vec<RoaringBitmap>,
    pub(super) deadlines: Vec<(UserKey, i64)>,
    /// How many have no answer, and why not.
    pub(super) skipped: Vec<Skipped>,
    /// How many were evaluated.
    pub(super) evaluated: u64,
    /// The part of all users that the chunk covers.
    pub(super) range: RangeInclusive<u32>,
    /// Whether it is the tick's last.
    pub(super) last: bool,
}

impl Outcome {
    pub(super) fn new(cohorts: usize) -> Self {
        let members = vec![RoaringBitmap::new(); cohorts];
        Self {
            asked: RoaringBitmap::new(),
            members,
            deadlines: Vec::new(),
            skipped: Vec::new(),
            evaluated: 0,
            range: 0..=u32::MAX,
            last: false,
        }
    }

    /// Takes a batch's answers; of users without one only that they are to be asked again.
    pub(super) fn take(&mut self, answers: &Answers, of_cohort: &[usize], now: Millis) {
        match &answers.verdicts {
            Ok(verdicts) => {
                self.asked.extend(answers.users.iter().map(|user| user.0));
                self.deadlines.extend(
                    answers
                        .users
                        .iter()
                        .copied()
                        .zip(verdicts.until.iter().copied()),
                );
                for (members, answer) in self.members.iter_mut().zip(of_cohort) {
                    members.extend(bits(verdicts, *answer, &answers.users));
                }
                self.evaluated += answers.users.len() as u64;
            }
            Err(reason) => {
                self.deadlines.extend(
                    answers
                        .users
                        .iter()
                        .map(|user| (*user, now.0.saturating_add(RETRY_SKIPPED))),
                );
                Skipped::add(&mut self.skipped, reason, answers.users.len() as u64);
            }
        }
    }
}

/// The users whose bit is set in one cohort's part of the bitmap.
fn bits<'a>(
    verdicts: &'a Verdicts,
    cohort: usize,
    users: &'a [UserKey],
) -> impl Iterator<Item = u32> + 'a {
    let words = users.len().div_ceil(64);
    let words = verdicts
        .members
        .get(cohort * words..(cohort + 1) * words)
        .unwrap_or_default();
    words
        .iter()
        .zip(users.chunks(64))
        .flat_map(|(word, users)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                word &= word.wrapping_sub(1);
                users.get(bit).map(|user| user.0)
            })
        })
}

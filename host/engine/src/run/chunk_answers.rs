//! What a rule said of a chunk of users, put together from the batches.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use muster_model::Millis;
use muster_sandbox::Verdicts;
use muster_store::{UserFailure, UserKey};
use roaring::RoaringBitmap;

use crate::failures::{self, Again};
use crate::report::SkippedUsers;
use crate::search::{Answers, NoAnswer};

/// What the rule said of a chunk of users.
pub(super) struct ChunkAnswers {
    /// Who has an answer.
    pub(super) answered: RoaringBitmap,
    /// Per cohort who is in, of those.
    pub(super) members: Vec<RoaringBitmap>,
    pub(super) expiries: Vec<(UserKey, i64)>,
    /// How many have no answer, and why not.
    pub(super) skipped: Vec<SkippedUsers>,
    /// What becomes of users who have, or had, no answer.
    pub(super) failures: Vec<(UserKey, Option<UserFailure>)>,
    /// How many users with an earlier failure were asked about again.
    pub(super) again: Again,
    /// Why the latest of them failed.
    pub(super) reason: Option<String>,
    /// How many were evaluated.
    pub(super) evaluated: u64,
    /// The part of all users that the chunk covers.
    pub(super) range: RangeInclusive<u32>,
    /// Whether it is the tick's last.
    pub(super) last: bool,
}

impl ChunkAnswers {
    pub(super) fn new(cohorts: usize) -> Self {
        let members = vec![RoaringBitmap::new(); cohorts];
        Self {
            answered: RoaringBitmap::new(),
            members,
            expiries: Vec::new(),
            skipped: Vec::new(),
            failures: Vec::new(),
            again: Again::default(),
            reason: None,
            evaluated: 0,
            range: 0..=u32::MAX,
            last: false,
        }
    }

    /// Takes a batch's answers; of users without one only when they are asked about again.
    pub(super) fn take(
        &mut self,
        answers: &Answers,
        of_cohort: &[usize],
        earlier: &BTreeMap<UserKey, UserFailure>,
        now: Millis,
    ) {
        let users = &answers.users;
        match &answers.verdicts {
            Ok(verdicts) => {
                self.answered.extend(users.iter().map(|user| user.0));
                let until = verdicts.until.iter().copied();
                self.expiries.extend(users.iter().copied().zip(until));
                for (members, answer) in self.members.iter_mut().zip(of_cohort) {
                    members.extend(bits(verdicts, *answer, users));
                }
                for user in users {
                    if let Some(earlier) = earlier.get(user) {
                        self.failures.push((*user, None));
                        self.again.add(1, earlier.too_large);
                    }
                }
                self.evaluated += users.len() as u64;
            }
            Err(why) => {
                let too_large = *why == NoAnswer::TooLarge;
                let (mut skipped, mut reported) = (0, false);
                for user in users {
                    let earlier = earlier.get(user);
                    let failure = failures::next(why, earlier, now);
                    self.expiries.push((*user, failure.next.0));
                    self.failures.push((*user, Some(failure)));
                    // Who was not asked about again waits as before.
                    skipped += u64::from(earlier.is_none() || why.was_evaluated());
                    if let Some(earlier) = earlier.filter(|_| why.was_evaluated()) {
                        self.again.add(1, earlier.too_large);
                        // A user who is too large stands alone.
                        reported = too_large && earlier.too_large;
                    }
                }
                if why.was_evaluated() && !too_large {
                    self.reason = Some(why.reason().to_owned());
                }
                if skipped > 0 {
                    let skipped = match too_large {
                        true => SkippedUsers {
                            reported,
                            ..SkippedUsers::too_large(skipped)
                        },
                        false => SkippedUsers::failed(why.reason(), skipped),
                    };
                    SkippedUsers::add(&mut self.skipped, &skipped);
                }
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

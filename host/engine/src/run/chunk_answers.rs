//! The module's answers for a chunk of users, combined from its batches.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use muster_model::Millis;
use muster_sandbox::Verdicts;
use muster_store::{UserFailure, UserKey};
use roaring::RoaringBitmap;

use crate::failures::{self, Again};
use crate::report::SkippedUsers;
use crate::search::{Answers, NoAnswer};

/// The module's answers for a chunk of users.
pub(super) struct ChunkAnswers {
    /// The users who have an answer.
    pub(super) answered: RoaringBitmap,
    /// The users who are in each cohort, among those with an answer.
    pub(super) members: Vec<RoaringBitmap>,
    pub(super) expiries: Vec<(UserKey, i64)>,
    /// The number of users without an answer, by reason.
    pub(super) skipped: Vec<SkippedUsers>,
    /// The new failures of users, or `None` for users who have an answer again.
    pub(super) failures: Vec<(UserKey, Option<UserFailure>)>,
    /// Counts of users with an earlier failure who were evaluated again.
    pub(super) again: Again,
    /// The reason of the latest failure.
    pub(super) reason: Option<String>,
    /// The number of users who were evaluated.
    pub(super) evaluated: u64,
    /// The range of user keys that the chunk covers.
    pub(super) range: RangeInclusive<u32>,
    /// True if this is the run's last chunk.
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

    /// Takes the answers of a batch. Users without an answer are taken only if they were evaluated.
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
                    // A user with an earlier failure who was not evaluated again waits as before.
                    skipped += u64::from(earlier.is_none() || why.was_evaluated());
                    if let Some(earlier) = earlier.filter(|_| why.was_evaluated()) {
                        self.again.add(1, earlier.too_large);
                        // A user who is too large is in a batch alone.
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

/// Returns the users whose bit is set in one cohort's part of the bitmap.
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

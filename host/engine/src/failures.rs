//! Failures: users that a module gave no answer for, and when they are evaluated again.

use std::collections::BTreeMap;

use muster_model::Millis;
use muster_store::{FailureChanges, ModuleKey, Snapshot, UserFailure, UserKey};
use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};

use crate::EngineError;
use crate::cohort::Cohort;
use crate::report::SkippedUsers;
use crate::search::{NoAnswer, Suspicion};

/// The time in ms after the first failure of a user until the user is evaluated again. The same
/// time holds for a user whose batch failed or who was not evaluated. A module that fails for all
/// users may therefore use its time limits once a minute.
pub const RETRY_FIRST: i64 = 60_000;

/// The number of times that this time doubles, with each failure in a row: 2^10 minutes are about
/// 17 hours. That is less than a day, so that a daily cohort evaluates all users each day.
pub const RETRY_DOUBLINGS: u8 = 10;

/// The failures of users, as the store keeps them and as a preview changes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures {
    /// The cohorts' definitions, as a number. Other definitions start without failures.
    definitions: u64,
    /// The changes of a preview, which are not in the store.
    unstored: BTreeMap<UserKey, Option<UserFailure>>,
    /// The counts that [`Self::unstored`] adds to those of the store.
    added: Added,
    /// The reason of the latest failure in [`Self::unstored`].
    reason: Option<String>,
}

/// Counts of users who were evaluated again after an earlier failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Again {
    /// The number of users that the module failed for.
    pub(crate) failed: u64,
    /// The number of users who were too large.
    pub(crate) too_large: u64,
}

impl Again {
    /// Counts users.
    pub(crate) fn add(&mut self, users: u64, too_large: bool) {
        *match too_large {
            true => &mut self.too_large,
            false => &mut self.failed,
        } += users;
    }
}

/// The change of the numbers of users.
#[derive(Clone, Copy, Debug, Default)]
struct Added {
    failed: i64,
    too_large: i64,
}

impl Added {
    fn add(&mut self, failure: Option<&UserFailure>, by: i64) {
        match failure {
            Some(failure) if failure.too_large => self.too_large += by,
            Some(_) => self.failed += by,
            None => {}
        }
    }
}

impl Failures {
    /// Returns the failures of a module that is run for these cohorts.
    pub(crate) fn of(cohorts: &[Cohort]) -> Self {
        let mut digest = Sha256::new();
        for cohort in cohorts {
            digest.update(cohort.definition);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let (number, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        Self {
            definitions: u64::from_be_bytes(*number),
            ..Self::default()
        }
    }

    /// Returns the failures of some users.
    pub(crate) fn among(
        &self,
        snapshot: &Snapshot,
        module: &ModuleKey,
        users: &RoaringBitmap,
    ) -> Result<BTreeMap<UserKey, UserFailure>, EngineError> {
        let stored = snapshot.failures(module, self.definitions, users)?;
        let mut failures: BTreeMap<_, _> = stored.into_iter().collect();
        for (user, failure) in &self.unstored {
            match failure {
                Some(failure) if users.contains(user.0) => failures.insert(*user, *failure),
                _ => failures.remove(user),
            };
        }
        Ok(failures)
    }

    /// Returns the users of the module who have no answer, except those evaluated in this run, with
    /// the reason of the latest failure.
    pub(crate) fn waiting(
        &self,
        snapshot: &Snapshot,
        module: &ModuleKey,
        evaluated: &Again,
    ) -> Result<impl Iterator<Item = SkippedUsers>, EngineError> {
        let summary = snapshot.failure_summary(module, self.definitions)?;
        let failed = (summary.users.saturating_sub(summary.too_large))
            .saturating_add_signed(self.added.failed)
            .saturating_sub(evaluated.failed);
        let too_large = (summary.too_large)
            .saturating_add_signed(self.added.too_large)
            .saturating_sub(evaluated.too_large);
        let reason = self.reason.as_ref().unwrap_or(&summary.reason);
        let failed = SkippedUsers {
            waiting: true,
            ..SkippedUsers::failed(reason, failed)
        };
        let too_large = SkippedUsers {
            waiting: true,
            reported: true,
            ..SkippedUsers::too_large(too_large)
        };
        let waiting = [failed, too_large].into_iter();
        Ok(waiting.filter(|skipped| skipped.users > 0))
    }

    /// Notes the changes of a chunk without writing to the store.
    pub(crate) fn note(
        &mut self,
        snapshot: &Snapshot,
        module: &ModuleKey,
        changes: &[(UserKey, Option<UserFailure>)],
        reason: Option<&String>,
    ) -> Result<(), EngineError> {
        let users = changes.iter().map(|(user, _)| user.0).collect();
        let before = self.among(snapshot, module, &users)?;
        for (user, failure) in changes {
            self.added.add(before.get(user), -1);
            self.added.add(failure.as_ref(), 1);
            self.unstored.insert(*user, *failure);
        }
        if let Some(reason) = reason {
            self.reason = Some(reason.clone());
        }
        Ok(())
    }

    /// Returns the changes of a chunk as the store takes them.
    pub(crate) fn changes(
        &self,
        users: Vec<(UserKey, Option<UserFailure>)>,
        reason: Option<String>,
    ) -> FailureChanges {
        FailureChanges {
            definitions: self.definitions,
            users,
            reason,
        }
    }
}

/// Returns the failure that the store keeps for a user who has no answer at `now`.
pub(crate) fn next(why: &NoAnswer, earlier: Option<&UserFailure>, now: Millis) -> UserFailure {
    let soon = Millis(now.0.saturating_add(RETRY_FIRST));
    match why {
        NoAnswer::Failed(_) | NoAnswer::TooLarge => {
            let before = earlier.map_or(0, |earlier| earlier.count);
            let delay = RETRY_FIRST << before.min(RETRY_DOUBLINGS);
            UserFailure {
                count: before.saturating_add(1),
                batch: 1,
                next: Millis(now.0.saturating_add(delay)),
                too_large: *why == NoAnswer::TooLarge,
            }
        }
        NoAnswer::Suspected(Suspicion { batch, .. }) => UserFailure {
            count: 0,
            batch: *batch,
            next: soon,
            too_large: false,
        },
        NoAnswer::NotEvaluated(_) => UserFailure {
            next: soon,
            ..earlier.copied().unwrap_or(UserFailure {
                count: 0,
                batch: 0,
                next: soon,
                too_large: false,
            })
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn the_time_between_attempts_doubles_up_to_less_than_a_day() {
        let failed = NoAnswer::Failed(Arc::from("no"));
        let mut now = Millis(1);
        let mut failure = None;
        let mut delays = Vec::new();
        for _ in 0..300 {
            let next = next(&failed, failure.as_ref(), now);
            delays.push((next.next.0 - now.0) / MINUTE);
            (now, failure) = (next.next, Some(next));
        }
        assert_eq!(
            delays[..12],
            [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024]
        );
        assert!(delays[12..].iter().all(|delay| *delay == 1024));
        const { assert!(1024 * MINUTE < 24 * 60 * MINUTE) };
    }

    #[test]
    fn a_user_who_was_not_evaluated_keeps_the_earlier_failure() {
        let not_evaluated = NoAnswer::NotEvaluated(Arc::from("no time"));
        let new = next(&not_evaluated, None, Millis(0));
        assert_eq!((new.count, new.batch, new.next), (0, 0, Millis(MINUTE)));
        let before = UserFailure {
            count: 7,
            batch: 1,
            next: Millis(5),
            too_large: false,
        };
        let kept = next(&not_evaluated, Some(&before), Millis(10));
        let next = Millis(10 + MINUTE);
        assert_eq!(kept, UserFailure { next, ..before });
    }
}

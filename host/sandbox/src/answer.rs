//! A check that an answer keeps the contract.

use crate::contract::Verdicts;
use crate::error::ModuleError;

/// The bits of a word of the bitmap.
const WORD: usize = u64::BITS as usize;

/// Returns the bytes of the answer to a batch.
pub(crate) fn size(cohorts: usize, users: usize) -> usize {
    cohorts * users.div_ceil(WORD) * size_of::<u64>() + users * size_of::<i64>()
}

/// Returns the most users whose answer fits a number of bytes, a multiple of 64.
pub(crate) fn users_within(cohorts: usize, bytes: usize) -> usize {
    bytes / size(cohorts, WORD) * WORD
}

/// Checks an answer about `users` users at `now`.
pub(crate) fn check(
    answer: &Verdicts,
    cohorts: usize,
    users: usize,
    now: i64,
) -> Result<(), ModuleError> {
    let words = users.div_ceil(WORD);
    if answer.members.len() != cohorts * words {
        return Err(ModuleError::BadAnswer(format!(
            "members has {} words in place of {} ({cohorts} cohorts × {words})",
            answer.members.len(),
            cohorts * words
        )));
    }
    if answer.until.len() != users {
        let found = answer.until.len();
        return Err(ModuleError::BadAnswer(format!(
            "until has {found} values in place of {users}"
        )));
    }
    let used = users % WORD;
    if used > 0 {
        let mut bitmaps = answer.members.chunks_exact(words.max(1));
        let padded = |bitmap: &[u64]| bitmap.last().is_some_and(|word| word >> used != 0);
        if let Some(cohort) = bitmaps.position(padded) {
            return Err(ModuleError::BadAnswer(format!(
                "members of cohort {cohort} (counted from 0) has bits past user {}",
                users - 1
            )));
        }
    }
    if let Some((user, until)) = (answer.until.iter().enumerate()).find(|(_, until)| **until <= now)
    {
        return Err(ModuleError::BadAnswer(format!(
            "until of user {user} is {until}, which is not later than now, {now}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(members: Vec<u64>, until: Vec<i64>) -> String {
        match check(&Verdicts { members, until }, 2, 65, 10) {
            Ok(()) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_right_answer_passes_and_each_fault_is_named() {
        let until = vec![11; 65];
        assert_eq!(fault(vec![u64::MAX, 1, 0, 0], until.clone()), "none");
        assert!(fault(vec![0; 3], until.clone()).contains("3 words in place of 4"));
        assert!(fault(vec![0; 5], until.clone()).contains("5 words in place of 4"));
        assert!(fault(vec![0; 4], vec![11; 64]).contains("64 values in place of 65"));
        assert!(fault(vec![0, 0, 0, 2], until.clone()).contains("cohort 1"));
        let mut early = until;
        early[64] = 10;
        assert!(fault(vec![0; 4], early).contains("until of user 64 is 10"));
    }

    #[test]
    fn no_users_and_whole_words_are_accepted() {
        let check = |members: Vec<u64>, users| {
            let until = vec![i64::MAX; users];
            check(&Verdicts { members, until }, 1, users, 0)
        };
        assert_eq!(check(Vec::new(), 0), Ok(()));
        assert_eq!(check(vec![u64::MAX], 64), Ok(()));
        assert!(check(vec![u64::MAX], 63).is_err());
    }

    #[test]
    fn users_within_is_the_largest_number_that_fits() {
        assert_eq!(size(1_000, 64), 1_000 * 8 + 512);
        let users = users_within(1_000, 64 << 20);
        assert!(size(1_000, users) <= 64 << 20 && size(1_000, users + 64) > 64 << 20);
        assert_eq!(users / 1_000, 504);
    }
}

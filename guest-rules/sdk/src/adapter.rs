//! Adapts rules for one user at a time to the contract's batches.

use core::marker::PhantomData;

use crate::bindings::{Batch, Description, Guest, Verdicts};
use crate::{Answer, Reads, User};

/// A cohort that is decided user by user. Both functions must be pure: the same input gives the
/// same output.
pub trait Rule {
    /// Returns the data that the rule reads, and its cohort.
    fn reads() -> Reads;

    /// Decides whether this user is in, and until when that holds.
    fn answer(user: &User<'_>) -> Answer;
}

/// A [`Rule`] in the form of the contract; [`crate::export!`] uses it.
#[derive(Debug)]
pub struct Adapter<R>(PhantomData<R>);

impl<R: Rule> Guest for Adapter<R> {
    fn describe() -> Description {
        R::reads().0
    }

    fn classify(batch: Batch) -> Result<Verdicts, String> {
        let users = batch.users as usize;
        let mut members = vec![0_u64; users.div_ceil(64)];
        let mut until = Vec::with_capacity(users);
        for index in 0..users {
            let answer = R::answer(&User::new(&batch, index));
            members[index / 64] |= u64::from(answer.member) << (index % 64);
            until.push(answer.until.max(batch.now + 1));
        }
        Ok(Verdicts { members, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::muster::cohort::types::Dictionary;

    struct Odd;

    impl Rule for Odd {
        fn reads() -> Reads {
            Reads::for_cohort("odd")
        }

        fn answer(user: &User<'_>) -> Answer {
            Answer::of(user.hash() % 2 == 1).until(user.hash() as i64)
        }
    }

    #[test]
    fn answers_are_packed() {
        let batch = Batch {
            now: 3,
            users: 66,
            dictionary: Dictionary {
                offsets: vec![0],
                bytes: Vec::new(),
            },
            first_seen: vec![0; 66],
            user_hash: (0..66).collect(),
            user_properties: Vec::new(),
            property_histories: Vec::new(),
            streams: Vec::new(),
            calendars: Vec::new(),
            lists: Vec::new(),
        };
        let verdicts = Adapter::<Odd>::classify(batch).unwrap();
        assert_eq!(verdicts.members, [0xAAAA_AAAA_AAAA_AAAA, 0b10]);
        assert_eq!(verdicts.until[..6], [4, 4, 4, 4, 4, 5]);
        assert_eq!(Adapter::<Odd>::describe().cohorts, ["odd"]);
    }
}

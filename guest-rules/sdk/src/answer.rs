//! What a rule says about a user.

/// Whether a user is in, and until when that stands if nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    pub(crate) member: bool,
    pub(crate) until: i64,
}

impl Answer {
    /// In, as long as nothing happens.
    pub const fn member() -> Self {
        Self::of(true)
    }

    /// Not in, as long as nothing happens.
    pub const fn stranger() -> Self {
        Self::of(false)
    }

    /// In or not, as long as nothing happens.
    pub const fn of(member: bool) -> Self {
        Self {
            member,
            until: i64::MAX,
        }
    }

    /// The instant, in ms since the Unix epoch, at which the answer can change by the clock alone:
    /// the user is asked about again then. It must not be too late; too early costs a question
    /// more. What is not later than now counts as the next millisecond. The earliest of several
    /// calls holds.
    pub const fn until(mut self, instant: i64) -> Self {
        if instant < self.until {
            self.until = instant;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_instant_holds() {
        let answer = Answer::member().until(9).until(7).until(8);
        assert_eq!(
            answer,
            Answer {
                member: true,
                until: 7
            }
        );
        assert_eq!(Answer::stranger().until, i64::MAX);
    }
}

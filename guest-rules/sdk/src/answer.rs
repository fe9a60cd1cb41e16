//! The answer of a rule about a user.

/// An answer: in or out, with the instant until which it holds if nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    pub(crate) member: bool,
    pub(crate) until: i64,
}

impl Answer {
    /// Returns the answer "in", for as long as nothing happens.
    pub const fn member() -> Self {
        Self::of(true)
    }

    /// Returns the answer "out", for as long as nothing happens.
    pub const fn stranger() -> Self {
        Self::of(false)
    }

    /// Returns the answer "in" or "out", for as long as nothing happens.
    pub const fn of(member: bool) -> Self {
        Self {
            member,
            until: i64::MAX,
        }
    }

    /// Sets the instant, in ms since the Unix epoch, at which the answer can change by the clock
    /// alone: the host evaluates the user again then. The instant must not be too late; if it is
    /// too early, it costs one more evaluation. An instant that is not later than now counts as the
    /// next millisecond. Of several calls the earliest instant holds.
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

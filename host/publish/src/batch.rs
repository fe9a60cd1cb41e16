//! Decides how many messages one call takes.

/// The limits of one call, and of calls at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallLimits {
    /// The most messages.
    pub(crate) messages: usize,
    /// The most bytes of all messages together; a single message may be larger.
    pub(crate) bytes: usize,
    /// The bytes that are added to each message: a key, a line feed.
    pub(crate) overhead: usize,
    /// The most calls under way at the same time.
    pub(crate) calls: usize,
}

/// The part of a call's limits that its messages have not used yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallBudget {
    limits: CallLimits,
    messages: usize,
    bytes: usize,
}

impl CallBudget {
    pub(crate) fn new(limits: CallLimits) -> Self {
        Self {
            limits,
            messages: 0,
            bytes: 0,
        }
    }

    /// Adds a message, given by the size of its body, if the call takes it: as many as the limits
    /// allow, and at least one.
    pub(crate) fn add(&mut self, size: usize) -> bool {
        let bytes = self.bytes + size + self.limits.overhead;
        let fits = self.messages < self.limits.messages && bytes <= self.limits.bytes;
        if fits || self.messages == 0 {
            self.messages += 1;
            self.bytes = bytes;
            return true;
        }
        false
    }

    /// Returns how many more messages and bytes the call takes.
    pub(crate) fn left(&self) -> (usize, usize) {
        (
            self.limits.messages.saturating_sub(self.messages),
            self.limits.bytes.saturating_sub(self.bytes),
        )
    }

    /// Returns true if not even an empty message fits.
    pub(crate) fn is_full(&self) -> bool {
        let (messages, bytes) = self.left();
        self.messages > 0 && (messages == 0 || bytes <= self.limits.overhead)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(sizes: impl IntoIterator<Item = usize>, limits: CallLimits) -> usize {
        let mut budget = CallBudget::new(limits);
        sizes
            .into_iter()
            .take_while(|size| budget.add(*size))
            .count()
    }

    #[test]
    fn a_call_is_filled_to_the_limit_and_no_further() {
        let limits = CallLimits {
            messages: 3,
            bytes: 100,
            overhead: 10,
            calls: 1,
        };
        assert_eq!(prefix([], limits), 0);
        assert_eq!(prefix([1, 1, 1, 1], limits), 3);
        assert_eq!(prefix([40, 40, 1], limits), 2);
        assert_eq!(prefix([40, 41, 1], limits), 1);
        assert_eq!(prefix([500, 1], limits), 1, "one alone may be larger");
    }

    proptest! {
        #[test]
        fn calls_keep_the_limits_and_the_order_and_lose_nothing(
            sizes in prop::collection::vec(0_usize..400, 0..200),
            messages in 1_usize..50,
            bytes in 1_usize..1_000,
            overhead in 0_usize..40,
        ) {
            let limits = CallLimits { messages, bytes, overhead, calls: 1 };
            let mut rest = sizes.as_slice();
            let mut seen = Vec::new();
            while !rest.is_empty() {
                let count = prefix(rest.iter().copied(), limits);
                let (call, others) = rest.split_at(count);
                let total: usize = call.iter().map(|size| size + overhead).sum();
                prop_assert!((1..=messages).contains(&count));
                prop_assert!(total <= bytes || count == 1);
                // No call is smaller than it has to be.
                if let Some(next) = others.first() {
                    prop_assert!(count == messages || total + next + overhead > bytes);
                }
                seen.extend_from_slice(call);
                rest = others;
            }
            prop_assert_eq!(seen, sizes);
        }
    }
}

//! Decides how many messages one call takes.

/// The limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallLimits {
    /// The most messages.
    pub(crate) messages: usize,
    /// The most bytes of all messages together; a single message may be larger.
    pub(crate) bytes: usize,
    /// The bytes that are added to each message: a key, a line feed.
    pub(crate) overhead: usize,
}

/// Returns how many of the first messages, given by the sizes of their bodies, one call takes: as
/// many as the limits allow, and at least one if there is one.
pub(crate) fn prefix(sizes: impl IntoIterator<Item = usize>, limits: &CallLimits) -> usize {
    let (mut count, mut bytes) = (0, 0_usize);
    for size in sizes.into_iter().take(limits.messages.max(1)) {
        bytes = bytes.saturating_add(size).saturating_add(limits.overhead);
        if count > 0 && bytes > limits.bytes {
            break;
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_call_is_filled_to_the_limit_and_no_further() {
        let limits = CallLimits {
            messages: 3,
            bytes: 100,
            overhead: 10,
        };
        assert_eq!(prefix([], &limits), 0);
        assert_eq!(prefix([1, 1, 1, 1], &limits), 3);
        assert_eq!(prefix([40, 40, 1], &limits), 2);
        assert_eq!(prefix([40, 41, 1], &limits), 1);
        assert_eq!(prefix([500, 1], &limits), 1, "one alone may be larger");
    }

    proptest! {
        #[test]
        fn calls_keep_the_limits_and_the_order_and_lose_nothing(
            sizes in prop::collection::vec(0_usize..400, 0..200),
            messages in 1_usize..50,
            bytes in 1_usize..1_000,
            overhead in 0_usize..40,
        ) {
            let limits = CallLimits { messages, bytes, overhead };
            let mut rest = sizes.as_slice();
            let mut seen = Vec::new();
            while !rest.is_empty() {
                let count = prefix(rest.iter().copied(), &limits);
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

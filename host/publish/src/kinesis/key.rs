//! The partition key, which decides the shard of a message.

use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

/// A hash of the message's id, as 32 hexadecimal digits. It is the same at each attempt and spreads
/// messages evenly over the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionKey(u128);

impl PartitionKey {
    /// The length as text, in bytes and characters. Kinesis: 1 to 256 characters.
    pub(crate) const LENGTH: usize = 32;

    /// Returns the key of a message.
    pub(crate) fn of(id: &str) -> Self {
        Self(xxh3_128(id.as_bytes()))
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn keys_are_stable_text_of_one_length() {
        // A change here moves messages to other shards.
        assert_eq!(
            PartitionKey::of("some-message-id:54").to_string(),
            "88044ece8a731972d487a37e99a019e3"
        );
        for id in ["", "a", "some-message-id:55"] {
            assert_eq!(PartitionKey::of(id).to_string().len(), PartitionKey::LENGTH);
        }
    }

    #[test]
    fn batches_of_one_run_are_spread() {
        let mut shards: HashMap<char, u32> = HashMap::new();
        for batch in 0..1_600 {
            let key = PartitionKey::of(&format!("run:{batch}")).to_string();
            *shards.entry(key.chars().next().unwrap()).or_default() += 1;
        }
        assert_eq!(shards.len(), 16);
        assert!(
            shards.values().all(|count| (50..200).contains(count)),
            "{shards:?}"
        );
    }
}

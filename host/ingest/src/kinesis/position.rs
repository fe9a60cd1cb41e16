//! The position in a shard, as the store keeps it.

use muster_model::Millis;
use serde::{Deserialize, Serialize};

/// A place in a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ShardPosition {
    /// The place before the oldest record that the stream still has.
    Horizon,
    /// The place before the first record that the stream received at this instant or later.
    #[serde(with = "instant")]
    At(Millis),
    /// The place behind the record with this sequence number.
    After(String),
    /// The shard was split or merged and is read to its end.
    Ended,
}

impl ShardPosition {
    /// Encodes the position as JSON, so that a newer version can add to it.
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Decodes a position; `None` if another version wrote it.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Stores an instant as its milliseconds.
mod instant {
    use super::Millis;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        instant: &Millis,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(instant.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Millis, D::Error> {
        i64::deserialize(deserializer).map(Millis)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_comes_back_as_it_was(ms in any::<i64>(), sequence in "[0-9]{1,56}") {
            for position in [ShardPosition::Horizon, ShardPosition::At(Millis(ms)), ShardPosition::After(sequence), ShardPosition::Ended] {
                prop_assert_eq!(ShardPosition::decode(&position.encode()), Some(position));
            }
        }

        #[test]
        fn unreadable_bytes_are_no_position(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(position) = ShardPosition::decode(&bytes) {
                prop_assert_eq!(ShardPosition::decode(&position.encode()), Some(position));
            }
        }
    }
}

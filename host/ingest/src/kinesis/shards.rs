//! Chooses the shards that may be read now.

use std::collections::BTreeSet;

use aws_sdk_kinesis::types::Shard;
use muster_store::StoreError;

use super::StreamState;
use super::position::ShardPosition;

impl StreamState {
    /// Returns where a shard without a position begins. A child of a shard that was read begins at
    /// its first record, whatever `start` is by now; any other shard begins where `start` says.
    pub(super) fn beginning(&self, shard: &Shard) -> Result<ShardPosition, StoreError> {
        for parent in [&shard.parent_shard_id, &shard.adjacent_parent_shard_id]
            .into_iter()
            .flatten()
        {
            if self.position(parent)?.is_some() {
                return Ok(ShardPosition::Horizon);
            }
        }
        Ok(self.start.clone())
    }

    /// Returns the shards that are not read to their end and whose parents are. Parents that the
    /// stream no longer has do not count.
    pub(super) fn readable<'a>(&self, all: &'a [Shard]) -> Result<Vec<&'a Shard>, StoreError> {
        let mut ended = BTreeSet::new();
        for shard in all {
            if self.position(&shard.shard_id)? == Some(ShardPosition::Ended) {
                ended.insert(shard.shard_id.as_str());
            }
        }
        let listed: BTreeSet<&str> = all.iter().map(|shard| shard.shard_id.as_str()).collect();
        let is_read = |parent: &Option<String>| {
            let parent = parent.as_deref().filter(|parent| listed.contains(parent));
            parent.is_none_or(|parent| ended.contains(parent))
        };
        let readable = all.iter().filter(|shard| {
            !ended.contains(shard.shard_id.as_str())
                && is_read(&shard.parent_shard_id)
                && is_read(&shard.adjacent_parent_shard_id)
        });
        Ok(readable.collect())
    }
}

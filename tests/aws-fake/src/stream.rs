//! Streams: shards, records and sequence numbers.

use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest, Md5};

use crate::limits::{ShardLimits, TokenBucket};

/// The settings of a stream.
#[derive(Clone, Debug)]
pub struct FakeStream {
    /// The region.
    pub region: String,
    /// The number of shards, which share the hash keys evenly.
    pub shards: usize,
    /// The limits of each shard.
    pub limits: ShardLimits,
    /// The most bytes of a record and its key. Kinesis: 1 MiB, unless the owner raises it.
    pub record_bytes: usize,
    /// The key that encrypts the stream, if it is the owner's.
    pub key: Option<EncryptionKey>,
}

/// A key of KMS.
#[derive(Clone, Debug)]
pub struct EncryptionKey {
    /// Its ARN, on which the writer must be allowed `kms:GenerateDataKey`.
    pub arn: String,
    /// False if the key is disabled.
    pub enabled: bool,
}

impl FakeStream {
    /// Makes the settings of a stream with Kinesis's own limits.
    pub fn shards(shards: usize) -> Self {
        Self {
            region: "eu-west-1".to_owned(),
            shards,
            limits: ShardLimits::KINESIS,
            record_bytes: 1 << 20,
            key: None,
        }
    }

    /// Makes the settings of a stream without limits of its rate.
    pub fn unlimited() -> Self {
        Self {
            limits: ShardLimits::NONE,
            ..Self::shards(4)
        }
    }
}

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The data.
    pub data: Bytes,
    /// The partition key.
    pub partition_key: String,
    /// The number of its shard.
    pub shard: usize,
    /// Its number, which grows within the stream.
    pub sequence: u64,
    /// The instant of its arrival.
    pub arrived: Timestamp,
}

/// A stream.
pub(crate) struct Stream {
    pub(crate) settings: FakeStream,
    buckets: Vec<TokenBucket>,
    shards: Vec<Vec<StoredRecord>>,
    next: u64,
    /// The number of entries of all calls, stored or not.
    pub(crate) entries: u64,
    pub(crate) throttled: u64,
}

impl Stream {
    pub(crate) fn new(settings: FakeStream) -> Self {
        let bucket = || TokenBucket::full(settings.limits, Instant::now());
        Self {
            buckets: (0..settings.shards).map(|_| bucket()).collect(),
            shards: vec![Vec::new(); settings.shards],
            next: 1,
            entries: 0,
            throttled: 0,
            settings,
        }
    }

    pub(crate) fn limit_shard(&mut self, shard: usize, limits: ShardLimits) {
        self.buckets[shard] = TokenBucket::full(limits, Instant::now());
    }

    /// Returns the shard of a record. Kinesis: the MD5 of the partition key is the hash key.
    pub(crate) fn shard_of(&self, partition_key: &str, hash_key: Option<&str>) -> Option<usize> {
        let hash = match hash_key {
            Some(text) => text.parse::<u128>().ok()?,
            None => u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into()),
        };
        let (width, last) = (self.width(), self.settings.shards - 1);
        Some(usize::try_from(hash / width).map_or(last, |shard| shard.min(last)))
    }

    /// Returns the first and the last hash key of a shard.
    pub(crate) fn hash_keys(&self, shard: usize) -> (u128, u128) {
        let first = self.width() * shard as u128;
        match shard + 1 == self.settings.shards {
            true => (first, u128::MAX),
            false => (first, first + self.width() - 1),
        }
    }

    fn width(&self) -> u128 {
        u128::MAX / self.settings.shards as u128
    }

    /// Stores a record, and returns its number; `None` if its shard has taken enough.
    pub(crate) fn put(&mut self, shard: usize, partition_key: &str, data: Bytes) -> Option<u64> {
        if !self.buckets[shard].take(data.len() + partition_key.len(), Instant::now()) {
            self.throttled += 1;
            return None;
        }
        let sequence = self.next;
        self.next += 1;
        self.shards[shard].push(StoredRecord {
            data,
            partition_key: partition_key.to_owned(),
            shard,
            sequence,
            arrived: Timestamp::now(),
        });
        Some(sequence)
    }

    pub(crate) fn shard(&self, shard: usize) -> Option<&[StoredRecord]> {
        self.shards.get(shard).map(Vec::as_slice)
    }

    pub(crate) fn latest(&self) -> u64 {
        self.next - 1
    }

    pub(crate) fn records(&self) -> Vec<StoredRecord> {
        let mut records: Vec<_> = self.shards.iter().flatten().cloned().collect();
        records.sort_by_key(|record| record.sequence);
        records
    }
}

/// Writes the id of a shard.
pub(crate) fn shard_id(shard: usize) -> String {
    format!("shardId-{shard:012}")
}

/// Reads the id of a shard.
pub(crate) fn shard_number(id: &str) -> Option<usize> {
    id.strip_prefix("shardId-")?.parse().ok()
}

/// Writes a sequence number, which has many digits as Kinesis's have.
pub(crate) fn sequence_text(sequence: u64) -> String {
    format!("4965{sequence:052}")
}

/// Reads a sequence number.
pub(crate) fn sequence_number(text: &str) -> Option<u64> {
    text.strip_prefix("4965")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_share_all_hash_keys() {
        let stream = Stream::new(FakeStream::shards(3));
        assert_eq!(stream.hash_keys(0).0, 0);
        assert_eq!(stream.hash_keys(2).1, u128::MAX);
        for shard in 0..3 {
            let (first, last) = stream.hash_keys(shard);
            for key in [first, last] {
                assert_eq!(stream.shard_of("", Some(&key.to_string())), Some(shard));
            }
        }
    }
}

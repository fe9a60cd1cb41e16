//! The bytes and records that a shard takes in a second.

use std::time::Instant;

/// The limits of a shard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShardLimits {
    /// Bytes a second, keys counted.
    pub bytes: f64,
    /// Records a second.
    pub records: f64,
}

impl ShardLimits {
    /// Kinesis: a shard takes 1 MB/s and 1,000 records/s.
    pub const KINESIS: Self = Self {
        bytes: 1_000_000.0,
        records: 1_000.0,
    };

    /// No limit.
    pub const NONE: Self = Self {
        bytes: f64::INFINITY,
        records: f64::INFINITY,
    };

    /// Returns the limits of a shard that is `factor` times as fast.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            bytes: self.bytes * factor,
            records: self.records * factor,
        }
    }
}

/// A bucket of tokens for bytes and one for records, each with at most those of a second.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    limits: ShardLimits,
    left: ShardLimits,
    filled: Instant,
}

impl TokenBucket {
    pub(crate) fn full(limits: ShardLimits, now: Instant) -> Self {
        Self {
            limits,
            left: limits,
            filled: now,
        }
    }

    /// Takes the tokens of a record, or none if there are too few.
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        let fill = |left: f64, limit: f64| match limit.is_finite() {
            true => (left + elapsed * limit).min(limit),
            false => limit,
        };
        self.left.bytes = fill(self.left.bytes, self.limits.bytes);
        self.left.records = fill(self.left.records, self.limits.records);
        // A record larger than a second's bytes is taken by a full bucket.
        let needed = (bytes as f64).min(self.limits.bytes);
        if self.left.bytes < needed || self.left.records < 1.0 {
            return false;
        }
        self.left.bytes -= needed;
        self.left.records -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_shard_takes_a_megabyte_and_a_thousand_records_a_second() {
        let start = Instant::now();
        let taken = |bytes: usize, at: &[u64]| {
            let mut bucket = TokenBucket::full(ShardLimits::KINESIS, start);
            let mut taken = 0;
            for millis in at {
                let now = start + Duration::from_millis(*millis);
                while bucket.take(bytes, now) {
                    taken += 1;
                }
            }
            taken
        };
        assert_eq!(taken(100, &[0]), 1_000);
        assert_eq!(taken(100, &[0, 500]), 1_500);
        assert_eq!(taken(10_000, &[0]), 100);
        assert_eq!(taken(10_000, &[0, 1_000, 9_000]), 300, "a second's at most");
    }
}

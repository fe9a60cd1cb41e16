//! The distribution of a segment's events over time: their number, hour by hour.
//!
//! The earliest and the latest time of a segment are not enough: one event of a device with a wrong
//! clock moves either by years.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::StoreError;
use crate::codec::{ByteReader, put_length, put_varint};

/// The width of a bucket, in ms.
pub(crate) const HOUR: i64 = 60 * 60 * 1000;

/// The largest number of buckets in a segment: 170 days, hour by hour. Beyond that the emptiest
/// neighbours are joined. 4,096 buckets of 16 bytes are 64 KiB of memory per segment, and about 12
/// KiB on disk.
const MAX_BUCKETS: usize = 1 << 12;

/// The rows of one hour, or of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    /// The first hour, counted since 1970.
    first: u32,
    /// The last hour.
    last: u32,
    rows: u64,
}

/// Counts of rows by time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spread {
    /// The buckets, in order of time. They do not overlap.
    buckets: Vec<Bucket>,
}

/// A counter of single rows.
#[derive(Default)]
pub(crate) struct SpreadCounter {
    hours: HashMap<u32, u64, BuildHasherDefault<HourHasher>>,
    counted: Spread,
}

impl SpreadCounter {
    pub(crate) fn add(&mut self, times: &[i64]) {
        for time in times {
            *self.hours.entry(hour(*time)).or_default() += 1;
        }
        // Times all over the calendar must not take memory for each of its 70 million hours.
        if self.hours.len() > 4 * MAX_BUCKETS {
            self.join();
        }
    }

    pub(crate) fn take(&mut self) -> Spread {
        self.join();
        std::mem::take(&mut self.counted)
    }

    fn join(&mut self) {
        let hours = self.hours.drain().map(|(hour, rows)| Bucket {
            first: hour,
            last: hour,
            rows,
        });
        let counted = std::mem::take(&mut self.counted.buckets);
        self.counted = Spread::of(counted.into_iter().chain(hours).collect());
    }
}

impl Spread {
    /// Makes a distribution of buckets. Joins buckets that overlap.
    fn of(mut buckets: Vec<Bucket>) -> Self {
        buckets.sort_unstable_by_key(|bucket| bucket.first);
        let mut spread = Self::default();
        for bucket in buckets {
            match spread.buckets.last_mut() {
                Some(last) if bucket.first <= last.last => {
                    last.last = last.last.max(bucket.last);
                    last.rows += bucket.rows;
                }
                _ => spread.buckets.push(bucket),
            }
        }
        spread.fold();
        spread
    }

    /// Joins the emptiest neighbours until there are few enough buckets. Single rows that are far
    /// from others lose precision first, and hours with many rows last.
    fn fold(&mut self) {
        let mut limit = 2;
        while self.buckets.len() > MAX_BUCKETS {
            let mut joined: Vec<Bucket> = Vec::with_capacity(self.buckets.len());
            for bucket in self.buckets.drain(..) {
                match joined.last_mut() {
                    Some(last) if last.rows + bucket.rows <= limit => {
                        last.last = bucket.last;
                        last.rows += bucket.rows;
                    }
                    _ => joined.push(bucket),
                }
            }
            self.buckets = joined;
            limit *= 2;
        }
    }

    /// Returns the number of rows that are certainly before an instant: those of buckets that end
    /// by then.
    pub(crate) fn surely_before(&self, instant: i64) -> u64 {
        let old = |bucket: &&Bucket| (i64::from(bucket.last) + 1) * HOUR <= instant;
        self.buckets
            .iter()
            .take_while(old)
            .map(|bucket| bucket.rows)
            .sum()
    }

    /// Returns the number of rows that may be before an instant: those of buckets that begin by
    /// then.
    pub(crate) fn perhaps_before(&self, instant: i64) -> u64 {
        let old = |bucket: &&Bucket| i64::from(bucket.first) * HOUR < instant;
        self.buckets
            .iter()
            .take_while(old)
            .map(|bucket| bucket.rows)
            .sum()
    }

    /// Returns the time range of the rows in ms, without the earliest and the latest hundredth.
    /// Returns `None` if there are no rows.
    pub(crate) fn middle(&self) -> Option<(i64, i64)> {
        let all: u64 = self.buckets.iter().map(|bucket| bucket.rows).sum();
        let out = all / 100;
        let mut before = 0;
        let mut middle: Option<(i64, i64)> = None;
        for bucket in &self.buckets {
            let within = before + bucket.rows > out && before < all - out;
            before += bucket.rows;
            if within {
                let start = i64::from(bucket.first) * HOUR;
                let end = (i64::from(bucket.last) + 1) * HOUR;
                middle = Some((middle.map_or(start, |middle| middle.0), end));
            }
        }
        middle
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_length(out, self.buckets.len());
        let mut next = 0;
        for bucket in &self.buckets {
            put_varint(out, u64::from(bucket.first - next));
            put_varint(out, u64::from(bucket.last - bucket.first));
            put_varint(out, bucket.rows);
            next = bucket.last.saturating_add(1);
        }
    }

    pub(crate) fn decode(reader: &mut ByteReader<'_>) -> Result<Self, StoreError> {
        let count = reader.count()?;
        let mut spread = Self::default();
        let (mut next, mut all) = (0_u32, 0_u64);
        for _ in 0..count {
            let (gap, length) = (reader.varint_u32()?, reader.varint_u32()?);
            let first = next.checked_add(gap).ok_or_else(|| reader.corrupt())?;
            let last = first.checked_add(length).ok_or_else(|| reader.corrupt())?;
            let rows = reader.varint()?;
            // The rows of buckets are added up later.
            all = all.checked_add(rows).ok_or_else(|| reader.corrupt())?;
            spread.buckets.push(Bucket { first, last, rows });
            next = last.saturating_add(1);
        }
        Ok(spread)
    }
}

/// A hasher that spreads consecutive hours over the table. Each written row is counted, and the
/// standard hasher takes six times as long.
#[derive(Default)]
struct HourHasher(u64);

impl Hasher for HourHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, hour: u32) {
        // The multiplier is the golden ratio, as in Fibonacci hashing.
        let mixed = (self.0 ^ u64::from(hour)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

fn hour(time: i64) -> u32 {
    u32::try_from(time.max(0) / HOUR).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &[i64]) -> Spread {
        let mut counting = SpreadCounter::default();
        counting.add(times);
        counting.take()
    }

    #[test]
    fn rows_are_counted_by_the_hour() {
        let spread = of(&[5 * HOUR, 5 * HOUR + 1, 7 * HOUR, 9 * HOUR + 9]);
        let before = |instant| {
            (
                spread.surely_before(instant),
                spread.perhaps_before(instant),
            )
        };
        assert_eq!(before(5 * HOUR), (0, 0));
        assert_eq!(before(5 * HOUR + 1), (0, 2));
        assert_eq!(before(6 * HOUR), (2, 2));
        assert_eq!(before(i64::MAX), (4, 4));
        let mut bytes = Vec::new();
        spread.encode(&mut bytes);
        let mut reader = ByteReader::new(&bytes, "a spread");
        assert_eq!(Spread::decode(&mut reader).unwrap(), spread);
    }

    #[test]
    fn more_rows_than_can_be_counted_are_damage() {
        let mut bytes = vec![2];
        for _ in 0..2 {
            bytes.extend([0, 0]);
            crate::codec::put_varint(&mut bytes, u64::MAX);
        }
        let mut reader = ByteReader::new(&bytes, "a spread");
        assert!(Spread::decode(&mut reader).is_err());
    }

    #[test]
    fn single_rows_far_out_do_not_move_the_middle() {
        let mut times: Vec<i64> = (0..1000).map(|n| (500 + n % 10) * HOUR).collect();
        times.extend([0, 1, 70_000_000 * HOUR, 60_000_000 * HOUR]);
        assert_eq!(of(&times).middle(), Some((500 * HOUR, 510 * HOUR)));
        assert_eq!(of(&[]).middle(), None);
        assert_eq!(of(&[HOUR]).middle(), Some((HOUR, 2 * HOUR)));
    }

    #[test]
    fn buckets_are_limited_and_full_hours_stay_exact() {
        // A hundred full hours among single rows all over the calendar.
        let mut counting = SpreadCounter::default();
        for hour in 0..100 {
            counting.add(&vec![(1_000_000 + hour) * HOUR; 1000]);
        }
        let far = |n: i64| (n * 977) % 70_000_000 * HOUR;
        for n in 0..60_000 {
            counting.add(&[far(n)]);
        }
        let spread = counting.take();
        assert!(spread.buckets.len() <= MAX_BUCKETS);
        let rows: u64 = spread.buckets.iter().map(|bucket| bucket.rows).sum();
        assert_eq!(rows, 160_000);
        let within =
            spread.perhaps_before(1_000_100 * HOUR) - spread.surely_before(1_000_000 * HOUR);
        assert!((100_000..100_200).contains(&within), "{within}");
        let (start, end) = (1_000_040 * HOUR, 1_000_060 * HOUR);
        let half = spread.surely_before(end) - spread.surely_before(start);
        assert!((19_000..=21_000).contains(&half), "{half}");
    }
}

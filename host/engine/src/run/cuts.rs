//! Cuts of a chunk into commits, so that the messages of one commit fit into memory.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use roaring::RoaringBitmap;

/// The assumed bytes of a user in a message, until a commit has shown the real number: an id and
/// some properties.
const BYTES_PER_USER: u64 = 1024;

/// The bits of a key within a block. Cuts lie between users of different blocks of 256.
const BLOCK_BITS: u32 = 8;

/// The cuts of one chunk.
pub(super) struct Cuts {
    /// The first key that is left of the chunk.
    from: u32,
    end: u32,
    /// The number of users of each block that are put into messages: each counts once for a cohort
    /// and destination.
    blocks: BTreeMap<u32, u64>,
    bytes_per_user: u64,
    commit_bytes: u64,
    done: bool,
}

impl Cuts {
    pub(super) fn new(chunk: &RangeInclusive<u32>, commit_bytes: u64) -> Self {
        Self {
            from: *chunk.start(),
            end: *chunk.end(),
            blocks: BTreeMap::new(),
            bytes_per_user: BYTES_PER_USER,
            commit_bytes,
            done: false,
        }
    }

    /// Counts users who are put into messages for so many destinations.
    pub(super) fn count(&mut self, users: &RoaringBitmap, destinations: usize) {
        if destinations == 0 {
            return;
        }
        let mut users = users.iter().peekable();
        while let Some(user) = users.next() {
            let block = user >> BLOCK_BITS;
            let mut count = 1;
            while users.next_if(|user| user >> BLOCK_BITS == block).is_some() {
                count += 1;
            }
            *self.blocks.entry(block).or_default() += count * destinations as u64;
        }
    }

    /// Notes the users and bytes of a commit, so that the next cuts are made by them.
    pub(super) fn took(&mut self, users: u64, bytes: u64) {
        if users > 0 {
            self.bytes_per_user = bytes.div_ceil(users).max(1);
        }
    }

    /// Returns the users of the next commit; `None` after the last. There is always at least one.
    pub(super) fn next(&mut self) -> Option<RangeInclusive<u32>> {
        if self.done {
            return None;
        }
        let most = (self.commit_bytes / self.bytes_per_user).max(1);
        let mut users = 0;
        let mut cut = None;
        while let Some(block) = self.blocks.first_entry() {
            users += block.get();
            if users > most && cut.is_some() {
                break;
            }
            cut = Some(block.remove_entry().0);
        }
        let first = self.from;
        let end = match cut {
            Some(block) if !self.blocks.is_empty() => {
                // The last user of the block.
                (block << BLOCK_BITS) | ((1 << BLOCK_BITS) - 1)
            }
            _ => self.end,
        };
        self.done = self.blocks.is_empty();
        self.from = end.saturating_add(1);
        Some(first..=end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(
        chunk: RangeInclusive<u32>,
        users: &RoaringBitmap,
        commit_bytes: u64,
    ) -> Vec<(u32, u32)> {
        let mut cuts = Cuts::new(&chunk, commit_bytes);
        cuts.count(users, 2);
        let mut ranges = Vec::new();
        while let Some(range) = cuts.next() {
            ranges.push((*range.start(), *range.end()));
            let count = 2 * users.range(range).count() as u64;
            cuts.took(count, count * 100);
        }
        ranges
    }

    #[test]
    fn a_chunk_without_messages_is_one_commit() {
        let no_users = RoaringBitmap::new();
        assert_eq!(cuts(7..=u32::MAX, &no_users, 1), [(7, u32::MAX)]);
    }

    #[test]
    fn cuts_follow_the_bytes_per_user_of_the_latest_commit() {
        let users = RoaringBitmap::from_iter(0..10_000);
        // 512 KiB at 1 KiB a user and two destinations are 256 users, a block; then 100 bytes each:
        // 2,621 users, 10 blocks.
        let ranges = cuts(0..=u32::MAX, &users, 512 * 1024);
        assert_eq!(ranges[..3], [(0, 255), (256, 2815), (2816, 5375)]);
        assert_eq!(ranges.last(), Some(&(7936, u32::MAX)));
    }

    proptest::proptest! {
        #[test]
        fn cuts_cover_a_chunk_without_gap(
            users in proptest::collection::btree_set(0..100_000_u32, 0..500),
            from in 0..100_000_u32,
            length in 0..100_000_u32,
            commit_bytes in 1..1_000_000_u64,
        ) {
            let chunk = from..=from + length;
            let users = users.into_iter().filter(|user| chunk.contains(user)).collect();
            let ranges = cuts(chunk.clone(), &users, commit_bytes);
            let mut next = from;
            for (first, last) in &ranges {
                proptest::prop_assert_eq!(*first, next);
                proptest::prop_assert!(last >= first);
                next = last + 1;
            }
            proptest::prop_assert_eq!(next, chunk.end() + 1);
        }
    }
}

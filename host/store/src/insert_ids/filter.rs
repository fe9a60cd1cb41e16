//! A filter that tells of most numbers that they are not in a set.

/// The bits for each number. With [`PROBES`] of them set, one of about 200 other numbers seems to
/// be in the set.
const BITS: usize = 12;
/// The bits that a number sets, all in one block.
const PROBES: u32 = 7;
/// The 64-bit words of a block: 64 bytes, a cache line, so that a question costs one miss.
const WORDS: usize = 8;

/// A blocked Bloom filter (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom
/// Filters, 2007) of numbers that are hashes themselves.
pub(super) struct Filter {
    blocks: Vec<[u64; WORDS]>,
}

impl Filter {
    /// Makes a filter for a set of at most `count` numbers.
    pub(super) fn new(count: u64) -> Self {
        let blocks = (count as usize * BITS).div_ceil(WORDS * 64).max(1);
        Self {
            blocks: vec![[0; WORDS]; blocks],
        }
    }

    pub(super) fn insert(&mut self, number: u64) {
        let at = self.block(number);
        if let Some(block) = self.blocks.get_mut(at) {
            for (word, bit) in probes(number) {
                if let Some(word) = block.get_mut(word) {
                    *word |= bit;
                }
            }
        }
    }

    /// Returns false if the number was not inserted.
    pub(super) fn may_contain(&self, number: u64) -> bool {
        let Some(block) = self.blocks.get(self.block(number)) else {
            return false;
        };
        probes(number).all(|(word, bit)| block.get(word).is_some_and(|word| word & bit != 0))
    }

    /// Returns the memory of the filter, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        (self.blocks.len() * WORDS * 8) as u64
    }

    fn block(&self, number: u64) -> usize {
        // The upper half of the number, scaled to the number of blocks.
        (((number >> 32) * self.blocks.len() as u64) >> 32) as usize
    }
}

/// Returns the word and the bit of each probe: nine bits of a product each.
fn probes(number: u64) -> impl Iterator<Item = (usize, u64)> {
    // The golden ratio. The lower half of a number does not choose its block.
    let mixed =
        ((number & u64::from(u32::MAX)) | (number << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..PROBES).map(move |probe| {
        let bits = mixed >> (9 * probe + 1);
        ((bits >> 6) as usize % WORDS, 1 << (bits & 63))
    })
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn number(nth: u64) -> u64 {
        xxh3_64(&nth.to_le_bytes())
    }

    #[test]
    fn a_filter_knows_all_its_numbers_and_few_others() {
        for count in [0, 1, 100, 200_000] {
            let mut filter = Filter::new(count);
            for nth in 0..count {
                filter.insert(number(nth));
            }
            assert!((0..count).all(|nth| filter.may_contain(number(nth))));
            let others = (count..count + 100_000).filter(|nth| filter.may_contain(number(*nth)));
            // One in 100 at most; the arithmetic says one in 200.
            assert!(others.count() < 1000, "{count}");
        }
        assert_eq!(Filter::new(1 << 20).bytes(), (1 << 20) * 12 / 8);
    }
}

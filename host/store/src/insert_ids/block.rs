//! A block: some ids of an id segment, as differences from the first, all as wide as the largest
//! needs. So one id is found without reading the others.

use crate::StoreError;

/// The most bytes of a block. With its header and checksum it fills a page of LMDB, 4 KiB.
const MAX_BYTES: usize = 4096 - 16 - 4;

/// The bytes of the width.
const WIDTH_BYTES: usize = 1;

/// A block as it is stored: the width in bytes, then the differences, ascending, little-endian.
#[derive(Clone, Copy)]
pub(super) struct IdBlock<'a> {
    first: u64,
    width: usize,
    differences: &'a [u8],
}

impl<'a> IdBlock<'a> {
    /// Reads a block whose first id its key says.
    pub(super) fn parse(first: u64, bytes: &'a [u8]) -> Result<Self, StoreError> {
        match bytes.split_first() {
            Some((width @ 1..=8, differences))
                if differences.len().is_multiple_of(usize::from(*width)) =>
            {
                Ok(Self {
                    first,
                    width: usize::from(*width),
                    differences,
                })
            }
            _ => Err(StoreError::Corrupt {
                what: "a block of insert ids",
            }),
        }
    }

    /// Returns true if the block contains the id.
    pub(super) fn contains(&self, id: u64) -> bool {
        let Some(wanted) = id.checked_sub(self.first) else {
            return false;
        };
        if wanted == 0 {
            return true;
        }
        let (mut low, mut high) = (0, self.differences.len() / self.width);
        while low < high {
            let middle = low.midpoint(high);
            match self.difference(middle).cmp(&wanted) {
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        false
    }

    /// Returns the ids, ascending.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        let others = self.differences.chunks_exact(self.width);
        let others = others.map(|bytes| self.first.wrapping_add(number(bytes)));
        std::iter::once(self.first).chain(others)
    }

    fn difference(&self, at: usize) -> u64 {
        let start = at * self.width;
        number(
            self.differences
                .get(start..start + self.width)
                .unwrap_or_default(),
        )
    }
}

fn number(bytes: &[u8]) -> u64 {
    let mut whole = [0; 8];
    for (place, byte) in whole.iter_mut().zip(bytes) {
        *place = *byte;
    }
    u64::from_le_bytes(whole)
}

/// A block that is being filled.
#[derive(Default)]
pub(super) struct IdBlockBuilder {
    ids: Vec<u64>,
}

impl IdBlockBuilder {
    /// Returns true if the block has space for an id above its last.
    pub(super) fn fits(&self, id: u64) -> bool {
        let first = self.ids.first().copied().unwrap_or(id);
        let bytes = self.ids.len() * width(id - first);
        bytes + WIDTH_BYTES <= MAX_BYTES
    }

    /// Adds an id above the last.
    pub(super) fn add(&mut self, id: u64) {
        self.ids.push(id);
    }

    /// Returns the first id and the bytes, and empties the block. Returns `None` if it is empty.
    pub(super) fn take(&mut self) -> Option<(u64, Vec<u8>)> {
        let (first, last) = (*self.ids.first()?, *self.ids.last()?);
        let width = width(last - first);
        let mut bytes = Vec::with_capacity(WIDTH_BYTES + self.ids.len() * width);
        bytes.push(u8::try_from(width).unwrap_or(8));
        for id in self.ids.iter().skip(1) {
            let difference = (id - first).to_le_bytes();
            bytes.extend_from_slice(difference.get(..width).unwrap_or(&difference));
        }
        self.ids.clear();
        Some((first, bytes))
    }
}

/// Returns the bytes that a difference needs, at least one.
fn width(difference: u64) -> usize {
    difference.max(1).ilog2() as usize / 8 + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn damaged_bytes_are_an_error_or_a_block(first: u64, bytes: Vec<u8>, id: u64) {
            if let Ok(block) = IdBlock::parse(first, &bytes) {
                block.contains(id);
                prop_assert!(block.ids().count() <= bytes.len());
            }
        }

        #[test]
        fn a_block_reads_back(
            ids in prop::collection::btree_set(
                prop_oneof![any::<u64>(), 0..3000_u64, any::<u32>().prop_map(u64::from)],
                1..800,
            ),
            others: [u64; 10],
        ) {
            let mut builder = IdBlockBuilder::default();
            let mut held = Vec::new();
            for id in &ids {
                if !builder.fits(*id) {
                    break;
                }
                builder.add(*id);
                held.push(*id);
            }
            let (first, bytes) = builder.take().unwrap();
            prop_assert!(bytes.len() <= MAX_BYTES && (held.len() == ids.len() || held.len() > 500));
            let block = IdBlock::parse(first, &bytes).unwrap();
            prop_assert!(block.ids().eq(held.iter().copied()));
            for id in ids.iter().chain(&others) {
                prop_assert_eq!(block.contains(*id), held.contains(id));
            }
            prop_assert_eq!(builder.take(), None);
        }
    }
}

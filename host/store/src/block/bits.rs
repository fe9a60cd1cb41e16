//! Numbers of a fixed width in bits, so that each can be read without the others.

/// The largest width that is packed; wider numbers take 64 bits. An unaligned load of 8 bytes holds
/// 57 bits after a shift of up to 7.
const MAX_WIDTH: u32 = 56;

/// The number of bytes at the end of a block, so that a load of 8 bytes at its last number stays
/// inside.
pub(crate) const PADDING: usize = 8;

/// Returns the width in which `max` fits: 0 to 56, or 64.
pub(crate) fn width(max: u64) -> u32 {
    let width = u64::BITS - max.leading_zeros();
    if width > MAX_WIDTH { 64 } else { width }
}

/// Returns the number of bytes that the numbers take. Returns `None` if that is more than can
/// exist.
pub(crate) fn length(count: usize, width: u32) -> Option<usize> {
    Some(count.checked_mul(width as usize)?.div_ceil(8))
}

/// Appends numbers, each below 2^width.
pub(crate) fn pack(out: &mut Vec<u8>, width: u32, numbers: impl Iterator<Item = u64>) {
    if width == 0 {
        return;
    }
    if width == 64 {
        numbers.for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        return;
    }
    let (mut held, mut bits) = (0_u64, 0);
    for number in numbers {
        held |= number << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&held.to_le_bytes());
            bits -= 64;
            // The bits that did not fit. `width - bits` is 1 to 63 unless nothing is left over.
            held = number.checked_shr(width - bits).unwrap_or(0);
        }
    }
    let rest = held.to_le_bytes();
    out.extend_from_slice(rest.get(..bits.div_ceil(8) as usize).unwrap_or_default());
}

/// Packed numbers: from their first byte to the end of the block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed<'a> {
    bytes: &'a [u8],
    width: u32,
    mask: u64,
}

impl<'a> Packed<'a> {
    /// Takes the numbers at the beginning of `bytes`, which extends to the block's end. Returns
    /// `None` if there are fewer numbers, or if the width is wrong.
    pub(crate) fn new(bytes: &'a [u8], count: usize, width: u32) -> Option<Self> {
        if width > MAX_WIDTH && width != 64 {
            return None;
        }
        if length(count, width)?.checked_add(PADDING)? > bytes.len() {
            return None;
        }
        let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
        Some(Self { bytes, width, mask })
    }

    /// Returns a number; 0 past the end.
    #[inline]
    pub(crate) fn get(&self, at: u32) -> u64 {
        let bit = at as usize * self.width as usize;
        match self.bytes.get(bit >> 3..).and_then(<[u8]>::first_chunk) {
            Some(bytes) => (u64::from_le_bytes(*bytes) >> (bit & 7)) & self.mask,
            None => 0,
        }
    }

    /// Returns consecutive numbers.
    #[inline]
    pub(crate) fn range(self, start: u32, length: u32) -> impl ExactSizeIterator<Item = u64> {
        (0..length as usize).map(move |at| {
            let bit = (start as usize + at) * self.width as usize;
            match self.bytes.get(bit >> 3..).and_then(<[u8]>::first_chunk) {
                Some(bytes) => (u64::from_le_bytes(*bytes) >> (bit & 7)) & self.mask,
                None => 0,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn numbers_read_back(numbers: Vec<u64>, shift in 0..64_u32) {
            let numbers: Vec<u64> = numbers.into_iter().map(|number| number >> shift).collect();
            let width = width(numbers.iter().copied().max().unwrap_or(0));
            let mut bytes = Vec::new();
            pack(&mut bytes, width, numbers.iter().copied());
            proptest::prop_assert_eq!(Some(bytes.len()), length(numbers.len(), width));
            bytes.extend_from_slice(&[0xff; PADDING]);
            let packed = Packed::new(&bytes, numbers.len(), width).unwrap();
            for (at, number) in (0..).zip(&numbers) {
                proptest::prop_assert_eq!(packed.get(at), *number);
            }
            let count = u32::try_from(numbers.len()).unwrap();
            proptest::prop_assert_eq!(packed.range(0, count).collect::<Vec<_>>(), numbers);
        }
    }
}

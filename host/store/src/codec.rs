//! The encoding of values: little-endian numbers, LEB128 varints, texts with their length. Reading
//! never panics: bytes that are missing or not as written give [`StoreError::Corrupt`].

use crate::StoreError;

/// Appends a number in as few bytes as possible, 7 bits per byte.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Appends a length as a varint.
pub(crate) fn put_length(out: &mut Vec<u8>, length: usize) {
    put_varint(out, length as u64);
}

/// Appends a length and the bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Maps small numbers of either sign to small unsigned numbers.
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// Inverts [`zigzag`].
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// A reader of a value, from its beginning.
#[derive(Clone, Copy)]
pub(crate) struct ByteReader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> ByteReader<'a> {
    /// Starts at the beginning of `bytes`. Errors name the value `what`.
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    pub(crate) fn corrupt(&self) -> StoreError {
        StoreError::Corrupt { what: self.what }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(length)
            .ok_or_else(|| self.corrupt())?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (taken, rest) = self
            .bytes
            .split_first_chunk::<N>()
            .ok_or_else(|| self.corrupt())?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, StoreError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, StoreError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, StoreError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, StoreError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(crate) fn f64(&mut self) -> Result<f64, StoreError> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, StoreError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.corrupt())
    }

    pub(crate) fn varint_u32(&mut self) -> Result<u32, StoreError> {
        let number = self.varint()?;
        u32::try_from(number).map_err(|_| self.corrupt())
    }

    /// Reads a count of elements that take at least `least` bits each. A damaged count therefore
    /// cannot request more memory than the value has bytes.
    pub(crate) fn count(&mut self) -> Result<usize, StoreError> {
        let count = usize::try_from(self.varint()?).map_err(|_| self.corrupt())?;
        if count > self.bytes.len() {
            return Err(self.corrupt());
        }
        Ok(count)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], StoreError> {
        let length = usize::try_from(self.varint()?).map_err(|_| self.corrupt())?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, StoreError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.corrupt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn numbers_read_back(number: u64, signed: i64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            put_varint(&mut bytes, zigzag(signed));
            let mut reader = ByteReader::new(&bytes, "a number");
            proptest::prop_assert_eq!(reader.varint().unwrap(), number);
            proptest::prop_assert_eq!(unzigzag(reader.varint().unwrap()), signed);
            proptest::prop_assert!(reader.rest().is_empty());
        }

        #[test]
        fn damaged_bytes_are_an_error(bytes: Vec<u8>) {
            let mut reader = ByteReader::new(&bytes, "a text");
            while reader.text().is_ok() && !reader.rest().is_empty() {}
        }
    }
}

//! Values with a checksum. It detects the values that a disk or a stray write has changed.

use std::borrow::Cow;

use heed::{BoxedError, BytesDecode, BytesEncode};
use xxhash_rust::xxh3::xxh3_64;

use crate::StoreError;

/// The form of values in the database: their bytes, then the low half of their XXH3.
pub(crate) enum Sealed {}

/// The bytes of the checksum. It misses one in four billion damaged values.
const BYTES: usize = 4;

fn checksum(value: &[u8]) -> [u8; BYTES] {
    let [a, b, c, d, ..] = xxh3_64(value).to_le_bytes();
    [a, b, c, d]
}

impl<'a> BytesEncode<'a> for Sealed {
    type EItem = [u8];

    fn bytes_encode(value: &'a [u8]) -> Result<Cow<'a, [u8]>, BoxedError> {
        let mut sealed = Vec::with_capacity(value.len() + BYTES);
        sealed.extend_from_slice(value);
        sealed.extend_from_slice(&checksum(value));
        Ok(Cow::Owned(sealed))
    }
}

impl<'a> BytesDecode<'a> for Sealed {
    type DItem = &'a [u8];

    fn bytes_decode(sealed: &'a [u8]) -> Result<&'a [u8], BoxedError> {
        match sealed.split_last_chunk::<BYTES>() {
            Some((value, sum)) if *sum == checksum(value) => Ok(value),
            _ => Err(Box::new(StoreError::Corrupt {
                what: "a value does not match its checksum",
            })),
        }
    }
}

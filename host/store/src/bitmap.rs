//! Roaring bitmaps as bytes.

use roaring::RoaringBitmap;

use crate::StoreError;

pub(crate) fn encode(bitmap: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    // Writing to memory does not fail.
    let _ = bitmap.serialize_into(&mut bytes);
    bytes
}

pub(crate) fn decode(bytes: &[u8], what: &'static str) -> Result<RoaringBitmap, StoreError> {
    RoaringBitmap::deserialize_from(bytes).map_err(|_| StoreError::Corrupt { what })
}

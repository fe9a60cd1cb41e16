//! The hash of unpacked content, by which the same rows are known under another compression.

use std::io::{self, Read};
use std::sync::Arc;

use muster_model::to_hex;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// The hash of all bytes that the readers of a content have read so far.
#[derive(Clone, Default)]
pub(crate) struct ContentHash(Arc<Mutex<Sha256>>);

impl ContentHash {
    /// Returns the hash in hex.
    pub(crate) fn hex(&self) -> String {
        to_hex(&self.0.lock().clone().finalize())
    }
}

/// A reader that adds what it reads to a hash.
pub(crate) struct Hashed<R> {
    reader: R,
    hash: ContentHash,
}

impl<R> Hashed<R> {
    pub(crate) fn new(reader: R, hash: ContentHash) -> Self {
        Self { reader, hash }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(to)?;
        let read = to.get(..count).unwrap_or_default();
        self.hash.0.lock().update(read);
        Ok(count)
    }
}

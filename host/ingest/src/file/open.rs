//! Opens a file of events as lines, whatever its compression.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::archive::{ArchiveReader, MemberLines};
use super::content_hash::{ContentHash, Hashed};
use super::unpack::unpack;
use crate::ImportError;
use crate::content::{Compression, ContentShape, HEAD, as_lines};

/// A file's unpacked content as lines.
pub(crate) struct FileContent {
    pub(crate) reader: Box<dyn Read + Send>,
    pub(crate) compression: Compression,
    /// The number of bytes of the file that were read.
    pub(crate) bytes_read: Arc<AtomicU64>,
    /// The hash of the unpacked bytes that were read. Those of a plain file are not hashed, because
    /// the file's own hash is the same.
    pub(crate) hash: ContentHash,
    /// The members of an archive that were read.
    pub(crate) members: Arc<MemberLines>,
    /// Each line of the content stands for itself, so rows can be appended to it.
    pub(crate) can_grow: bool,
}

/// Opens a file so that reading begins `skip` bytes into its lines.
pub(crate) fn open(mut file: File, path: &Path, skip: u64) -> Result<FileContent, ImportError> {
    let compression = compression(&mut file, path)?;
    open_as(file, compression, skip).map_err(|error| ImportError::read(path, compression, error))
}

fn open_as(file: File, compression: Compression, skip: u64) -> io::Result<FileContent> {
    let (bytes_read, hash) = (Arc::<AtomicU64>::default(), ContentHash::default());
    let members = Arc::<MemberLines>::default();
    let (mut reader, can_grow): (Box<dyn Read + Send>, bool) = match compression {
        Compression::Zip => {
            let (hash, members) = (hash.clone(), Arc::clone(&members));
            let archive = ArchiveReader::open(file, hash, Arc::clone(&bytes_read), members)?;
            (Box::new(archive), false)
        }
        Compression::None => {
            let (reader, shape) = as_lines(Box::new(counted(file.try_clone()?, &bytes_read)))?;
            if shape == ContentShape::Lines && skip > 0 {
                drop(reader);
                let mut file = file;
                file.seek(SeekFrom::Start(skip))?;
                bytes_read.store(skip, Ordering::Relaxed);
                return Ok(FileContent {
                    reader: Box::new(counted(file, &bytes_read)),
                    compression,
                    bytes_read,
                    hash,
                    members,
                    can_grow: true,
                });
            }
            (reader, shape == ContentShape::Lines)
        }
        Compression::Gzip | Compression::Zstd => {
            let unpacked = unpack(counted(file, &bytes_read), compression)?;
            let (reader, shape) = as_lines(Box::new(Hashed::new(unpacked, hash.clone())))?;
            (reader, shape == ContentShape::Lines)
        }
    };
    io::copy(&mut reader.by_ref().take(skip), &mut io::sink())?;
    Ok(FileContent {
        reader,
        compression,
        bytes_read,
        hash,
        members,
        can_grow,
    })
}

/// Returns true if the first `bytes` bytes of a file's unpacked content have a hash. An archive has
/// several contents, and so no beginning.
pub(crate) fn begins_with(
    mut file: File,
    path: &Path,
    bytes: u64,
    sha256: &str,
) -> Result<bool, ImportError> {
    let compression = compression(&mut file, path)?;
    if compression == Compression::Zip {
        return Ok(false);
    }
    let hash = ContentHash::default();
    let read = || -> io::Result<u64> {
        let unpacked = unpack(counted(file, &Arc::default()), compression)?;
        let mut beginning = Hashed::new(unpacked.take(bytes), hash.clone());
        io::copy(&mut beginning, &mut io::sink())
    };
    let read = read().map_err(|error| ImportError::read(path, compression, error))?;
    Ok(read == bytes && hash.hex() == sha256)
}

/// Returns the compression of a file, which then stands at its start again.
fn compression(file: &mut File, path: &Path) -> Result<Compression, ImportError> {
    let mut read = || -> io::Result<Compression> {
        file.rewind()?;
        let mut head = Vec::with_capacity(HEAD);
        file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        file.rewind()?;
        Ok(Compression::of(&head))
    };
    read().map_err(|error| ImportError::read(path, Compression::None, error))
}

fn counted(file: File, bytes: &Arc<AtomicU64>) -> BufReader<CountingReader<File>> {
    BufReader::with_capacity(1 << 17, CountingReader::new(file, bytes))
}

/// A reader that counts its bytes.
pub(super) struct CountingReader<R> {
    reader: R,
    bytes: Arc<AtomicU64>,
}

impl<R> CountingReader<R> {
    pub(super) fn new(reader: R, bytes: &Arc<AtomicU64>) -> Self {
        let bytes = Arc::clone(bytes);
        Self { reader, bytes }
    }
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(to)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

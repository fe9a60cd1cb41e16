//! Recognises the compression of a file by its first bytes, because names may be wrong.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ImportError;

/// The compression of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// The first bytes of files that hold no JSON lines, each with a description and the remedy.
const REFUSED: [(&[u8], &str); 7] = [
    (
        b"PK\x03\x04",
        "a zip archive: unpack it and import the files in it",
    ),
    (b"PAR1", "a Parquet file: only JSON lines are read so far"),
    (b"BZh", "compressed by bzip2: gzip and zstd are read"),
    (b"\xfd7zXZ\0", "compressed by xz: gzip and zstd are read"),
    (
        b"\x04\x22\x4d\x18",
        "compressed by lz4: gzip and zstd are read",
    ),
    (b"\xff\xfe", "UTF-16: convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16: convert it to UTF-8"),
];

impl Compression {
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A zstd frame, or a skippable frame.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Returns why a file that begins so cannot hold JSON lines, if it cannot.
pub(crate) fn refused(head: &[u8]) -> Option<&'static str> {
    REFUSED
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
        .map(|(_, reason)| *reason)
}

/// A file's unpacked content, and the number of bytes of the file that were read.
pub(crate) struct FileContent {
    pub(crate) reader: Box<dyn Read + Send>,
    pub(crate) compression: Compression,
    pub(crate) bytes_read: Arc<AtomicU64>,
}

/// Opens a file so that reading begins `skip` bytes into its unpacked content.
pub(crate) fn open(mut file: File, path: &Path, skip: u64) -> Result<FileContent, ImportError> {
    let failed = |error| ImportError::read(path, Compression::None, error);
    file.rewind().map_err(failed)?;
    let mut head = Vec::with_capacity(8);
    file.by_ref()
        .take(8)
        .read_to_end(&mut head)
        .map_err(failed)?;
    if let Some(reason) = refused(&head) {
        return Err(ImportError::Unsupported {
            path: path.to_owned(),
            reason,
        });
    }
    let compression = Compression::of(&head);
    let plain = compression == Compression::None;
    let start = if plain { skip } else { 0 };
    file.seek(SeekFrom::Start(start)).map_err(failed)?;

    let bytes_read = Arc::new(AtomicU64::new(start));
    let file = BufReader::with_capacity(
        1 << 17,
        CountingFile {
            file,
            bytes: Arc::clone(&bytes_read),
        },
    );
    let mut reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(file),
        // Several gzip members in a row are one file, as `cat a.gz b.gz` makes them.
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(file).map_err(failed)?),
    };
    if !plain {
        std::io::copy(&mut reader.by_ref().take(skip), &mut std::io::sink())
            .map_err(|error| ImportError::read(path, compression, error))?;
    }
    Ok(FileContent {
        reader,
        compression,
        bytes_read,
    })
}

struct CountingFile {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for CountingFile {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(to)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

//! Recognises what content is by its first bytes, because names may be wrong.

/// The compression of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
    Zip,
}

impl Compression {
    /// Returns the compression of content that begins so.
    pub(crate) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A zstd frame, or a skippable frame.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            // A member, or the end of an archive without members.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            _ => Self::None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zip => "zip",
        }
    }
}

/// The first bytes of content by which its kind is recognised: a block of a tar archive.
pub(crate) const HEAD: usize = 512;

/// The first bytes of unpacked content that holds no JSON lines, each with a description and the
/// remedy.
const FOREIGN: [(&[u8], &str); 12] = [
    (
        b"PK\x03\x04",
        "a zip archive in another file: unpack it and import the files in it",
    ),
    (b"PAR1", "a Parquet file: only JSON lines are read so far"),
    (b"BZh", "compressed by bzip2: gzip, zstd and zip are read"),
    (
        b"\xfd7zXZ\0",
        "compressed by xz: gzip, zstd and zip are read",
    ),
    (
        b"\x04\x22\x4d\x18",
        "compressed by lz4: gzip, zstd and zip are read",
    ),
    (b"x\x01", ZLIB),
    (b"x\x5e", ZLIB),
    (b"x\x9c", ZLIB),
    (b"x\xda", ZLIB),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
    (b"\x1f\x8b", "gzip data inside packed data: unpack it once"),
];

const ZLIB: &str = "compressed by zlib: gzip, zstd and zip are read";

const UTF_16: &str = "UTF-16: convert it to UTF-8";

const TAR: &str = "a tar archive: unpack it and import the files in it";

/// The place of `ustar` in the first block of a tar archive.
const TAR_MAGIC: usize = 257;

/// Returns why unpacked content that begins so cannot hold JSON lines, if it cannot.
pub(crate) fn foreign(head: &[u8]) -> Option<&'static str> {
    let after = head.get(TAR_MAGIC..).unwrap_or_default();
    if after.starts_with(b"ustar") {
        return Some(TAR);
    }
    // JSON in UTF-16 without a byte-order mark.
    if let [0, b'{' | b'[', ..] | [b'{' | b'[', 0, ..] = head {
        return Some(UTF_16);
    }
    FOREIGN
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
        .map(|(_, reason)| *reason)
}

//! Unpacks compressed content.

use std::io::{self, BufRead, Read};

use crate::content::{Compression, GzipMembers};

/// Returns the unpacked content of a reader that stands at its start. A zip archive is no stream,
/// so its bytes are returned as they are.
pub(super) fn unpack(
    reader: impl BufRead + Send + 'static,
    compression: Compression,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        Compression::None | Compression::Zip => Box::new(reader),
        Compression::Gzip => Box::new(GzipMembers::new(reader)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(reader)?),
    })
}

//! Checks that any packed bytes are unpacked within their limit, or refused: gzip bodies of
//! requests, and files of events in gzip or zstd. What was packed unpacks to the same.
//!
//! The first byte chooses, the next two are a limit or the bytes to skip.
#![no_main]

mod seeds;

use std::io::{Read, Seek, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use muster_ingest::http::fuzzing::unpack_body;
use muster_ingest::open_file;

/// The most bytes that are read of a file. The service reads a file piece by piece.
const READ: u64 = 1 << 20;

/// The first level of zstd, the fastest.
const LEVEL: i32 = 1;

fuzz_target!(init: seeds::write(inputs()), |bytes: &[u8]| {
    let Some((&[kind, low, high], bytes)) = bytes.split_first_chunk() else {
        return;
    };
    let number = u16::from_le_bytes([low, high]);
    match kind {
        b'h' => match unpack_body(bytes, number.into()) {
            Ok(plain) => assert!(plain.len() <= number.into()),
            Err(error) => assert!(!error.is_empty()),
        },
        b'H' => bodies(bytes, number.into()),
        b'f' => {
            // Zip archives, arrays and indented values are read in this way too.
            let _ = read(bytes, number.into());
        }
        _ => files(bytes, number.into()),
    }
});

/// Packs a body as one gzip member and as two, and unpacks it.
fn bodies(plain: &[u8], limit: usize) {
    let (first, second) = plain.split_at(plain.len() / 2);
    for packed in [gzip(plain), [gzip(first), gzip(second)].concat()] {
        assert_eq!(
            unpack_body(&packed, limit).ok().as_deref(),
            (plain.len() <= limit).then_some(plain)
        );
        // A body that is cut off is never taken as a shorter one.
        let cut = packed.len() - 1 - limit % 8;
        assert!(unpack_body(&packed[..cut], plain.len()).is_err());
    }
}

/// Packs a file in each way, and reads it from the beginning and from a place on. The file begins
/// with a line, because the events of an array become other lines; a tar archive is refused.
fn files(plain: &[u8], skip: u64) {
    let plain = &[b"-\n", plain].concat()[..];
    if plain.windows(5).any(|window| window == b"ustar") {
        return;
    }
    let zstd = zstd::encode_all(plain, LEVEL).expect("memory can be written");
    let from = usize::try_from(skip).map_or(plain.len(), |skip| skip.min(plain.len()));
    for packed in [gzip(plain), zstd] {
        assert_eq!(read(&packed, 0).as_deref(), Some(plain));
        assert_eq!(read(&packed, skip).as_deref(), Some(&plain[from..]));
    }
}

/// Reads a file; `None` if it is refused.
fn read(bytes: &[u8], skip: u64) -> Option<Vec<u8>> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("the file can be written");
    file.rewind().expect("the file can be read");
    let mut content = Vec::new();
    let mut reader = open_file(file, skip).ok()?.take(READ);
    reader.read_to_end(&mut content).ok()?;
    Some(content)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).expect("memory can be written");
    writer.finish().expect("memory can be written")
}

fn inputs() -> [(&'static str, Vec<u8>); 7] {
    let plain = b"{\"user_id\":\"ann\"}\n".repeat(3);
    let zstd = zstd::encode_all(&plain[..], LEVEL).expect("memory can be written");
    let gzip = gzip(&plain);
    [
        ("body", [b"h\0\x01", &gzip[..]].concat()),
        ("members", [b"h\0\x01", &gzip[..], &gzip].concat()),
        ("gzip", [b"f\x05\0", &gzip[..]].concat()),
        ("array", b"f\x05\0[{},\n {\"user_id\": [\n]}]".to_vec()),
        ("zstd", [b"f\x05\0", &zstd[..]].concat()),
        ("bodies", [b"H\0\x01", &plain[..]].concat()),
        ("files", [b"F\x05\0", &plain[..]].concat()),
    ]
}

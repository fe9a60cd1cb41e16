//! Checks that any bytes of the log are read in bounded memory, or refused. Rows that were read are
//! written, and read again to the same.
#![no_main]

mod seeds;

use libfuzzer_sys::fuzz_target;
use muster_store::fuzzing::rewrite_log;

/// The most bytes of memory for each byte: an element of a list takes one byte and becomes a cell.
const GROWTH: usize = 16;

fuzz_target!(init: seeds::write([("rows", rows())]), |bytes: &[u8]| {
    let Ok((once, memory)) = rewrite_log(bytes) else {
        return;
    };
    assert!(memory <= GROWTH * bytes.len(), "{memory} bytes");
    let (twice, _) = rewrite_log(&once).expect("it reads again");
    assert_eq!(once, twice);
});

/// Returns two rows with every kind of value.
fn rows() -> Vec<u8> {
    let mut bytes = vec![2];
    // Name 1, user 2, time 3, two cells and an insert id.
    bytes.extend([1, 2, 6, 2 << 1 | 1, 1, 2, 3, 4, 5, 6]);
    // A code and a text.
    bytes.extend([1, 0, 7, 2, 1, 2, b'h', b'i']);
    // The same name and user, 1 ms later, with five cells and no insert id.
    bytes.extend([1, 2, 2, 5 << 1]);
    bytes.extend([3, 2, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 4, 3, 9, 5, 4, 6, 5]);
    // A list of a flag and a text.
    bytes.extend([7, 6, 2, 5, 1, 1, b'x']);
    let (written, _) = rewrite_log(&bytes).expect("the rows are right");
    assert_eq!(written, bytes);
    written
}

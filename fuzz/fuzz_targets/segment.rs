//! Checks that any record of a segment is read, or refused. A record that was read is written, and
//! read again to the same.
#![no_main]

mod seeds;

use libfuzzer_sys::fuzz_target;
use muster_store::fuzzing::rewrite_segment;

fuzz_target!(init: seeds::write([("record", record())]), |bytes: &[u8]| {
    let Ok(once) = rewrite_segment(bytes) else {
        return;
    };
    assert_eq!(rewrite_segment(&once).expect("it reads again"), once);
});

/// Returns a record with two names, of which one has columns, and two buckets of hours.
fn record() -> Vec<u8> {
    let names = [[1, 9, 4, 6, 2, 1, 9, 3, 4].as_slice(), &[2, 1, 4, 0, 0]].concat();
    let bytes = [&[5, 100, 2], &names[..], &[2, 0, 0, 7, 4, 2, 3]].concat();
    let written = rewrite_segment(&bytes).expect("the record is right");
    assert_eq!(written, bytes);
    written
}

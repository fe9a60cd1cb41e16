//! Checks that any records of Kinesis are decoded or refused. A record that is packed gives the
//! same events as the plain one.
//!
//! The first byte chooses: `p` decodes the rest as a record and packed by gzip, anything else
//! decodes it as two records, cut in the middle.
#![no_main]

mod seeds;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use muster_ingest::kinesis::fuzzing::decode_records;
use muster_ingest::limits::{MAX_EVENT_TYPE, MAX_USER_ID};

const LINE: &str = r#"{"user_id":"ann","event_type":"Buy","event_time":"2026-02-20 10:00:00.5","$insert_id":"1","event_properties":{"a":[1,"x"]}}"#;

/// The first bytes of records that are unpacked before their content is read: gzip data, and the
/// records that the Kinesis Producer Library has aggregated.
const PACKED: [&[u8]; 2] = [&[0x1f, 0x8b], &[0xf3, 0x89, 0x9a, 0xc2]];

/// The number of malformed records of which the fault is logged.
const LOGGED: usize = 3;

fuzz_target!(init: seeds::write(inputs()), |bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    if *kind == b'p' && !PACKED.iter().any(|magic| bytes.starts_with(magic)) {
        let (plain, plain_counts, plain_faults) = decode_records(&[bytes]);
        let (packed, packed_counts, packed_faults) = decode_records(&[&gzip(bytes)]);
        assert_eq!(plain_counts, packed_counts);
        assert_eq!(plain_faults, packed_faults);
        assert!(plain.events().map(|event| (event.user, event.name, event.time)).eq(
            packed.events().map(|event| (event.user, event.name, event.time))
        ));
        return;
    }
    let (first, second) = bytes.split_at(bytes.len() / 2);
    for records in [&[bytes][..], &[first, second], &[]] {
        let (buffer, counts, faults) = decode_records(records);
        assert!(faults.len() <= LOGGED && faults.len() as u64 <= counts.malformed);
        assert!(counts.malformed + counts.anonymous + counts.groups <= counts.lines);
        for event in buffer.events() {
            assert!((1..=MAX_USER_ID).contains(&event.user.len()));
            assert!((1..=MAX_EVENT_TYPE).contains(&event.name.len()));
        }
    }
});

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).expect("memory can be written");
    writer.finish().expect("memory can be written")
}

fn inputs() -> [(&'static str, Vec<u8>); 4] {
    let lines = format!("{LINE}\n{LINE}\r\n{{\n");
    let packed = gzip(lines.as_bytes());
    [
        ("plain", [b"r", lines.as_bytes()].concat()),
        ("packed", [b"r", &packed[..]].concat()),
        ("members", [b"r", &packed[..], &packed].concat()),
        ("both", [b"p", lines.as_bytes()].concat()),
    ]
}

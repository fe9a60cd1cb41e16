//! Checks that any events are read or refused: lines of a file, a body of a request, or a form.
//! Events that were read keep the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_ingest::http::{ApiKey, decode_body};
use muster_ingest::limits::{MAX_EVENT_TYPE, MAX_USER_ID};
use muster_ingest::{DecodeContext, LineCounts, decode_lines};
use muster_model::{EventBuffer, Millis};

/// 2026-03-01T00:00:00Z.
const NOW: Millis = Millis(1_772_323_200_000);

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    let buffer = match kind {
        b'b' | b'i' => match decode_body(bytes, *kind == b'i', &ApiKey::new("key"), NOW) {
            Ok(buffer) => buffer,
            Err(answer) => {
                assert!(answer.contains("\"error\""), "{answer}");
                return;
            }
        },
        _ => lines(bytes),
    };
    for event in buffer.events() {
        assert!((1..=MAX_USER_ID).contains(&event.user.len()));
        assert!((1..=MAX_EVENT_TYPE).contains(&event.name.len()));
    }
});

/// Decodes lines: each is an event, anonymous, or malformed with a reason.
fn lines(bytes: &[u8]) -> EventBuffer {
    let (mut buffer, mut counts, mut malformed) =
        (EventBuffer::default(), LineCounts::default(), Vec::new());
    let mut note = |line| Vec::push(&mut malformed, line);
    decode_lines(
        bytes,
        1,
        &DecodeContext::default(),
        &mut buffer,
        &mut counts,
        &mut note,
    );
    assert_eq!(malformed.len() as u64, counts.malformed);
    for line in &malformed {
        assert!(!line.reason.to_string().is_empty());
    }
    buffer
}

//! One line of the export format, many, or one event of a request, into a buffer.

mod admission;
mod event;
mod event_builder;
pub mod limits;
mod line;
#[cfg(test)]
mod tests;
mod value;

use muster_model::EventBuffer;
use muster_store::Store;

pub(crate) use self::admission::Admission;
pub(crate) use self::event::{EventDefaults, decode_event};
pub(crate) use self::event_builder::EventBuilder;
use self::limits::MAX_LINE;
use crate::LineCounts;

/// Why a line is malformed, in words for who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(pub(crate) String);

/// A line that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its number in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: LineError,
}

/// Decodes every line of a text and adds what it holds to the buffer and the counts. Blank lines
/// are nothing; a line may end in `\r\n`, the last one without any. Each malformed line is handed
/// to `malformed` and leaves nothing in the buffer.
///
/// `first_line` is the number of the text's first line. `store` is where the buffer goes: a line
/// with a name that it does not take is malformed; `None`: all names are right.
///
/// ```
/// use muster_ingest::{LineCounts, decode_lines};
/// let lines = br#"{"user_id": "ann", "event_type": "View", "event_time": "2026-02-28 09:59:55.977000"}
/// {"user_id": "ann", "event_type"
/// "#;
/// let (mut buffer, mut counts, mut malformed) = Default::default();
/// decode_lines(lines, 1, None, &mut buffer, &mut counts, &mut |line| Vec::push(&mut malformed, line));
/// assert_eq!((buffer.len(), counts.lines, counts.malformed), (1, 2, 1));
/// assert_eq!(malformed[0].line, 2);
/// ```
pub fn decode_lines(
    text: &[u8],
    first_line: u64,
    store: Option<&Store>,
    buffer: &mut EventBuffer,
    counts: &mut LineCounts,
    malformed: &mut dyn FnMut(Malformed),
) {
    let (mut builder, mut door) = (EventBuilder::default(), Admission::new(store));
    // One check of the whole is cheaper than one a line; if it fails, the lines that are at fault
    // are found one by one.
    let valid = std::str::from_utf8(text).ok();
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', text).chain([text.len()]);
    for (line, end) in (first_line..).zip(ends) {
        let range = start..end;
        start = end + 1;
        let Some(bytes) = text.get(range.clone()).filter(|bytes| !is_blank(bytes)) else {
            continue;
        };
        counts.lines += 1;
        let decoded = match valid.and_then(|valid| valid.get(range)) {
            Some(text) => decode_line(text, &mut builder, &mut door, buffer, counts),
            None => match std::str::from_utf8(bytes) {
                Ok(text) => decode_line(text, &mut builder, &mut door, buffer, counts),
                Err(error) => {
                    let column = error.valid_up_to() + 1;
                    Err(LineError(format!("not UTF-8 at column {column}")))
                }
            },
        };
        if let Err(reason) = decoded {
            counts.malformed += 1;
            malformed(Malformed { line, reason });
        }
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn decode_line<'a>(
    line: &'a str,
    builder: &mut EventBuilder<'a>,
    door: &mut Admission<'_>,
    buffer: &mut EventBuffer,
    counts: &mut LineCounts,
) -> Result<(), LineError> {
    let defaults = EventDefaults::default();
    decode_event(line, &defaults, builder, door, buffer, counts).map_err(|error| error.reason)
}

impl LineError {
    pub(crate) fn too_long() -> Self {
        Self(format!("longer than {MAX_LINE} bytes"))
    }

    fn json(error: &serde_json::Error) -> Self {
        let message = error.to_string();
        // A line is parsed by itself: its `line 1` would mislead.
        let (reason, column) = match message.rsplit_once(" at line 1 column ") {
            Some((reason, column)) => (reason, format!(" at column {column}")),
            None => (message.as_str(), String::new()),
        };
        match error.classify() {
            serde_json::error::Category::Data => Self(reason.to_owned()),
            _ => Self(format!("not valid JSON{column}: {reason}")),
        }
    }
}

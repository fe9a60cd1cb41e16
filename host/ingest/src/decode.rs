//! Decodes one line of the export format, many lines, or one event of a request into a buffer.

mod admission;
mod event;
mod event_builder;
mod event_error;
mod fields;
pub mod limits;
mod line;
mod placeholder;
mod several;
mod surrogates;
#[cfg(test)]
mod tests;
mod times;
mod value;

use muster_model::EventBuffer;

pub(crate) use self::admission::Admission;
pub use self::admission::DecodeContext;
pub(crate) use self::event::{EventDefaults, decode_event};
pub(crate) use self::event_builder::EventBuilder;
pub(crate) use self::event_error::EventError;
pub use self::fields::property_of_field;
use self::limits::MAX_LINE;
use self::several::several;
pub(crate) use self::times::{ClockOffset, TimeSeed};
use crate::LineCounts;
use crate::content::without_mark;

/// The reason why a line is malformed, worded for the author of the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(pub(crate) String);

/// A line that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The number of the line in the file, from 1.
    pub line: u64,
    /// The fault of the line.
    pub reason: LineError,
}

/// Decodes every line of a text and adds its contents to the buffer and the counts. Blank lines are
/// skipped. A line may end in `\r\n`; the last one needs no line end. A line may hold several
/// events, one after the other or as an array; each of them counts as a line. Each malformed line
/// is passed to `malformed` and leaves nothing in the buffer.
///
/// `first_line` is the number of the text's first line.
///
/// ```
/// use muster_ingest::{DecodeContext, LineCounts, decode_lines};
/// let lines = br#"{"user_id": "ann", "event_type": "View", "event_time": 1772272795977}
/// {"user_id": "ann", "event_type"
/// "#;
/// let (mut buffer, mut counts, mut malformed) = Default::default();
/// let context = DecodeContext::default();
/// decode_lines(lines, 1, &context, &mut buffer, &mut counts, &mut |line| {
///     Vec::push(&mut malformed, line)
/// });
/// assert_eq!((buffer.len(), counts.lines, counts.malformed), (1, 2, 1));
/// assert_eq!(malformed[0].line, 2);
/// ```
pub fn decode_lines(
    text: &[u8],
    first_line: u64,
    context: &DecodeContext<'_>,
    buffer: &mut EventBuffer,
    counts: &mut LineCounts,
    malformed: &mut dyn FnMut(Malformed),
) {
    let (mut builder, mut admission) = (EventBuilder::default(), Admission::new(context));
    // One UTF-8 check of the whole text is cheaper than one check per line. Only if it fails is
    // each line checked to find those at fault.
    let valid = std::str::from_utf8(text).ok();
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', text).chain([text.len()]);
    for (line, end) in (first_line..).zip(ends) {
        let line_start = end - without_mark(text.get(start..end).unwrap_or_default()).len();
        let range = line_start..end;
        start = end + 1;
        let Some(bytes) = text.get(range.clone()).filter(|bytes| !is_blank(bytes)) else {
            continue;
        };
        counts.lines += 1;
        let mut skip = |reason, counts: &mut LineCounts| {
            counts.malformed += 1;
            malformed(Malformed { line, reason });
        };
        let checked = match valid.and_then(|valid| valid.get(range)) {
            Some(text) => Ok(text),
            None => std::str::from_utf8(bytes),
        };
        let text = match checked {
            Ok(text) => text,
            Err(error) => {
                let column = error.valid_up_to() + 1;
                skip(LineError(format!("not UTF-8 at column {column}")), counts);
                continue;
            }
        };
        let decoded = decode_line(text, &mut builder, &mut admission, buffer, counts);
        let Err(reason) = decoded else { continue };
        // Only a line that is no single event is searched for several.
        let Some(values) = several(text) else {
            skip(reason, counts);
            continue;
        };
        counts.lines -= 1;
        for value in values {
            counts.lines += 1;
            if let Err(reason) = decode_line(value, &mut builder, &mut admission, buffer, counts) {
                skip(reason, counts);
            }
        }
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn decode_line<'a>(
    line: &'a str,
    builder: &mut EventBuilder<'a>,
    admission: &mut Admission<'_>,
    buffer: &mut EventBuffer,
    counts: &mut LineCounts,
) -> Result<(), LineError> {
    let defaults = EventDefaults::default();
    decode_event(line, &defaults, builder, admission, buffer, counts).map_err(|error| error.reason)
}

impl LineError {
    pub(crate) fn too_long() -> Self {
        Self(format!("longer than {MAX_LINE} bytes"))
    }

    fn json(error: &serde_json::Error) -> Self {
        let message = error.to_string();
        // Each line is parsed by itself, so serde_json's `line 1` would mislead.
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

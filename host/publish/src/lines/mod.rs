//! Destinations that write messages as lines, for trials: newline-delimited JSON in a file or on
//! standard output.

mod file;
mod stdout;

use muster_store::Outgoing;

use crate::batch::CallLimits;

pub(crate) use file::FileSink;
pub(crate) use stdout::StdoutSink;

/// The messages and bytes of one write and one sync. A sync takes a few milliseconds, so with a
/// thousand messages per sync its share is negligible. 4 MiB are about 170 messages of 24 KiB.
const LIMITS: CallLimits = CallLimits {
    messages: 1_000,
    bytes: 4 << 20,
    overhead: 1,
    calls: 1,
};

/// Refuses a message with a line feed, because it would be two lines.
fn refuses(message: &Outgoing) -> Option<String> {
    message.body.contains(&b'\n').then(|| {
        "it contains a line feed, but this destination takes one message a line".to_owned()
    })
}

/// Returns the messages as lines.
fn lines(messages: &[Outgoing]) -> Vec<u8> {
    let size = messages.iter().map(|message| message.body.len() + 1).sum();
    let mut lines = Vec::with_capacity(size);
    for message in messages {
        lines.extend_from_slice(&message.body);
        lines.push(b'\n');
    }
    lines
}

//! Messages as lines, for trying things out: newline-delimited JSON in a file or on standard
//! output.

mod file;
mod stdout;

use muster_store::Outgoing;

use crate::batch::CallLimits;

pub(crate) use file::FileSink;
pub(crate) use stdout::StdoutSink;

/// Messages and bytes in one write and one sync. A sync takes a few milliseconds, so that a
/// thousand messages a sync cost next to none; 4 MiB are what a hundred and seventy messages of 24
/// KiB come to.
const LIMITS: CallLimits = CallLimits {
    messages: 1_000,
    bytes: 4 << 20,
    overhead: 1,
};

/// A message with a line feed in it would be two lines.
fn refuses(message: &Outgoing) -> Option<String> {
    message
        .body
        .contains(&b'\n')
        .then(|| "it contains a line feed, and a line is a message here".to_owned())
}

/// The messages as lines.
fn lines(messages: &[Outgoing]) -> Vec<u8> {
    let size = messages.iter().map(|message| message.body.len() + 1).sum();
    let mut lines = Vec::with_capacity(size);
    for message in messages {
        lines.extend_from_slice(&message.body);
        lines.push(b'\n');
    }
    lines
}

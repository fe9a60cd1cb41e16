//! Standard output as a destination for data. No other part of this crate uses standard output, and
//! only messages are written to it.

use std::io::{self, Write};

use muster_store::Outgoing;
use muster_tasks::blocking;

use crate::batch::CallLimits;
use crate::error::Cause;
use crate::sink::{CallAnswer, CallFailure, Sink, Verdict};

/// A sink into a writer, which is [`io::stdout`] outside tests.
pub(crate) struct StdoutSink<W = io::Stdout> {
    make: fn() -> W,
}

impl StdoutSink {
    pub(crate) fn new() -> Self {
        Self { make: io::stdout }
    }
}

impl<W: Write + Send + Sync + 'static> Sink for StdoutSink<W> {
    fn limits(&self) -> CallLimits {
        super::LIMITS
    }

    fn refuses(&self, message: &Outgoing) -> Option<String> {
        super::refuses(message)
    }

    async fn send(&self, messages: &[Outgoing]) -> Result<CallAnswer, CallFailure> {
        let (make, lines) = (self.make, super::lines(messages));
        let write = move || {
            let mut writer = make();
            writer.write_all(&lines)?;
            writer.flush()
        };
        match blocking(write).await {
            Ok(()) => Ok(CallAnswer::of(vec![Verdict::Sent; messages.len()])),
            Err(error) => Err(CallFailure::Stop(Cause::Stdout(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_reader_that_went_away_ends_the_drain() {
        let sink = StdoutSink { make: || Closed };
        let message = Outgoing {
            sequence: 1,
            id: "run:1".to_owned(),
            body: b"{}".to_vec(),
        };
        let failure = sink.send(&[message]).await.unwrap_err();
        let CallFailure::Stop(cause) = failure else {
            panic!("{failure:?}");
        };
        assert_eq!(cause.kind(), "io");
    }
}

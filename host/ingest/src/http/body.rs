//! Reads and unpacks the body of a request within its limits.

use std::io::{self, Read};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{EXPECT, HeaderValue};
use hyper::http::request::Parts;
use hyper::{StatusCode, Version};
use tokio::time::{Instant, timeout_at};

use super::answer::Refusal;
use super::budget::{OverBudget, Reservation};
use super::limits::{MAX_DRAINED, ServerLimits};
use super::pace::Pace;
use crate::content::{Compression, ContentFault, GzipMembers, HEAD, foreign, without_mark};

/// A body that is being received.
pub(super) struct Receiving {
    body: Incoming,
    /// The instant at which the body must be complete.
    until: Instant,
    pace: Pace,
    /// Set if the client waits for `100 Continue`. The server sends it when it first reads the
    /// body.
    held_back: bool,
}

impl Receiving {
    pub(super) fn new(body: Incoming, head: &Parts, limits: &ServerLimits) -> Self {
        let now = Instant::now();
        Self {
            body,
            until: now + limits.body_time,
            pace: Pace::new(now, limits),
            held_back: expects_continue(head),
        }
    }

    /// Reads the whole body. A body that is refused is still read to its end, so that the client
    /// gets the answer. A body that the client holds back is not requested.
    pub(super) async fn read(
        mut self,
        limit: usize,
        reservation: &mut Reservation,
    ) -> Result<Vec<u8>, Refusal> {
        let read = self.read_within(limit, reservation).await;
        if read.is_err() {
            reservation.shrink(usize::MAX);
            self.drain().await;
        }
        read
    }

    async fn read_within(
        &mut self,
        limit: usize,
        reservation: &mut Reservation,
    ) -> Result<Vec<u8>, Refusal> {
        if self.body.size_hint().lower() > limit as u64 {
            return Err(larger(limit));
        }
        self.held_back = false;
        let mut all = Vec::new();
        while let Some(chunk) = self.next().await? {
            if all.len() + chunk.len() > limit {
                return Err(larger(limit));
            }
            reservation
                .grow(chunk.len())
                .map_err(|over| refused(over, limit))?;
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// Reads and drops the rest of the body, within limits of time and size.
    pub(super) async fn drain(mut self) {
        if self.held_back {
            return;
        }
        let mut left = MAX_DRAINED;
        while let Ok(Some(chunk)) = self.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => return,
            }
        }
    }

    /// Returns the next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            let until = self.until.min(self.pace.until());
            match timeout_at(until, self.body.frame()).await {
                Err(_) if until < self.until && self.pace.is_kept() => {}
                Err(_) => {
                    let error = match until < self.until {
                        true => "The body came too slowly: send it again",
                        false => "The body took too long: send it again",
                    };
                    return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, error));
                }
                Ok(None) => return Ok(None),
                // If the connection is broken, no client reads this answer; if a chunk size is
                // wrong, the client does.
                Ok(Some(Err(error))) => {
                    return Err(Refusal::bad(format!("The body cannot be read: {error}")));
                }
                Ok(Some(Ok(frame))) => {
                    // Trailers are ignored.
                    if let Ok(data) = frame.into_data() {
                        self.pace.received(data.len());
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// Returns true if the client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1).
/// HTTP/1.0 has no such answer.
fn expects_continue(head: &Parts) -> bool {
    let expect = head.headers.get(EXPECT).map(HeaderValue::as_bytes);
    head.version == Version::HTTP_11
        && expect.is_some_and(|expect| expect.eq_ignore_ascii_case(b"100-continue"))
}

/// Unpacks a gzip body. The limits hold for the unpacked bytes, so that a few bytes cannot become
/// many.
pub(super) fn unpack(
    packed: &[u8],
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Refusal> {
    const PIECE: usize = 64 << 10;
    let mut decoder = GzipMembers::new(packed);
    let mut all = Vec::new();
    loop {
        let before = all.len();
        let read = decoder.by_ref().take(PIECE as u64).read_to_end(&mut all);
        if let Err(error) = read {
            return Err(broken(&error));
        }
        let more = all.len() - before;
        if more == 0 {
            return Ok(all);
        }
        if all.len() > limit {
            return Err(larger(limit));
        }
        reservation
            .grow(more)
            .map_err(|over| refused(over, limit))?;
    }
}

/// Returns a body without the byte-order marks at its start.
///
/// # Errors
/// If it is no text: the answer says what it is.
pub(super) fn text(body: &[u8]) -> Result<&[u8], Refusal> {
    if Compression::of(body) == Compression::Gzip {
        let error = "The body is gzip data: send `Content-Encoding: gzip` with it";
        return Err(Refusal::bad(error));
    }
    match foreign(body.get(..HEAD).unwrap_or(body)) {
        Some(reason) => Err(Refusal::bad(format!("The body is {reason}"))),
        None => Ok(without_mark(body)),
    }
}

fn broken(error: &io::Error) -> Refusal {
    if let Some(fault) = ContentFault::of(error) {
        return Refusal::bad(format!("The body cannot be read: {fault}"));
    }
    Refusal::bad(format!(
        "The body is not valid gzip, though `Content-Encoding` says so: {error}"
    ))
}

fn larger(limit: usize) -> Refusal {
    Refusal::too_large(format!(
        "The body is larger than {limit} bytes: send fewer events at a time"
    ))
}

/// Returns the answer of a request that the byte budget refuses.
pub(super) fn refused(over: OverBudget, limit: usize) -> Refusal {
    match over {
        OverBudget::Now => Refusal::overloaded(),
        OverBudget::Ever => Refusal::too_large(format!(
            "The events take too much memory, though the body is within {limit} bytes: send fewer at a time"
        )),
    }
}

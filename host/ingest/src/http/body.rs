//! A request's body: read with its limits, unpacked with the same.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use super::answer::Refusal;
use super::limits::MAX_DRAINED;
use super::room::{NoRoom, Reservation};

/// A body that is being received.
pub(super) struct Receiving {
    body: Incoming,
    /// When it must be complete.
    until: Instant,
}

impl Receiving {
    pub(super) fn new(body: Incoming, until: Instant) -> Self {
        Self { body, until }
    }

    /// All of it; a body that is refused was read to its end nevertheless, so that the client gets the answer.
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
        let mut all = Vec::new();
        while let Some(chunk) = self.next().await? {
            if all.len() + chunk.len() > limit {
                return Err(larger(limit));
            }
            reservation
                .grow(chunk.len())
                .map_err(|full| refused(full, limit))?;
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// Reads what is left and throws it away, as long as there is time and it is not too much.
    pub(super) async fn drain(mut self) {
        let mut left = MAX_DRAINED;
        while let Ok(Some(chunk)) = self.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => return,
            }
        }
    }

    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            match timeout_at(self.until, self.body.frame()).await {
                Err(_) => {
                    let error = "The body took too long: send it again";
                    return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, error));
                }
                Ok(None) => return Ok(None),
                // Nobody reads this answer if the connection is broken; a wrong chunk size can be told.
                Ok(Some(Err(error))) => {
                    return Err(Refusal::bad(format!("The body cannot be read: {error}")));
                }
                Ok(Some(Ok(frame))) => {
                    // Trailers are of no interest.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// Unpacks a gzip body; the limits hold for what comes out, so a few bytes cannot become many.
pub(super) fn unpack(
    packed: &[u8],
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Refusal> {
    const PIECE: usize = 64 << 10;
    let mut decoder = MultiGzDecoder::new(packed);
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
            .map_err(|full| refused(full, limit))?;
    }
}

fn broken(error: &io::Error) -> Refusal {
    Refusal::bad(format!(
        "The body is not valid gzip, though `Content-Encoding` says so: {error}"
    ))
}

fn larger(limit: usize) -> Refusal {
    Refusal::too_large(format!(
        "The body is larger than {limit} bytes: send fewer events at a time"
    ))
}

/// What a request is answered for which there is no room.
pub(super) fn refused(full: NoRoom, limit: usize) -> Refusal {
    match full {
        NoRoom::Now => Refusal::overloaded(),
        NoRoom::Ever => Refusal::too_large(format!(
            "The events take too much memory, though the body is within {limit} bytes: send fewer at a time"
        )),
    }
}

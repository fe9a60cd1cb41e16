//! What HTTP ingestion takes at most. Each limit has a test that hits it, in `tests`.

use std::time::Duration;

/// The largest body of `/2/httpapi` and `/identify`, unpacked, in bytes: the vendor's 1 MB, read as 1 MiB.
pub const MAX_BODY: usize = 1 << 20;

/// The largest body of `/batch`, unpacked, in bytes: the vendor's 20 MB, read as 20 MiB.
pub const MAX_BATCH_BODY: usize = 20 << 20;

/// The most events (or identifications) of one request: the vendor's.
pub const MAX_EVENTS: usize = 2_000;

/// Bytes of all requests under way together, from the first byte of a body until its events are on disk: bodies as they
/// came, bodies unpacked, and decoded events. Beyond it requests are refused with 429. 64 MiB are three full batches, or
/// 50 times the vendor's usual 1,000 events a second with 1 KiB an event.
pub const BYTES_IN_FLIGHT: usize = 64 << 20;

/// Connections at a time. More wait in the system's queue until one ends. Each costs up to [`MAX_HEAD`] bytes.
pub const MAX_CONNECTIONS: usize = 1_024;

/// The largest request line with its headers, in bytes; the reading buffer of a connection. More is answered with 431.
pub const MAX_HEAD: usize = 16 << 10;

/// Headers of one request. Browsers behind proxies send about 40.
pub const MAX_HEADERS: usize = 100;

/// For how long a connection may take to send the head of a request, or be idle. Longer than the 5 s after which the pool
/// of Node.js drops an idle connection: it must not send a request into one that is closing here, since the vendor's
/// SDK gives up on the events of such a request.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// For how long a request may take to send its body. The vendor's SDKs give up after 10 s.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// For how long requests under way may go on after a stop.
pub const STOP_TIME: Duration = Duration::from_secs(10);

/// How much of a refused body is read and thrown away before it is answered, in bytes. A client that is still sending when
/// the connection closes never sees the answer, and the vendor's SDK for Node.js then gives up on the events.
pub const MAX_DRAINED: usize = 2 * MAX_BATCH_BODY;

/// Decoded events of one commit, in bytes: a commit takes the requests that wait until it is this large.
pub const COMMIT_BYTES: usize = 8 << 20;

/// The longest error of an answer, in bytes: it quotes what it is about, and that may be large.
pub const MAX_ERROR: usize = 500;

/// What `Retry-After` says, in seconds.
pub const RETRY_AFTER: u64 = 2;

/// Those that tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) bytes_in_flight: usize,
    pub(super) connections: usize,
    pub(super) head_time: Duration,
    pub(super) body_time: Duration,
    pub(super) stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_in_flight: BYTES_IN_FLIGHT,
            connections: MAX_CONNECTIONS,
            head_time: HEAD_TIME,
            body_time: BODY_TIME,
            stop_time: STOP_TIME,
        }
    }
}

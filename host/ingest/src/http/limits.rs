//! What HTTP ingestion takes at most. Each limit has a test that hits it, in `tests`.

use std::time::Duration;

use super::budget::Shares;

/// The largest body of `/2/httpapi` and `/identify`, unpacked, in bytes: the vendor's 1 MB, read as
/// 1 MiB.
pub const MAX_BODY: usize = 1 << 20;

/// The largest body of `/batch`, unpacked, in bytes: the vendor's 20 MB, read as 20 MiB.
pub const MAX_BATCH_BODY: usize = 20 << 20;

/// The most events (or identifications) of one request: the vendor's.
pub const MAX_EVENTS: usize = 2_000;

/// Bytes of all requests under way together, from the first byte of a body until its events are on
/// disk: bodies as they came, bodies unpacked, and decoded events. Beyond it requests are refused
/// with 429. 64 MiB are three full batches, or 50 times the vendor's usual 1,000 events a second
/// with 1 KiB an event.
pub const BYTES_IN_FLIGHT: usize = 64 << 20;

/// The most that a small request holds, in bytes. 30 events of a browser are some 30 KB and twice
/// that with what is decoded of them.
pub const SMALL_REQUEST: usize = 64 << 10;

/// The part of [`BYTES_IN_FLIGHT`] that only small requests get, in bytes, so that large bodies
/// never keep them out. An eighth: 128 small requests at a time, which take milliseconds each.
pub const BYTES_FOR_SMALL: usize = BYTES_IN_FLIGHT / 8;

/// The most of [`BYTES_IN_FLIGHT`] that the requests of one address hold together, in bytes; beyond
/// it they are refused with
/// 429. Three quarters, since the address may be a proxy's, through which everything comes: 48 MiB
///      are 20,000 events a second of 500 bytes, held as body and as decoded events, over a disk
///      that stands still for two seconds. One large request of an address may go beyond; its small
///      ones then still get three quarters of [`BYTES_FOR_SMALL`]. Of IPv6 an address is a network
///      of 64 bits.
pub const BYTES_OF_PEER: usize = BYTES_IN_FLIGHT / 4 * 3;

/// Connections at a time, at most; fewer where the limit of open files allows fewer. Each costs up
/// to [`MAX_HEAD`] bytes. One more takes the place of a connection without a request under way, or
/// waits in the system's queue if all have one.
pub const MAX_CONNECTIONS: usize = 1_024;

/// The largest request line with its headers, in bytes; the reading buffer of a connection. More is
/// answered with 431.
pub const MAX_HEAD: usize = 16 << 10;

/// Headers of one request. Browsers behind proxies send about 40.
pub const MAX_HEADERS: usize = 100;

/// For how long a connection may take to send the head of a request, or be idle. Longer than the 5
/// s after which the pool of Node.js drops an idle connection: it must not send a request into one
/// that is closing here, since the vendor's SDK gives up on the events of such a request.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// For how long a request may take to send its body. The vendor's SDKs give up after 10 s.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// How often it is looked at whether a body gets on. [`BODY_TIME`] is six of these.
pub const PACE_TIME: Duration = Duration::from_secs(5);

/// The fewest bytes of a body that arrive in each [`PACE_TIME`]: 256 a second, a tenth of the
/// slowest mobile network. A body of which more was received already has to bring in a sixth
/// ([`PACE_TIME`] of [`BODY_TIME`]) of that: a sender of steady speed that is done within
/// [`BODY_TIME`] always does, while one that sends 16 MiB and then waits is cut after 5 s. The
/// answer is 408.
pub const PACE_BYTES: usize = 256 * 5;

/// For how long a client may take nothing of an answer that is being sent.
pub const WRITE_TIME: Duration = Duration::from_secs(10);

/// For how long requests under way may go on after a stop.
pub const STOP_TIME: Duration = Duration::from_secs(10);

/// How much of a refused body is read and thrown away before it is answered, in bytes. A client
/// that is still sending when the connection closes never sees the answer, and the vendor's SDK for
/// Node.js then gives up on the events.
pub const MAX_DRAINED: usize = 2 * MAX_BATCH_BODY;

/// Decoded events of one commit, in bytes: a commit takes the requests that wait until it is this
/// large.
pub const COMMIT_BYTES: usize = 8 << 20;

/// The longest error of an answer, in bytes: it quotes what it is about, and that may be large.
pub const MAX_ERROR: usize = 500;

/// What `Retry-After` says, in seconds.
pub const RETRY_AFTER: u64 = 2;

/// Those that tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerLimits {
    pub(super) bytes: Shares,
    pub(super) connections: usize,
    pub(super) head_time: Duration,
    pub(super) body_time: Duration,
    pub(super) pace_time: Duration,
    pub(super) stop_time: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            bytes: Shares {
                all: BYTES_IN_FLIGHT,
                for_small: BYTES_FOR_SMALL,
                small: SMALL_REQUEST,
                of_peer: BYTES_OF_PEER,
            },
            connections: MAX_CONNECTIONS,
            head_time: HEAD_TIME,
            body_time: BODY_TIME,
            pace_time: PACE_TIME,
            stop_time: STOP_TIME,
        }
    }
}

//! Limits of HTTP ingestion. Each limit has a test that hits it, in `tests`.

use std::time::Duration;

use super::budget::Shares;

/// The largest body of `/2/httpapi` and `/identify`, unpacked, in bytes: the vendor's 1 MB, read as
/// 1 MiB.
pub const MAX_BODY: usize = 1 << 20;

/// The largest body of `/batch`, unpacked, in bytes: the vendor's 20 MB, read as 20 MiB.
pub const MAX_BATCH_BODY: usize = 20 << 20;

/// The most events or identifications of one request: the vendor's limit.
pub const MAX_EVENTS: usize = 2_000;

/// The bytes that all requests under way hold together, from the first byte of a body until its
/// events are on disk: bodies as received, bodies unpacked, and decoded events. Further requests
/// are refused with 429. 64 MiB are three full batches, or 50 times the vendor's usual 1,000 events
/// a second with 1 KiB an event.
pub const BYTES_IN_FLIGHT: usize = 64 << 20;

/// The most bytes that a small request holds. 30 events of a browser are some 30 KB, and twice that
/// with the decoded events.
pub const SMALL_REQUEST: usize = 64 << 10;

/// The part of [`BYTES_IN_FLIGHT`] that only small requests get, in bytes, so that large bodies
/// never keep them out. An eighth is enough for 128 small requests at a time, which take
/// milliseconds each.
pub const BYTES_FOR_SMALL: usize = BYTES_IN_FLIGHT / 8;

/// The most bytes of [`BYTES_IN_FLIGHT`] that the requests of one address hold together. Further
/// ones are refused with status 429. Three quarters, because the address may be that of a proxy for
/// all clients: 48 MiB are 20,000 events a second of 500 bytes, as body and as decoded events,
/// while a disk does nothing for two seconds. One large request of an address may exceed the limit;
/// the small ones then still get three quarters of [`BYTES_FOR_SMALL`]. An IPv6 address counts as
/// its network of 64 bits.
pub const BYTES_OF_PEER: usize = BYTES_IN_FLIGHT / 4 * 3;

/// The most connections at a time; fewer where the limit of open files allows fewer. Each costs up
/// to [`MAX_HEAD`] bytes. A further connection replaces one without a request under way. If all
/// have one, it waits in the system's queue.
pub const MAX_CONNECTIONS: usize = 1_024;

/// The largest request line with its headers, in bytes, which is also the reading buffer of a
/// connection. A larger head is answered with 431.
pub const MAX_HEAD: usize = 16 << 10;

/// The most headers of one request. Browsers behind proxies send about 40.
pub const MAX_HEADERS: usize = 100;

/// The time that a connection may take to send the head of a request, or be idle. It is longer than
/// the 5 s after which Node.js drops an idle connection from its pool: otherwise the client could
/// send a request into a connection that the server is closing. The vendor's SDK gives up on the
/// events of such a request.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// The time that a request may take to send its body. The vendor's SDKs give up after 10 s.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// The interval at which the progress of a body is checked. [`BODY_TIME`] is six of these.
pub const PACE_TIME: Duration = Duration::from_secs(5);

/// The fewest bytes of a body that must arrive in each [`PACE_TIME`]: 256 a second, a tenth of the
/// slowest mobile network. Once more was received, at least a sixth of that ([`PACE_TIME`] of
/// [`BODY_TIME`]) must arrive. A steady sender that is done within [`BODY_TIME`] always passes, but
/// one that sends 16 MiB and then waits is cut off after 5 s. The answer is 408.
pub const PACE_BYTES: usize = 256 * 5;

/// The time for which a client may read nothing of an answer that is being sent.
pub const WRITE_TIME: Duration = Duration::from_secs(10);

/// The time for which requests under way may continue after a stop.
pub const STOP_TIME: Duration = Duration::from_secs(10);

/// The bytes of a refused body that are read and dropped before the answer. A client that is still
/// sending when the connection closes never sees the answer, and the vendor's SDK for Node.js then
/// gives up on the events.
pub const MAX_DRAINED: usize = 2 * MAX_BATCH_BODY;

/// The decoded events of one commit, in bytes: a commit takes waiting requests until it reaches
/// this size.
pub const COMMIT_BYTES: usize = 8 << 20;

/// The longest error text of an answer, in bytes. The text quotes the faulty value, which may be
/// large.
pub const MAX_ERROR: usize = 500;

/// The value of the header `Retry-After`, in seconds.
pub const RETRY_AFTER: u64 = 2;

/// The limits that tests make smaller.
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

//! Runs the server: connections, their requests, and the thread that writes the events.

use std::net::IpAddr;
use std::num::NonZero;
use std::sync::Arc;

use muster_store::Store;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::HttpError;
use super::budget::ByteBudget;
use super::commit::{self, Append};
use super::handle::{EventServerState, handle};
use super::key::ApiKey;
use super::limits::{MAX_HEAD, MAX_HEADERS, ServerLimits, WRITE_TIME};
use super::refusals::RefusalWarnings;
use crate::SourceStats;

/// Runs the server as [`super::run_http`] describes. With a store to append to, the store's limits
/// on names hold.
pub(super) async fn run(
    listener: TcpListener,
    (append, store): (Append, Option<Store>),
    keys: Vec<ApiKey>,
    placeholder_ids: bool,
    limits: ServerLimits,
    stats: Arc<SourceStats>,
    cancel: CancellationToken,
) -> Result<(), HttpError> {
    if keys.is_empty() {
        return Err(HttpError::NoKey);
    }
    // A connection has one request under way, so the queue always has a free place.
    let (queue, waiting) = mpsc::channel(limits.connections);
    let writer = {
        let stats = Arc::clone(&stats);
        spawn_blocking(move || commit::run(append, waiting, &stats))
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let shared = Arc::new(EventServerState {
        keys,
        store,
        placeholder_ids,
        budget: ByteBudget::new(limits.bytes),
        decoders: Arc::new(Semaphore::new(processors)),
        queue: queue.clone(),
        stats,
        warnings: RefusalWarnings::default(),
        limits,
    });
    let connections = muster_http::ConnectionLimits {
        connections: limits.connections,
        head_time: limits.head_time,
        write_time: WRITE_TIME,
        stop_time: limits.stop_time,
        max_head: MAX_HEAD,
        max_headers: MAX_HEADERS,
    };
    let stopped = async {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = queue.closed() => {}
        }
    };
    let answer = move |request, peer: Option<IpAddr>| {
        // The listener is one of TCP, so the address is there.
        let peer = peer.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        handle(Arc::clone(&shared), request, peer)
    };
    muster_http::serve(listener, connections, answer, stopped).await;
    // The writer ends with the last sender, after the last commit.
    drop(queue);
    writer.await.map_err(|_| HttpError::Writer)
}

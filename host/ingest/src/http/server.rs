//! Connections: accepted, bounded, and ended in order.

use std::convert::Infallible;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use muster_store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::HttpError;
use super::commit::{self, Append};
use super::handle::{Shared, handle};
use super::key::ApiKey;
use super::limits::{Limits, MAX_HEAD, MAX_HEADERS};
use super::room::Room;
use crate::SourceStats;

/// After an error of the system (most likely, too many open files) the next connection is awaited only after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// See [`super::run_http`]. With the store that is appended to, its limits on names hold.
pub(super) async fn run(
    listener: TcpListener,
    (append, store): (Append, Option<Store>),
    keys: Vec<ApiKey>,
    limits: Limits,
    stats: Arc<SourceStats>,
    cancel: CancellationToken,
) -> Result<(), HttpError> {
    if keys.is_empty() {
        return Err(HttpError::NoKey);
    }
    // A connection has one request under way, so there is always room for the next.
    let (queue, waiting) = mpsc::channel(limits.connections);
    let writer = {
        let stats = Arc::clone(&stats);
        spawn_blocking(move || commit::run(append, waiting, &stats))
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut server = Server {
        shared: Arc::new(Shared {
            keys,
            store,
            room: Room::new(limits.bytes_in_flight),
            decoders: Arc::new(Semaphore::new(processors)),
            queue: queue.clone(),
            stats,
            limits,
        }),
        free: Arc::new(Semaphore::new(limits.connections)),
        graceful: GracefulShutdown::new(),
        connections: JoinSet::new(),
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = server.accept(&listener) => {}
        () = queue.closed() => {}
    }
    drop(listener);
    server.stop().await;
    // The writer ends with the last sender, after the last commit.
    drop(queue);
    writer.await.map_err(|_| HttpError::Writer)
}

struct Server {
    shared: Arc<Shared>,
    /// One for each connection that may be opened still.
    free: Arc<Semaphore>,
    graceful: GracefulShutdown,
    connections: JoinSet<()>,
}

impl Server {
    /// Accepts connections for ever. May be dropped at any time.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            // Taken before a connection is accepted: those beyond wait in the system's queue.
            let Ok(place) = Arc::clone(&self.free).acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection over http cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Those that ended are not kept.
            while self.connections.try_join_next().is_some() {}
            let serving = self.serve(stream);
            self.connections.spawn(async move {
                serving.await;
                drop(place);
            });
        }
    }

    fn serve(&self, stream: TcpStream) -> impl Future<Output = ()> + use<> {
        // Answers are one small write: nothing to wait for.
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&self.shared);
        let service = service_fn(move |request| {
            let answering = handle(Arc::clone(&shared), request);
            async move { Ok::<_, Infallible>(answering.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.shared.limits.head_time)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let connection = self.graceful.watch(connection);
        async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection over http ended early");
            }
        }
    }

    /// Lets the requests under way end, and cuts off those that take too long.
    async fn stop(self) {
        let Self {
            shared,
            graceful,
            mut connections,
            ..
        } = self;
        if timeout(shared.limits.stop_time, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("requests over http are cut off: they took too long to end");
        }
        connections.shutdown().await;
    }
}

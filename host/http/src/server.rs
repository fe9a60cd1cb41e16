//! The server: accepts connections, limits them and ends them in order.

use std::convert::Infallible;
use std::error::Error;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::ConnectionLimits;
use crate::connections::{Connection, Connections};
use crate::listener::ConnectionListener;
use crate::sender::sender;
use crate::writing::Writing;

/// The pause after an error of the system (most likely, too many open files) before the next
/// connection is accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Answers requests until `stopped` is ready. Then it accepts no more connections, lets the
/// requests under way end, and cuts off those that take longer than
/// [`ConnectionLimits::stop_time`]. It returns when all connections are closed.
///
/// `handle` gets each request with the address of its sender; `None`: a client of this machine,
/// over a Unix socket. Behind a proxy it is the proxy's address; for IPv6 it is the network of 64
/// bits.
pub async fn serve<L, H, F, B>(
    listener: L,
    limits: ConnectionLimits,
    handle: H,
    stopped: impl Future<Output = ()>,
) where
    L: ConnectionListener,
    H: Fn(Request<Incoming>, Option<IpAddr>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut server = Server {
        limits,
        connections: Arc::new(Connections::new(limits.connections)),
        graceful: GracefulShutdown::new(),
        tasks: JoinSet::new(),
    };
    tokio::select! {
        () = stopped => {}
        () = server.accept(&listener, handle) => {}
    }
    drop(listener);
    server.stop().await;
}

struct Server {
    limits: ConnectionLimits,
    connections: Arc<Connections>,
    graceful: GracefulShutdown,
    tasks: JoinSet<()>,
}

impl Server {
    /// Accepts connections forever. The future may be dropped at any time.
    async fn accept<L, H, F, B>(&mut self, listener: &L, handle: H)
    where
        L: ConnectionListener,
        H: Fn(Request<Incoming>, Option<IpAddr>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        loop {
            // Connections that would get no place wait in the system's queue and take no descriptor
            // of this process.
            self.connections.vacancy().await;
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection over http cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let sender = peer.map(sender);
            let Some(connection) = self.connections.admit(sender).await else {
                tracing::debug!(
                    ?peer,
                    "a connection over http is refused: its address has too many connections"
                );
                continue;
            };
            // Removes the tasks that have ended.
            while self.tasks.try_join_next().is_some() {}
            let serving = self.serve(stream, sender, Arc::new(connection), handle.clone());
            self.tasks.spawn(serving);
        }
    }

    fn serve<S, H, F, B>(
        &self,
        stream: S,
        sender: Option<IpAddr>,
        connection: Arc<Connection>,
        handle: H,
    ) -> impl Future<Output = ()> + Send + use<S, H, F, B>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        H: Fn(Request<Incoming>, Option<IpAddr>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let service = {
            let connection = Arc::clone(&connection);
            service_fn(move |request| {
                // The request begins here, not in the future below: from the last byte of the head
                // on, the connection is not ended for another.
                let busy = connection.begin();
                let answering = handle(request, sender);
                async move {
                    let answer = answering.await;
                    busy.end(answer.status() == StatusCode::OK);
                    Ok::<_, Infallible>(answer)
                }
            })
        };
        let stream = Writing::new(stream, self.limits.write_time);
        let exchange = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .max_headers(self.limits.max_headers)
            .max_buf_size(self.limits.max_head)
            .serve_connection(TokioIo::new(stream), service);
        let exchange = self.graceful.watch(exchange);
        async move {
            let exchange = pin!(exchange);
            tokio::select! {
                // Requests that have arrived go first.
                biased;
                ended = exchange => if let Err(error) = ended {
                    tracing::debug!(%error, ?sender, "a connection over http ended early");
                },
                () = connection.must_end() => {
                    tracing::debug!(?sender, "an idle connection over http was closed for a new one");
                }
            }
        }
    }

    /// Lets the requests under way end, and cuts off those that take longer than the limit.
    async fn stop(self) {
        let Self {
            limits,
            graceful,
            mut tasks,
            ..
        } = self;
        if timeout(limits.stop_time, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("requests over http are cut off: they took too long to end");
        }
        tasks.shutdown().await;
    }
}

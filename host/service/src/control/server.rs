//! The server of the control API.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use muster_http::ConnectionLimits;
use tokio::net::UnixListener;
use tower::ServiceExt;

use super::routes;
use crate::service::Service;

/// The number of connections at a time. One connection more takes the place of an idle one, or
/// waits in the system's queue.
pub const CONNECTIONS: usize = 64;

/// Limits of a connection. A request is on its way within this machine, so it arrives at once.
const LIMITS: ConnectionLimits = ConnectionLimits {
    connections: CONNECTIONS,
    head_time: Duration::from_secs(5),
    write_time: Duration::from_secs(10),
    stop_time: Duration::from_secs(2),
    max_head: 16 << 10,
    max_headers: 100,
};

/// Answers requests until the service stops.
pub(crate) async fn serve(listener: UnixListener, service: Arc<Service>) {
    let stopped = service.state.shutdown.token();
    let (router, _) = routes::router().split_for_parts();
    let router = router
        .method_not_allowed_fallback(routes::other_method)
        .with_state(service);
    let answer = move |request: Request<_>, _peer: Option<IpAddr>| {
        let answering = router.clone().oneshot(request.map(Body::new));
        async move {
            match answering.await {
                Ok(answer) => answer,
                Err(never) => match never {},
            }
        }
    };
    muster_http::serve(listener, LIMITS, answer, stopped.cancelled_owned()).await;
}

//! Metrics and health over HTTP, for operators.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use muster_http::ConnectionLimits;
use muster_tasks::blocking;
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::state::ServiceState;

/// The number of connections at a time. A few clients that scrape metrics and probe health keep one
/// each. One connection more takes the place of an idle one.
pub const CONNECTIONS: usize = 64;

/// Limits of a connection. The time of a head is that of ingestion, which is longer than the 5 s
/// after which most pools drop a connection. An answer of a thousand cohorts is some 500 KB, which
/// every network takes within seconds.
const LIMITS: ConnectionLimits = ConnectionLimits {
    connections: CONNECTIONS,
    head_time: Duration::from_secs(10),
    write_time: Duration::from_secs(10),
    stop_time: Duration::from_secs(2),
    max_head: 16 << 10,
    max_headers: 100,
};

/// The content type of OpenMetrics text.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Takes the address.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for metrics and health (`operations:` in muster.yaml): choose an address that is free")
    })
}

/// Answers requests until the service stops.
pub(crate) async fn serve(listener: TcpListener, state: Arc<ServiceState>) {
    let stopped = state.shutdown.token();
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(state);
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

async fn metrics(State(state): State<Arc<ServiceState>>) -> Response {
    let text = blocking(move || state.metrics.text(&state)).await;
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    }
}

/// Answers whether the service is ready. The service is ready when every cohort has had its first
/// attempt, every source makes progress, every part runs, and no stop is under way. A wrong
/// definition on disk is reported, but the service stays ready, because the active definitions
/// continue.
async fn ready(State(state): State<Arc<ServiceState>>) -> Response {
    let mut reasons = Vec::new();
    if state.shutdown.has_begun() {
        reasons.push("stopping".to_owned());
    }
    let (caught_up, faults) = {
        let active = state.active();
        (active.caught_up, active.definitions.clone())
    };
    if !caught_up {
        reasons.push("the first run of some cohorts has not finished".to_owned());
    }
    for (name, stats) in &state.sources {
        reasons.extend(stats.error().map(|error| format!("source {name}: {error}")));
    }
    let is_source = |name: &str| name.starts_with("source ");
    for (name, part) in state.parts.all() {
        // The error of a source is in the list already.
        if part.down && !is_source(&name) {
            reasons.push(format!("{name}: {}; it is started again", part.why));
        }
    }
    let mut text = reasons.join("\n");
    let ready = reasons.is_empty();
    if ready {
        text.push_str("ready");
    }
    for fault in faults.into_iter().flat_map(|faults| faults.lines) {
        text.push_str("\nwrong definition, not active: ");
        text.push_str(&fault);
    }
    text.push('\n');
    match ready {
        true => text.into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, text).into_response(),
    }
}
